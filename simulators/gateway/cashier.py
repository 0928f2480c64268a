"""What a provider decides, common to both wallets: pay, reverse, refund over the book.

Answers are neutral (`Refusal`, `Reversal`, `Refunding`); each wallet says them in its own codes.
"""

from dataclasses import dataclass
from enum import Enum, auto

from simulators.gateway.behaviours import Rule
from simulators.gateway.book import Book
from simulators.gateway.model import (
    ENDED_WITHOUT_MONEY,
    LatePay,
    PayerPlan,
    PayOrder,
    Refund,
    RefundStatus,
    State,
    Trade,
    Wallet,
)
from simulators.gateway.scripts import Turn


class Refusal(Enum):
    """Why a pay made no payment."""

    NUMBER_USED = auto()  # the number exists with other parameters
    CODE_USED = auto()
    CODE_EXPIRED = auto()
    CODE_UNKNOWN = auto()  # only in `only_issued_codes`
    CLOSED = auto()  # the number exists and timed out
    REVERSED = auto()  # the number exists and was reversed
    DECLINED = auto()  # with a code


@dataclass(frozen=True, slots=True)
class Refused:
    """No payment."""

    why: Refusal
    code: str = ""


def pay(book: Book, order: PayOrder, turn: Turn) -> Trade | Refused:
    """Open the trade and let the payer act; the trade is PAID or PAYING.

    The same number with the same parameters is the same trade; with others it is refused.
    """
    known = book.find(order.wallet, order.out_trade_no)
    if known is not None:
        return _again(known, order)
    if refused := _code_problem(book, order):
        return refused
    if decline := turn.take("decline"):
        book.use_code(order)
        return Refused(Refusal.DECLINED, decline.get("code"))
    plan = _payer_plan(book, order, turn)
    trade = book.open(order, plan)
    if plan is None:
        book.move(trade, State.PAID)
    return trade


def pay_later(book: Book, order: PayOrder, turn: Turn, rule: Rule) -> None:
    """Put the pay on its way; it lands when the rule says."""
    after_s = rule.get("after_s")
    lands_at = None if after_s is None else book.clock.now() + float(after_s)
    book.late.append(
        LatePay(order, lands_at, rule.get("after_reverse_s"), _payer_plan(book, order, turn))
    )


def _again(trade: Trade, order: PayOrder) -> Trade | Refused:
    if trade.order.fingerprint != order.fingerprint:
        return Refused(Refusal.NUMBER_USED)
    if trade.state not in ENDED_WITHOUT_MONEY:
        return trade
    timed_out = trade.ended_by == "timeout"
    return Refused(Refusal.CLOSED if timed_out else Refusal.REVERSED)


def _code_problem(book: Book, order: PayOrder) -> Refused | None:
    code = book.codes.get(order.code)
    if code is None:
        unknown = book.rules.only_issued_codes
        return Refused(Refusal.CODE_UNKNOWN) if unknown else None
    if code.used_by is not None:
        return Refused(Refusal.CODE_USED)
    if code.expires_at is not None and code.expires_at <= book.clock.now():
        return Refused(Refusal.CODE_EXPIRED)
    return None


def _payer_plan(book: Book, order: PayOrder, turn: Turn) -> PayerPlan | None:
    """What the payer will do; None = pays without being asked."""
    now = book.clock.now()
    rule = turn.take("paid", "password", "password_never", "password_cancelled")
    if rule is None:
        asked = order.amount_fen >= book.rules.password_from_fen
        return PayerPlan(None, agrees=True) if asked else None
    match rule.name:
        case "password":
            return PayerPlan(now + float(rule.get("after_s")), agrees=True)
        case "password_cancelled":
            at = now + float(rule.get("after_s"))
            return PayerPlan(at, agrees=False, shows=str(rule.get("shows")))
        case "password_never":
            return PayerPlan(None, agrees=True)
        case _:
            return None


class Reversal(Enum):
    """What came of a reverse or cancel."""

    CLOSED = auto()  # it was not paid; nobody can pay it any more
    GIVEN_BACK = auto()  # it was paid; the payer has the money back
    NO_ORDER = auto()
    AGAIN = auto()  # recall=Y, retry_flag=Y
    PAYING = auto()  # refused: the payer is typing
    EXPIRED = auto()  # the window is over: refund instead
    REFUNDED = auto()  # refused: a refund was made


_SCRIPTED = {
    "reverse_paying": Reversal.PAYING,
    "recall": Reversal.AGAIN,
    "retry_flag": Reversal.AGAIN,
    "no_action": Reversal.NO_ORDER,
    "reverse_no_effect": Reversal.CLOSED,
    "reverse_expired": Reversal.EXPIRED,
}


def reverse(book: Book, wallet: Wallet, out_trade_no: str, turn: Turn) -> Reversal:
    """Close an unpaid trade, give a paid one back (wechat §2.3, alipay §5.3)."""
    trade = book.find(wallet, out_trade_no)
    if rule := turn.take(*_SCRIPTED):
        return _SCRIPTED[rule.name]
    if trade is None:
        book.reversed_nothing(wallet, out_trade_no)
        return Reversal.NO_ORDER
    if trade.state in (State.PAYING, State.FAILED):
        book.move(trade, State.CLOSED, "reverse")
    if trade.state is not State.PAID:
        return Reversal.GIVEN_BACK if trade.state is State.RETURNED else Reversal.CLOSED
    return _give_back(book, trade)


def _give_back(book: Book, trade: Trade) -> Reversal:
    now, rules = book.clock.now(), book.rules
    wechat = trade.order.wallet is Wallet.WECHAT
    window_s = rules.wechat_reverse_window_s if wechat else rules.alipay_cancel_window_s
    if now - (trade.paid_at or now) > window_s:
        return Reversal.EXPIRED
    if trade.reserved_fen(now):
        return Reversal.REFUNDED
    book.move(trade, State.RETURNED, "reverse")
    return Reversal.GIVEN_BACK


class Refunding(Enum):
    """Why a refund was not accepted."""

    NO_ORDER = auto()
    NOT_PAID = auto()
    OTHER_AMOUNT = auto()  # the same number, another amount
    TOO_MUCH = auto()
    TOO_MANY = auto()
    TOO_SOON = auto()
    NOT_ENOUGH = auto()  # the merchant's balance


def refund(  # noqa: PLR0913 - the facts of a refund
    book: Book, trade: Trade | None, number: str, amount_fen: int, reason: str, turn: Turn
) -> Refund | Refunding:
    """Accept a refund, or say why not. The same number is refunded once."""
    if trade is None:
        return Refunding.NO_ORDER
    known = trade.refund(number)
    if known is not None:
        known.said += 1
        return known if known.amount_fen == amount_fen else Refunding.OTHER_AMOUNT
    if problem := _refund_problem(book, trade, amount_fen):
        return problem
    if turn.take("refund_not_enough"):
        return Refunding.NOT_ENOUGH
    return _new_refund(book, trade, number, amount_fen, reason, turn)


def _refund_problem(book: Book, trade: Trade, amount_fen: int) -> Refunding | None:
    now, rules = book.clock.now(), book.rules
    if trade.state is not State.PAID:
        return Refunding.NOT_PAID
    if amount_fen < 1 or trade.reserved_fen(now) + amount_fen > trade.order.amount_fen:
        return Refunding.TOO_MUCH
    if len(trade.refunds) >= rules.max_refunds:
        return Refunding.TOO_MANY
    spacing_s = rules.wechat_refund_spacing_s if trade.order.wallet is Wallet.WECHAT else 0
    if trade.refunds and now - trade.refunds[-1].requested_at < spacing_s:
        return Refunding.TOO_SOON
    return None


def _new_refund(  # noqa: PLR0913 - as above
    book: Book, trade: Trade, number: str, amount_fen: int, reason: str, turn: Turn
) -> Refund:
    now = book.clock.now()
    rule = turn.take("refund_processing", "refund_change")
    for_s = book.rules.refund_processing_s if rule is None else float(rule.get("for_s"))
    ends = RefundStatus.SUCCESS
    if rule is not None and rule.name == "refund_change":
        ends = RefundStatus(rule.get("status"))
    provider_no = book.next_no("5030")
    one = Refund(number, provider_no, amount_fen, now, now + for_s, ends, reason, said=1)
    book.add_refund(trade, one)
    return one
