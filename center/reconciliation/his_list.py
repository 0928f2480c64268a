"""The HIS's list: a file's rows as `HisRow`s, all of them or none. Pure but for `store`.

CSV (UTF-8 or GB18030), XLSX or JSON. Which column means what is the site's: a mapping that is saved
under a name, or guessed from the headings. A row that cannot be understood refuses the whole file
with its number and what is wrong; duplicates and numbers are taken as they are written.
"""

import csv
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from openpyxl import load_workbook

from center.ledger.rows import BEIJING
from center.reconciliation.models import HisList, HisRow

MOST_ROWS = 300_000
MOST_UNPACKED = 200 * 1024 * 1024  # bytes of an XLSX unpacked; more is a bomb
MOST_RATIO = 200
_YUAN = re.compile(r"(-?)(?:￥|¥)?([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,9})(?:\.([0-9]{1,2})0*)?")
EXCEL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001  Excel's days have no zone

REQUIRED = ("day", "his_id", "amount", "pay_type")
HEADINGS: dict[str, tuple[str, ...]] = {
    "day": ("日期", "收费日期", "交易日期", "结算日期", "day", "date"),
    "at": ("时间", "收费时间", "交易时间", "at", "time"),
    "his_id": ("HIS单号", "HIS 单号", "单号", "收费单号", "流水号", "票据号", "his_id", "id"),
    "amount": ("金额", "收费金额", "实收金额", "amount", "金额（元）"),
    "amount_fen": ("amount_fen", "金额（分）"),
    "pay_type": ("支付方式", "收费方式", "结算方式", "渠道", "pay_type", "wallet"),
    "kind": ("类型", "收退", "收退标志", "kind", "类别"),
    "out_trade_no": ("商户单号", "商户订单号", "out_trade_no"),
    "operator": ("收费员", "操作员", "工号", "operator"),
    "business": ("业务", "业务类型", "business"),
}
TITLES: dict[str, Any] = {
    "day": gettext_lazy("日期"),
    "at": gettext_lazy("时间"),
    "his_id": gettext_lazy("HIS 单号"),
    "amount": gettext_lazy("金额（元）"),
    "amount_fen": gettext_lazy("金额（分）"),
    "pay_type": gettext_lazy("支付方式"),
    "kind": gettext_lazy("收退"),
    "out_trade_no": gettext_lazy("商户单号"),
    "operator": gettext_lazy("收费员"),
    "business": gettext_lazy("业务"),
}
PAY_TYPES = {
    **dict.fromkeys(("微信", "微信支付", "wechat"), "wechat"),
    **dict.fromkeys(("支付宝", "alipay"), "alipay"),
    **dict.fromkeys(("现金", "cash"), "cash"),
    **dict.fromkeys(("银行卡", "刷卡", "card"), "card"),
}
KINDS = {
    **dict.fromkeys(("收款", "收费", "收", "payment", "1"), "payment"),
    **dict.fromkeys(("退款", "退费", "退", "refund", "-1"), "refund"),
}


class BadList(Exception):
    """The list is refused whole; the text tells a person which row and what."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """Which heading holds which field, and the site's own words."""

    columns: Mapping[str, str]
    words: Mapping[str, str] = field(default_factory=dict)


def rows_of(name: str, body: bytes) -> tuple[list[str], list[Sequence[Any]]]:
    """Return the headings and the rows of a file, by its ending."""
    ending = name.rsplit(".", 1)[-1].lower()
    if ending == "xlsx":
        table = _xlsx(body)
    elif ending == "json":
        table = _json(body)
    elif ending in {"csv", "txt"}:
        table = _csv(body)
    else:
        raise BadList(_("只收 CSV、XLSX、JSON 文件"))
    head, *rows = [*table, []][:-1] if table else ([],)
    if not head:
        raise BadList(_("文件是空的"))
    if len(rows) > MOST_ROWS:
        raise BadList(_("超过 %(most)d 行，请分几次上传") % {"most": MOST_ROWS})
    return [str(h or "").strip() for h in head], rows


def _csv(body: bytes) -> list[Sequence[Any]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = body.decode(encoding)
        except UnicodeDecodeError:
            continue
        return [row for row in csv.reader(io.StringIO(text, newline="")) if any(row)]
    raise BadList(_("文字编码看不懂：请存为 UTF-8 或 GBK"))


def _xlsx(body: bytes) -> list[Sequence[Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            size = sum(info.file_size for info in packed.infolist())
        book = (
            load_workbook(io.BytesIO(body), read_only=True, data_only=True)
            if _sane(size, len(body))
            else None
        )
    except Exception:  # noqa: BLE001  openpyxl raises many kinds for a file that is none
        raise BadList(_("不是能打开的 XLSX 文件")) from None
    if book is None:
        raise BadList(_("文件解开后太大"))
    page = book.worksheets[0]
    rows = (row for row in page.iter_rows(values_only=True) if any(v is not None for v in row))
    return list(islice(rows, MOST_ROWS + 2))


def _sane(unpacked: int, packed: int) -> bool:
    """Whether a zip is a spreadsheet of a hospital and not a bomb."""
    return unpacked <= MOST_UNPACKED and unpacked <= MOST_RATIO * packed


def _json(body: bytes) -> list[Sequence[Any]]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise BadList(_("不是 JSON")) from None
    records = found.get("rows") if isinstance(found, dict) else found
    if not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
        raise BadList(_('JSON 须是记录的列表，或 {"rows": [...]}'))
    head = sorted({str(key) for record in records for key in record})
    return [head, *([record.get(key) for key in head] for record in records)]


def guessed(head: Sequence[str]) -> dict[str, str]:
    """Return which heading probably means which field."""
    plain = {h.replace(" ", "").lower(): h for h in head}
    return {
        ours: plain[name.replace(" ", "").lower()]
        for ours, names in HEADINGS.items()
        for name in reversed(names)
        if name.replace(" ", "").lower() in plain
    }


def read(head: Sequence[str], rows: Iterable[Sequence[Any]], mapped: Mapped) -> list[HisRow]:
    """Return the rows, not stored yet; BadList names the first that cannot be understood."""
    columns = {
        ours: head.index(theirs) for ours, theirs in mapped.columns.items() if theirs in head
    }
    given = columns.keys() | ({"amount"} if "amount_fen" in columns else set())
    missing = [name for name in REQUIRED if name not in given]
    if missing:
        raise BadList(_("缺少列：") + _("、").join(str(TITLES[name]) for name in missing))
    found = []
    for number, row in enumerate(rows, 2):
        cells = {ours: row[at] if at < len(row) else None for ours, at in columns.items()}
        try:
            found.append(_row(cells, mapped.words))
        except ValueError as wrong:
            raise BadList(_("第 %(row)d 行：") % {"row": number} + str(wrong)) from None
    return found


def _row(cells: Mapping[str, Any], words: Mapping[str, str]) -> HisRow:
    fen = _fen(cells)
    pay_type, kind = _text(cells, "pay_type", 20), _text(cells, "kind", 20)
    told = KINDS.get(words.get(kind, kind), "")
    if kind and not told:
        raise ValueError(_("收退标志“%(kind)s”看不懂") % {"kind": kind})
    his_id = _text(cells, "his_id", 64)
    if not his_id:
        raise ValueError(_("没有单号"))
    at = _moment(cells["at"]) if cells.get("at") else None
    return HisRow(
        day=_day(cells["day"]),
        kind=told or ("refund" if fen < 0 else "payment"),
        his_id=his_id,
        pay_type=PAY_TYPES.get(words.get(pay_type, pay_type), pay_type),
        amount_fen=abs(fen),
        out_trade_no=_text(cells, "out_trade_no", 64),
        operator=_text(cells, "operator", 32),
        business=_text(cells, "business", 24),
        at=at,
    )


def _text(cells: Mapping[str, Any], name: str, longest: int) -> str:
    value = cells.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a spreadsheet keeps 10023 as 10023.0
    text = "" if value is None else str(value).strip().strip("`'")
    if len(text) > longest:
        raise ValueError(_("%(what)s太长") % {"what": TITLES[name]})
    return text


def _fen(cells: Mapping[str, Any]) -> int:
    whole = cells.get("amount_fen")
    if whole not in {None, ""}:
        try:
            return int(str(whole))
        except ValueError:
            raise ValueError(_("金额（分）不是整数")) from None
    value = cells.get("amount")
    text = f"{value:.2f}" if isinstance(value, int | float) else str(value or "").strip()
    found = _YUAN.fullmatch(text)
    if not found:
        raise ValueError(_("金额看不懂"))
    fen = int(found[2].replace(",", "")) * 100 + int((found[3] or "").ljust(2, "0"))
    return -fen if found[1] else fen


def _day(value: Any) -> date:
    return _moment(value).date()


def _moment(value: Any) -> datetime:
    """A date as any of the ways in which files hold one: text, Excel's day, a cell of its own."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=BEIJING)
    if isinstance(value, date):
        return datetime.combine(value, time(), BEIJING)
    if isinstance(value, int | float) and 20_000 < value < 80_000:  # noqa: PLR2004  1954 to 2119
        return (EXCEL_EPOCH + timedelta(days=value)).replace(tzinfo=BEIJING)
    text = str(value or "").strip().replace("/", "-").replace("年", "-").replace("月", "-")
    text = text.replace("日", "")
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y%m%d"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=BEIJING)
        except ValueError:
            continue
    raise ValueError(_("日期看不懂"))


def store(name: str, body: bytes, rows: Sequence[HisRow], by: str, now: datetime) -> HisList:
    """Keep the list; a list of the same days replaces what those days held of its payment types."""
    days = sorted({row.day for row in rows})
    with transaction.atomic():
        digest = hashlib.sha256(body).hexdigest()
        HisList.objects.filter(sha256=digest).delete()
        given = HisList.objects.create(
            name=name[:200], sha256=digest, uploaded_by=by, uploaded_at=now, rows=len(rows),
            first_day=days[0] if days else None, last_day=days[-1] if days else None,
        )  # fmt: skip
        for row in rows:
            row.list = given
        HisRow.objects.filter(day__in=days, pay_type__in={row.pay_type for row in rows}).delete()
        HisRow.objects.bulk_create(rows, batch_size=2_000)
    return given
