"""One value of a row as text for people, and as plain data for programs."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from center.reports.report import Column, Form
from center.web.templatetags.money import yuan

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _time(value: datetime) -> str:
    return localtime(value).strftime("%Y-%m-%d %H:%M:%S")


TEXTS: dict[Form, Callable[[Any], str]] = {
    Form.MONEY: yuan,
    Form.TIME: _time,
    Form.MARK: lambda value: _("是") if value else _("否"),
    Form.COUNT: lambda value: f"{value:,}",
}


def shown(column: Column, row: Any) -> str:
    """Return the text of a cell."""
    value = getattr(row, column.name)
    if value is None or value in ("", {}):
        return ""
    if column.form is Form.WORD:
        return str(column.words.get(value, value))
    if column.form is Form.WORDS:
        return _("、").join(str(column.words.get(word, word)) for word in value)
    if isinstance(value, dict):
        return "; ".join(f"{name} {told}" for name, told in value.items())
    return TEXTS.get(column.form, str)(value)


def plain(column: Column, row: Any) -> Any:
    """Return the value for JSON and XML: money stays whole fen, times ISO 8601 with offset."""
    value = getattr(row, column.name)
    if isinstance(value, datetime):
        return localtime(value).isoformat()
    return value.isoformat() if isinstance(value, date) else value


def safe(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula (center §1)."""
    return "'" + text if text.startswith(FORMULA) else text
