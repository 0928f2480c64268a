"""A report as a file: CSV, XLSX, JSON, XML, or one HTML page that needs nothing else.

Every file says which filters made it, who asked and when (center §1).
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.loader import render_to_string
from django.utils.timezone import localtime, now
from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from center.accounts import audit
from center.accounts.access import require
from center.accounts.roles import Permission
from center.reports import xml
from center.reports.asked import Asked, ask, condition, in_words
from center.reports.cells import plain, safe, shown
from center.reports.report import Form, Report, find
from center.reports.scope import beijing_today

MOST_ROWS = 200_000  # more fits no spreadsheet that a person reads; narrow the days instead
AT_ONCE = 2_000  # rows fetched at a time


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a file holds."""

    report: Report
    rows: QuerySet[Any]
    notes: tuple[tuple[str, str], ...]
    """Title, filters, user, time: written in front of the rows."""

    def __iter__(self) -> Iterator[Any]:
        """The rows, newest first, a few at a time."""
        ordered = self.rows.order_by(*(f"-{name}" for name in self.report.order))
        return iter(ordered[:MOST_ROWS].iterator(chunk_size=AT_ONCE))

    @property
    def titles(self) -> list[str]:
        """The head of the table."""
        return [str(c.title) for c in self.report.columns]


def export(request: HttpRequest, name: str, form: str) -> HttpResponse | StreamingHttpResponse:
    """The rows of the page's filters as a file; written into the audit log."""
    report = find(name)
    user = require(request.user, report.permission)
    require(user, Permission.EXPORT)
    asked = ask(report, request.GET, beijing_today())
    rows = report.rows(user).filter(condition(report, asked))
    sheet = Sheet(report, rows, _notes(report, asked, user.get_username()))
    audit.record(request, "export", f"{name}.{form}", filters=asked.address())
    kind, write = FORMS[form]
    body = write(sheet)
    response: HttpResponse | StreamingHttpResponse
    if isinstance(body, bytes):
        response = HttpResponse(body, content_type=kind)
    else:
        response = StreamingHttpResponse(body, content_type=kind)
    stamp = localtime(now()).strftime("%Y%m%d-%H%M")
    file = quote(f"{report.title}-{stamp}.{form}")
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{file}"
    return response


def _notes(report: Report, asked: Asked, username: str) -> tuple[tuple[str, str], ...]:
    stamp = localtime(now()).strftime("%Y-%m-%d %H:%M:%S")
    return (
        (_("报表"), str(report.title)),
        (_("条件"), in_words(report, asked)),
        (_("用户"), username),
        (_("时间"), stamp),
    )


# ------------------------------------------------------------------ one writer a form


def _csv(sheet: Sheet) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    yield "\ufeff".encode()  # so that Excel reads UTF-8
    for line in _csv_lines(sheet):
        writer.writerow([safe(cell) for cell in line])
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()


def _csv_lines(sheet: Sheet) -> Iterator[list[str]]:
    yield from ([title, text] for title, text in sheet.notes)
    yield []
    yield sheet.titles
    for row in sheet:
        yield [
            shown(column, row).replace(",", "") if column.form is Form.MONEY else shown(column, row)
            for column in sheet.report.columns
        ]


def _xlsx(sheet: Sheet) -> bytes:
    book = Workbook(write_only=True)
    page = book.create_sheet(str(sheet.report.title)[:31])
    for title, text in sheet.notes:
        page.append([title, safe(text)])
    page.append([])
    page.append(sheet.titles)
    for row in sheet:
        page.append([_xlsx_cell(page, column, row) for column in sheet.report.columns])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _xlsx_cell(page: Any, column: Any, row: Any) -> Any:
    value = getattr(row, column.name)
    if column.form is Form.MONEY and value is not None:
        cell = WriteOnlyCell(page, value / 100)
        cell.number_format = "#,##0.00"
        return cell
    if isinstance(value, datetime):
        cell = WriteOnlyCell(page, localtime(value).replace(tzinfo=None))
        cell.number_format = "yyyy-mm-dd hh:mm:ss"
        return cell
    if column.form is Form.COUNT:
        return value
    return safe(shown(column, row))


def _json(sheet: Sheet) -> Iterator[bytes]:
    head = json.dumps(dict(sheet.notes), ensure_ascii=False)
    yield f'{{"about":{head},"rows":['.encode()
    for number, row in enumerate(sheet):
        record = {c.name: plain(c, row) for c in sheet.report.columns}
        text = json.dumps(record, ensure_ascii=False, separators=(",", ":"), default=str)
        yield (("," if number else "") + text).encode()
    yield b"]}"


def _xml(sheet: Sheet) -> Iterator[bytes]:
    records = ({c.name: plain(c, row) for c in sheet.report.columns} for row in sheet)
    about = dict(
        zip(("report", "filters", "user", "time"), (t for _n, t in sheet.notes), strict=True)
    )
    return xml.write(sheet.report.name, about, records)


def _html(sheet: Sheet) -> bytes:
    rows: Iterable[list[str]] = (
        [shown(column, row) for column in sheet.report.columns] for row in sheet
    )
    context = {"notes": sheet.notes, "titles": sheet.titles, "rows": rows, "report": sheet.report}
    return render_to_string("web/saved.html", context).encode()


FORMS: dict[str, tuple[str, Callable[[Sheet], bytes | Iterator[bytes]]]] = {
    "csv": ("text/csv; charset=utf-8", _csv),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", _xlsx),
    "json": ("application/json; charset=utf-8", _json),
    "xml": ("application/xml; charset=utf-8", _xml),
    "html": ("text/html; charset=utf-8", _html),
}
