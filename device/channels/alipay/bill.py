"""Alipay's bill of a day: the zip that the bill's address gives, to a `Bill`. Pure.

The zip holds two GBK files with GBK names: the lines (业务明细) and a summary (汇总). The lines'
head stands among `#` rows; fields carry a tab; refunds have negative amounts, or positive ones in
old files, so the type column decides and the amount is taken without its sign.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping

from device.channels.bill_text import BadBill, e5_of, fen_of, time_of
from device.domain.bill import Bill, BillKind, BillLine, BillTotals

LARGEST_ENTRY = 256 * 1024 * 1024  # bytes of one file unpacked; more is a bomb, not a day
MOST_ENTRIES = 8
LINES, SUMMARY = "业务明细", "汇总"
NUMBER, ORDER, KIND = "支付宝交易号", "商户订单号", "业务类型"
AMOUNT, SETTLED, FEE = "订单金额（元）", "商家实收（元）", "服务费（元）"
FINISHED, CREATED = "完成时间", "创建时间"
REQUEST, TERMINAL = "退款批次号/请求号", "终端号"
REQUIRED = (NUMBER, ORDER, KIND, AMOUNT, SETTLED, FEE, CREATED)
KINDS = {"交易": BillKind.PAYMENT, "退款": BillKind.REFUND}
_PAID = re.compile(r"#交易合计[：:]\s*([0-9]+)笔，商家实收共(-?[0-9.]+)元")
_BACK = re.compile(r"#退款合计[：:]\s*([0-9]+)笔，商家实收退款共(-?[0-9.]+)元")


def read(archive: bytes) -> Bill:
    """Return the bill; BadBill if it cannot be read whole."""
    texts = dict(_entries(archive))
    lines = next((t for name, t in texts.items() if LINES in name and SUMMARY not in name), None)
    if lines is None:
        raise BadBill("a bill without its lines")
    summary = next((t for name, t in texts.items() if SUMMARY in name), "")
    return read_text(lines, summary)


def read_text(lines: str, summary: str = "") -> Bill:
    """The same from the two texts."""
    found = tuple(_line(record) for record in _records(lines))
    return Bill(found, _totals(lines, summary))


def _entries(archive: bytes) -> Iterator[tuple[str, str]]:
    """Names and texts of what is in the zip; nothing is ever written under a name from it."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive), metadata_encoding="gbk") as packed:
            infos = packed.infolist()
            if len(infos) > MOST_ENTRIES or any(i.file_size > LARGEST_ENTRY for i in infos):
                raise BadBill("a bill larger than a day's")
            for info in infos:
                with packed.open(info) as file:
                    text = file.read(LARGEST_ENTRY + 1)
                if len(text) > LARGEST_ENTRY:
                    raise BadBill("a bill larger than a day's")
                yield info.filename, text.decode("gb18030")
    except (zipfile.BadZipFile, zlib.error, UnicodeDecodeError, EOFError, NotImplementedError):
        raise BadBill("a bill that is no zip of GBK texts") from None


def _records(text: str) -> Iterator[Mapping[str, str]]:
    names: list[str] | None = None
    for row in csv.reader(line for line in text.splitlines() if not line.startswith("#")):
        values = [value.strip().strip("`").strip() for value in row]
        if not any(values):
            continue
        if names is None:
            names = values
        elif len(values) != len(names):
            raise BadBill("a line with another number of columns than the head")
        else:
            yield dict(zip(names, values, strict=True))
    if names is None:
        raise BadBill("a bill without a head")


def _line(record: Mapping[str, str]) -> BillLine:
    missing = next((n for n in REQUIRED if n not in record), None)
    if missing:
        raise BadBill(f"a column is missing: {missing}")
    kind = KINDS.get(record[KIND])
    if kind is None:
        raise BadBill("a line of a kind that nobody knows")
    request = record.get(REQUEST, "")
    fee = abs(e5_of(record[FEE] or "0"))  # its sign differs between exports; the kind decides
    return BillLine(
        kind=kind,
        out_trade_no=record[ORDER],
        provider_trade_no=record[NUMBER],
        amount_fen=abs(fen_of(record[AMOUNT])),
        settled_fen=abs(fen_of(record[SETTLED])),
        at=time_of(record.get(FINISHED) or record[CREATED]),
        out_refund_no=request if kind is BillKind.REFUND else "",
        provider_refund_no="",
        fee_e5=fee if kind is BillKind.PAYMENT else -fee,
        state=record[KIND],
        terminal=record.get(TERMINAL, ""),
    )


def _totals(lines: str, summary: str) -> BillTotals:
    """Counts and sums from under the lines; the fee from the summary's last row, if there."""
    paid, back = _PAID.search(lines), _BACK.search(lines)
    if not paid or not back:
        raise BadBill("a bill without its totals")
    row = _summary_row(summary)
    return BillTotals(
        lines=int(paid[1]) + int(back[1]),
        payments=int(paid[1]),
        refunds=int(back[1]),
        settled_paid_fen=fen_of(paid[2]),
        settled_back_fen=abs(fen_of(back[2])),
        fee_e5=abs(e5_of(row[FEE])) if row.get(FEE) else None,
    )


def _summary_row(summary: str) -> Mapping[str, str]:
    if not summary:
        return {}
    return next((r for r in _records(summary) if next(iter(r.values())).startswith("合计")), {})
