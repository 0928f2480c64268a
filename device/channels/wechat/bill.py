"""WeChat's bill of a day (`downloadbill`): the text of the answer to a `Bill`. Pure.

UTF-8 with BOM, CRLF; every value has a backtick in front, so the separator is ",`" and values may
hold bare commas. Columns are found by their names: they differ by bill type (24, 27, 20, 29) and by
merchant. After the lines come a head and a line of totals. An empty day is no bill but an XML
answer `No Bill Exist`.
"""

import re
import zlib
from collections.abc import Mapping
from enum import StrEnum

from device.channels.bill_text import BadBill, count_of, e5_of, fen_of, time_of
from device.domain.bill import Bill, BillKind, BillLine, BillTotals

LARGEST_TEXT = 256 * 1024 * 1024  # a million lines; more is no bill of one hospital
GZIP = b"\x1f\x8b"
REFUND, REVOKED = "REFUND", "REVOKED"
_MESSAGE = re.compile(rb"<return_msg>(?:<!\[CDATA\[)?([^<\]]{0,200})")


class NoBill(StrEnum):
    """Why there is no bill now."""

    EMPTY_DAY = "empty_day"
    NOT_READY = "not_ready"
    AGAIN = "again"
    REFUSED = "refused"


REFUSALS: dict[str, NoBill] = {
    "no bill exist": NoBill.EMPTY_DAY,
    "bill creating": NoBill.NOT_READY,
    "systemerror": NoBill.AGAIN,
    "compressgzip error": NoBill.AGAIN,
    "uncompressgzip error": NoBill.AGAIN,
}
"""By `return_msg`, the only field that all sources agree on; another one is REFUSED."""


def read(body: bytes) -> Bill | NoBill:
    """Return the bill, or why there is none; BadBill if it cannot be read whole."""
    if body.lstrip()[:1] == b"<":
        found = _MESSAGE.search(body[:4096])
        said = found[1].decode(errors="replace").strip().lower() if found else ""
        return REFUSALS.get(said, NoBill.REFUSED)
    lines = _text(body).split("\r\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if len(lines) < 3:  # noqa: PLR2004  a head, the totals' head, the totals
        raise BadBill("a bill without its totals")
    head, rows, totals_head, totals = lines[0], lines[1:-2], lines[-2], lines[-1]
    names = _names(head)
    read_lines = tuple(_line(_record(names, row)) for row in rows)
    return Bill(read_lines, _totals(_record(_names(totals_head), totals)))


def _names(head: str) -> list[str]:
    return [name.strip().strip("`") for name in head.split(",")]


def _text(body: bytes) -> str:
    if body.startswith(GZIP):
        try:
            body = _unzipped(body)
        except zlib.error:
            raise BadBill("a bill that is not gzip") from None
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadBill("a bill that is not UTF-8") from None


def _unzipped(body: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    text = stream.decompress(body, LARGEST_TEXT)
    if not stream.eof:
        raise BadBill("a bill larger than a day's, or cut")
    return text


def _record(names: list[str], row: str) -> Mapping[str, str]:
    if not row.startswith("`"):
        raise BadBill("a line without its backticks")
    values = row[1:].split(",`")
    if len(values) != len(names):
        raise BadBill("a line with another number of columns than the head")
    return dict(zip(names, values, strict=True))


def _first(record: Mapping[str, str], *names: str) -> str:
    for name in names:
        if name in record:
            return record[name].strip()
    raise BadBill(f"a column is missing: {names[0]}")


def _line(record: Mapping[str, str]) -> BillLine:
    state = _first(record, "交易状态").upper()
    if state == REFUND or (state == REVOKED and _refund_no(record)):
        return BillLine(
            kind=BillKind.REFUND,
            out_trade_no=_first(record, "商户订单号"),
            provider_trade_no=_first(record, "微信订单号"),
            amount_fen=fen_of(_first(record, "申请退款金额", "退款金额")),
            settled_fen=fen_of(_first(record, "退款金额")),
            at=time_of(_first(record, "退款成功时间", "交易时间")),
            out_refund_no=_first(record, "商户退款单号"),
            provider_refund_no=_first(record, "微信退款单号"),
            fee_e5=e5_of(_first(record, "手续费")),
            state=state,
            terminal=record.get("设备号", "").strip(),
        )
    return BillLine(
        kind=BillKind.PAYMENT,
        out_trade_no=_first(record, "商户订单号"),
        provider_trade_no=_first(record, "微信订单号"),
        amount_fen=fen_of(_first(record, "订单金额", "总金额")),
        settled_fen=fen_of(_first(record, "应结订单金额", "总金额")),
        at=time_of(_first(record, "交易时间")),
        fee_e5=e5_of(_first(record, "手续费")),
        state=state,
        terminal=record.get("设备号", "").strip(),
    )


def _refund_no(record: Mapping[str, str]) -> str:
    """An order that was reversed has a line of its own with a refund number; payments have "0"."""
    return record.get("微信退款单号", "").strip().strip("0")


def _totals(record: Mapping[str, str]) -> BillTotals:
    return BillTotals(
        lines=count_of(_first(record, "总交易单数")),
        paid_fen=fen_of(_first(record, "订单总金额", "总交易额")),
        refunded_fen=fen_of(_first(record, "申请退款总金额", "总退款金额")),
        settled_paid_fen=fen_of(_first(record, "应结订单总金额", "总交易额")),
        settled_back_fen=fen_of(_first(record, "退款总金额", "总退款金额")),
        fee_e5=e5_of(_first(record, "手续费总金额")),
    )
