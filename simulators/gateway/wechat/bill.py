"""WeChat's `downloadbill`: BOM, CRLF, a backtick before each value, totals below (wechat §7)."""

import gzip
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from simulators.differences import PAYMENT, Entry
from simulators.gateway import bills
from simulators.gateway.book import Book
from simulators.gateway.clock import spaced
from simulators.gateway.merchant import Merchant
from simulators.gateway.model import Wallet
from simulators.gateway.wechat import xml
from simulators.gateway.wire import Answer

_FIRST = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,"
    "付款银行,货币种类,应结订单金额,代金券金额"
)
_BACK = "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态"
HEADS = {
    "ALL": f"{_FIRST},{_BACK},商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注",
    "SUCCESS": f"{_FIRST},商品名称,商户数据包,手续费,费率,订单金额,费率备注",
    "REFUND": (
        f"{_FIRST},退款申请时间,退款成功时间,{_BACK},商品名称,商户数据包,手续费,费率,订单金额,"
        "申请退款金额,费率备注"
    ),
}
OLD_HEAD = (
    "交易时间,公众账号ID,商户号,子商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,"
    "付款银行,货币种类,总金额,代金券或立减优惠金额,微信退款单号,商户退款单号,退款金额,"
    "代金券或立减优惠退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率"
)
TOTALS = (
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
)
OLD_TOTALS = "总交易单数,总交易额,总退款金额,总代金券或立减优惠退款金额,手续费总金额"
KINDS = ("ALL", "SUCCESS", "REFUND", "RECHARGE_REFUND")
OLD_COLUMNS = 24
OPENID = "oUpF8uN95-Ptaags6E_roPHg7AG0"
NOTHING = "No Bill Exist", "20002"


def answer(fields: Mapping[str, str], merchant: Merchant, book: Book) -> Answer:
    """The bill that was asked for, or an unsigned XML that says why there is none."""
    kind = fields.get("bill_type") or "ALL"
    day = _day(fields["bill_date"])
    if day is None:
        return refused("data format error")
    if kind not in KINDS:
        return refused("invalid bill_type")
    if not bills.ready(book, day):
        return refused("Bill Creating")
    found = [e for e in bills.entries(book, Wallet.WECHAT, day) if _belongs(kind, e)]
    if not found:
        return refused(*NOTHING)
    body = write(found, kind, merchant, old=book.rules.wechat_bill_columns == OLD_COLUMNS)
    if fields.get("tar_type") == "GZIP":
        return Answer(gzip.compress(body), "application/x-gzip")
    return Answer(body, "text/plain")


def refused(text: str, code: str = "") -> Answer:
    """An unsigned failure; an error under GZIP is plain XML too."""
    told = {"return_code": "FAIL", "return_msg": text} | ({"error_code": code} if code else {})
    return Answer(xml.write(told), "text/plain")


def write(found: Sequence[Entry], kind: str, merchant: Merchant, *, old: bool) -> bytes:
    """The bytes of a bill. `old`: the 24 columns of merchants from before 2018."""
    whole = old and kind == "ALL"
    head, totals_head = (OLD_HEAD, OLD_TOTALS) if whole else (HEADS[kind], TOTALS)
    lines = [_line(head, _values(entry, merchant)) for entry in found]
    rows = [head, *lines, totals_head, _line(totals_head, _sums(found))]
    return ("\ufeff" + "".join(f"{row}\r\n" for row in rows)).encode()


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007  a day has no zone
    except ValueError:
        return None


def _belongs(kind: str, entry: Entry) -> bool:
    return kind == "ALL" or {"SUCCESS": PAYMENT, "REFUND": "refund"}.get(kind) == entry.kind


def _line(head: str, values: dict[str, str]) -> str:
    return ",".join(f"`{values.get(name, '')}" for name in head.split(","))


def _values(entry: Entry, merchant: Merchant) -> dict[str, str]:
    paid = entry.kind == PAYMENT
    fee = bills.fee_fen(entry.fen) * (1 if paid else -1)
    amount, back = (_yuan(entry.fen), "0.00") if paid else ("0.00", _yuan(entry.fen))
    taken_back = not paid and not entry.plain
    state = "SUCCESS" if paid else "REVOKED" if taken_back else "REFUND"
    return {
        "交易时间": spaced(entry.at),
        "公众账号ID": merchant.appid,
        "商户号": merchant.mch_id,
        **dict.fromkeys(("特约商户号", "子商户号"), "0"),
        "设备号": entry.device,
        "微信订单号": entry.theirs,
        "商户订单号": entry.order,
        "用户标识": OPENID,
        "交易类型": "MICROPAY",
        "交易状态": state,
        "付款银行": "OTHERS",
        "货币种类": "CNY",
        **dict.fromkeys(("应结订单金额", "订单金额", "总金额"), amount),
        **dict.fromkeys(("退款金额", "申请退款金额"), back),
        **dict.fromkeys(("代金券金额", "代金券或立减优惠金额"), "0.00"),
        **dict.fromkeys(("充值券退款金额", "代金券或立减优惠退款金额"), "0.00"),
        "微信退款单号": "0" if paid else entry.their_refund,
        "商户退款单号": "0" if paid else entry.key,
        "退款申请时间": spaced(entry.at),
        "退款成功时间": spaced(entry.at),
        "退款类型": "" if paid else "ORIGINAL",
        "退款状态": "" if paid else "SUCCESS",
        "商品名称": entry.subject,
        "手续费": f"{fee / 100:.5f}",
        "费率": "0.60%",
    }


def _sums(found: Sequence[Entry]) -> dict[str, str]:
    """The totals row: the count as `45.0`, a sum of nothing as `0.0` (wechat §7, a real bill)."""
    paid = sum(e.fen for e in found if e.kind == PAYMENT)
    back = sum(e.fen for e in found if e.kind != PAYMENT)
    fee = sum(bills.fee_fen(e.fen) * (1 if e.kind == PAYMENT else -1) for e in found)
    return {
        "总交易单数": f"{len(found)}.0",
        **dict.fromkeys(("应结订单总金额", "订单总金额", "总交易额"), _yuan(paid)),
        **dict.fromkeys(("退款总金额", "申请退款总金额", "总退款金额"), _yuan(back)),
        **dict.fromkeys(("充值券退款总金额", "总代金券或立减优惠退款金额"), "0.0"),
        "手续费总金额": f"{fee / 100:.5f}",
    }


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"
