"""What somebody asks a report for: filters and place, read from the address and nothing else.

A value that cannot be understood is named on the page and narrows nothing away in silence: the
report is then empty, with the reason above it.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from center.reports.report import Filter, Form, Match, Report

PAGE_ROWS = 50
LONGEST_VALUE = 100  # characters
_YUAN = re.compile(r"[0-9]{1,8}(\.[0-9]{1,2})?")
ASK_DAYS = "day"


@dataclass(frozen=True, slots=True)
class Asked:
    """Filters that hold, by name, as they stand in the address."""

    given: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    after: tuple[str, str] | None = None
    """The place: the last row of the page before (its order value and key)."""

    def address(self, **changed: str) -> str:
        """Return the query string with these filters, for links and forms."""
        query = QueryDict(mutable=True)
        for name, values in self.given.items():
            query.setlist(name, list(values))
        for name, value in changed.items():
            query[name] = value
        return query.urlencode()


def ask(report: Report, query: QueryDict, today: date) -> Asked:
    """Read the address."""
    given: dict[str, tuple[str, ...]] = {}
    errors: list[str] = []
    for wanted in report.filters:
        values = tuple(v.strip()[:LONGEST_VALUE] for v in query.getlist(wanted.name) if v.strip())
        if wanted.match in {Match.DAYS, Match.FEN}:
            values = _two_ends(wanted, query)
        if any(values):
            given[wanted.name] = values
            if not _understood(wanted, values):
                errors.append(_("%(what)s：看不懂所给的值") % {"what": wanted.title})
    _default_days(report, given, today)
    return Asked(given, tuple(errors), _place(query.get("after", "")))


def _two_ends(wanted: Filter, query: QueryDict) -> tuple[str, ...]:
    ends = tuple(
        query.get(f"{wanted.name}_{end}", "").strip()[:LONGEST_VALUE] for end in ("from", "to")
    )
    if not any(ends) and query.get(wanted.name):
        ends = tuple(query.getlist(wanted.name))[:2]
    return (*ends, "")[:2]


def _default_days(report: Report, given: dict[str, tuple[str, ...]], today: date) -> None:
    """Without a day and without a number that finds a row by itself: the last days only."""
    exact = any(f.match is Match.IS and f.name in given for f in report.filters)
    has_days = any(f.match is Match.DAYS for f in report.filters)
    if has_days and report.default_days and ASK_DAYS not in given and not exact:
        first = today - timedelta(days=report.default_days - 1)
        given[ASK_DAYS] = (first.isoformat(), today.isoformat())


def _understood(wanted: Filter, values: tuple[str, ...]) -> bool:
    match wanted.match:
        case Match.DAYS:
            return all(not v or _day(v) is not None for v in values)
        case Match.FEN:
            return all(not v or _YUAN.fullmatch(v) for v in values)
        case Match.ONE_OF:
            return all(v in wanted.words for v in values)
        case _:
            return True


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def condition(report: Report, asked: Asked) -> Q:
    """Return the filters as a condition; with an error in them, the one that is never true."""
    if asked.errors:
        return Q(pk__in=[])
    parts = [_part(f, asked.given[f.name]) for f in report.filters if f.name in asked.given]
    return reduce(lambda a, b: a & b, parts, Q())


def _part(wanted: Filter, values: tuple[str, ...]) -> Q:
    fields = wanted.fields or (wanted.name,)
    return reduce(or_, (_one(wanted.match, name, values) for name in fields))


def _one(match_: Match, name: str, values: tuple[str, ...]) -> Q:
    match match_:
        case Match.DAYS:
            return _between(name, *(_day(v) if v else None for v in values))
        case Match.FEN:
            return _between(name, *(_fen(v) if v else None for v in values))
        case Match.STARTS:
            return Q(**{f"{name}__startswith": values[0]})
        case Match.ONE_OF:
            return Q(**{f"{name}__in": values})
        case Match.IS:
            return Q(**{name: values[0]})


def _between(name: str, low: object, high: object) -> Q:
    found = Q()
    if low is not None:
        found &= Q(**{f"{name}__gte": low})
    if high is not None:
        found &= Q(**{f"{name}__lte": high})
    return found


def _fen(text: str) -> int:
    whole, _dot, part = text.partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0") or 0)


# ------------------------------------------------------------------ pages by keyset


def page(report: Report, rows: QuerySet[Any], asked: Asked) -> tuple[list[Any], str]:
    """Return the rows of one page and the `after` of the next one, empty at the end.

    By keyset: the page after ten thousand others costs what the first one costs.
    """
    order = report.newest_by
    if asked.after:
        rows = _after(report, rows, *asked.after)
    found = list(rows.order_by(f"-{order}", f"-{report.key}")[: PAGE_ROWS + 1])
    if len(found) <= PAGE_ROWS:
        return found, ""
    last = found[PAGE_ROWS - 1]
    return found[:PAGE_ROWS], place_after(getattr(last, order), getattr(last, report.key))


def _after(report: Report, rows: QuerySet[Any], value: str, key: str) -> QuerySet[Any]:
    """Return the rows after that place; all of them if it is none."""
    order, given = report.newest_by, _value(report, value)
    try:
        return rows.filter(
            Q(**{f"{order}__lt": given}) | Q(**{order: given, f"{report.key}__lt": key})
        )
    except (ValidationError, ValueError):
        return rows


def place_after(value: object, key: object) -> str:
    """Return the place after a row, as it stands in an address."""
    text = value.isoformat() if isinstance(value, date | datetime) else str(value)
    return base64.urlsafe_b64encode(json.dumps([text, str(key)]).encode()).decode().rstrip("=")


def _place(text: str) -> tuple[str, str] | None:
    try:
        value, key = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, TypeError, binascii.Error):
        return None
    return None if "\0" in f"{value}{key}" else (str(value), str(key))


def _value(report: Report, text: str) -> object:
    form = next((c.form for c in report.columns if c.name == report.newest_by), Form.TIME)
    try:
        found = _day(text) if form is Form.DAY else parse_datetime(text)
    except ValueError:
        found = None
    return found if found is not None else text
