"""The providers' own rules, each with the figure the documents give."""

from dataclasses import dataclass

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits of both providers; the defaults are what the documents say."""

    merchant_name: str = "市一医院"
    # From this amount the phone asks for the payment password (documents: over 1000 yuan).
    password_from_fen: int = 100_000
    # A payer code shown on a phone lives one minute (wechat §4).
    code_life_s: float = 60
    # True: only codes the phone API issued are taken. False lets tests use any code.
    only_issued_codes: bool = False
    # WeChat revokes an unpaid barcode order by itself 45 s after creation (wechat §3).
    wechat_revoke_s: float = 45
    # Alipay closes after timeout_express; without it, 3 h for barcode payment (alipay §5.1).
    alipay_timeout_s: float = 3 * 3600
    # Reverse: 7 days (wechat §2.3). Cancel: 24 h after the payment (alipay §5.3).
    wechat_reverse_window_s: float = 7 * DAY_S
    alipay_cancel_window_s: float = DAY_S
    # At most 50 refunds an order (wechat §2.4).
    max_refunds: int = 50
    # WeChat wants refunds of one order a minute apart; 0 = not enforced (it slows every test).
    wechat_refund_spacing_s: float = 0
    # How long a refund is under way before the refund query calls it done.
    refund_processing_s: float = 0
    # Columns of WeChat's ALL bill: 27, or 24 for merchants from before 2018 (wechat §7).
    wechat_bill_columns: int = 27
