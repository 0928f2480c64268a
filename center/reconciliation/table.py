"""A table that people send: CSV (UTF-8 or GB18030), XLSX or JSON, as headings and rows. Pure.

Cells are taken as files hold them: numbers for numbers' names, Excel's days, yuan with commas. What
cannot be understood is said in a person's words, and nothing is guessed.
"""

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any, TypeVar

from django.utils.translation import gettext as _
from openpyxl import load_workbook

from center.ledger.rows import BEIJING

T = TypeVar("T")

MOST_ROWS = 300_000
MOST_UNPACKED = 200 * 1024 * 1024  # bytes of an XLSX unpacked; more is a bomb
MOST_RATIO = 200
_YUAN = re.compile(r"(-?)(?:￥|¥)?([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,9})(?:\.([0-9]{1,2})0*)?")
_DAY_NUMBER = re.compile(r"[2-7][0-9]{4}(\.[0-9]{1,12})?")
EXCEL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001  Excel's days have no zone


class BadList(Exception):
    """The list is refused whole; the text tells a person which row and what."""


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


def guessed(head: Sequence[str], headings: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return which heading probably means which field; `headings`: our field -> its usual names."""
    plain = {h.replace(" ", "").lower(): h for h in head}
    return {
        ours: plain[name.replace(" ", "").lower()]
        for ours, names in headings.items()
        for name in reversed(names)
        if name.replace(" ", "").lower() in plain
    }


@dataclass(frozen=True, slots=True)
class Columns:
    """Which heading holds which of our fields, and what must be there."""

    of: Mapping[str, str]
    """Our field -> the file's heading."""
    required: Sequence[str]
    titles: Mapping[str, object]

    def places(self, head: Sequence[str]) -> dict[str, int]:
        """Return where each field stands; BadList names what is missing."""
        found = {ours: head.index(theirs) for ours, theirs in self.of.items() if theirs in head}
        given = found.keys() | ({"amount"} if "amount_fen" in found else set())
        missing = [str(self.titles[name]) for name in self.required if name not in given]
        if missing:
            raise BadList(_("缺少列：") + _("、").join(missing))
        return found


def read_rows(
    head: Sequence[str],
    rows: Iterable[Sequence[Any]],
    columns: Columns,
    made: Callable[[Mapping[str, Any]], T],
) -> list[T]:
    """Make something of each row's cells; BadList names the first that cannot be understood."""
    places = columns.places(head)
    found = []
    for number, row in enumerate(rows, 2):
        cells = {ours: row[at] if at < len(row) else None for ours, at in places.items()}
        try:
            found.append(made(cells))
        except ValueError as wrong:
            raise BadList(_("第 %(row)d 行：") % {"row": number} + str(wrong)) from None
    return found


def text(cells: Mapping[str, Any], name: str, longest: int, title: object) -> str:
    """Return a cell as text; ValueError, in words, if it is too long."""
    value = cells.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a spreadsheet keeps 10023 as 10023.0
    found = "" if value is None else str(value).strip().strip("`'")
    if len(found) > longest:
        raise ValueError(_("%(what)s太长") % {"what": title})
    return found


def fen(cells: Mapping[str, Any]) -> int:
    """Return `amount_fen` or `amount` (yuan) in fen; ValueError if it cannot be understood."""
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
    whole_fen = int(found[2].replace(",", "")) * 100 + int((found[3] or "").ljust(2, "0"))
    return -whole_fen if found[1] else whole_fen


def day(value: Any) -> date:
    """Return a cell as a day; ValueError."""
    return moment(value).date()


def moment(value: Any) -> datetime:
    """A date as any of the ways in which files hold one: text, Excel's day, a cell of its own."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=BEIJING)
    if isinstance(value, date):
        return datetime.combine(value, time(), BEIJING)
    if isinstance(value, int | float) and 20_000 < value < 80_000:  # noqa: PLR2004  1954 to 2119
        return (EXCEL_EPOCH + timedelta(days=value)).replace(tzinfo=BEIJING)
    text = str(value or "").strip()
    if _DAY_NUMBER.fullmatch(text):
        return moment(float(text))  # the same number in a CSV
    text = text.replace("/", "-").replace("年", "-").replace("月", "-").replace("日", "")
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y%m%d"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=BEIJING)
        except ValueError:
            continue
    raise ValueError(_("日期看不懂"))
