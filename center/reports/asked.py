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
_LAST = re.compile(r"[1-9][0-9]{0,3}")
_YUAN = re.compile(r"[0-9]{1,8}(\.[0-9]{1,2})?")
ASK_DAYS = "day"
LAST_DAYS = "last"
"""In the address: the last N days up to today, where a date would be out of date tomorrow."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Filters that hold, by name, as they stand in the address."""

    given: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    after: tuple[str, ...] | None = None
    """The place: the last row of the page before (the values of `Report.order`)."""

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
    _last_days(report, query.get(LAST_DAYS, ""), given, today)
    _default_days(report, given, today)
    return Asked(given, tuple(errors), _place(query.get("after", "")))


def _two_ends(wanted: Filter, query: QueryDict) -> tuple[str, ...]:
    ends = tuple(
        query.get(f"{wanted.name}_{end}", "").strip()[:LONGEST_VALUE] for end in ("from", "to")
    )
    if not any(ends) and query.get(wanted.name):
        ends = tuple(query.getlist(wanted.name))[:2]
    return (*ends, "")[:2]


def _last_days(report: Report, text: str, given: dict[str, tuple[str, ...]], today: date) -> None:
    if ASK_DAYS not in given and report.has_days and _LAST.fullmatch(text):
        given[ASK_DAYS] = days_until(today, int(text))


def days_until(today: date, days: int) -> tuple[str, str]:
    """Return the first and the last of that many days, as a filter holds them."""
    return (today - timedelta(days=days - 1)).isoformat(), today.isoformat()


def _default_days(report: Report, given: dict[str, tuple[str, ...]], today: date) -> None:
    """Without a day and without a number that finds a row by itself: the last days only."""
    exact = any(f.match is Match.IS and f.name in given for f in report.filters)
    if report.has_days and report.default_days and ASK_DAYS not in given and not exact:
        given[ASK_DAYS] = days_until(today, report.default_days)


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


def in_words(report: Report, asked: Asked) -> str:
    """The filters as people read them, for what is printed or exported."""
    parts = []
    for wanted in report.filters:
        values = [str(wanted.words.get(v, v)) for v in asked.given.get(wanted.name, ())]
        if values:
            between = " – " if wanted.match in {Match.DAYS, Match.FEN} else _("、")
            parts.append(f"{wanted.title} {between.join(values)}")
    return "; ".join(parts) or _("无")


def condition(report: Report, asked: Asked) -> Q:
    """Return the filters as a condition; with an error in them, the one that is never true."""
    if asked.errors:
        return Q(pk__in=[])
    given = _until_the_page(report, asked)
    parts = [_part(f, given[f.name]) for f in report.filters if f.name in given]
    return reduce(lambda a, b: a & b, parts, Q())


def _until_the_page(report: Report, asked: Asked) -> Mapping[str, tuple[str, ...]]:
    """The days end where the page begins: of two upper ends an index may use the other."""
    if not asked.after or report.within not in asked.given:
        return asked.given
    first, last = asked.given[report.within]
    ends = [day for day in (_day(last), _day(asked.after[0])) if day]
    return {**asked.given, report.within: (first, min(ends).isoformat() if ends else "")}


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
    if asked.after:
        rows = _after(report, rows, asked.after)
    found = list(rows.order_by(*(f"-{name}" for name in report.order))[: PAGE_ROWS + 1])
    if len(found) <= PAGE_ROWS:
        return found, ""
    return found[:PAGE_ROWS], place_after(report, found[PAGE_ROWS - 1])


def _after(report: Report, rows: QuerySet[Any], place: tuple[str, ...]) -> QuerySet[Any]:
    """Return the rows after that place; all of them if it is none."""
    *before, key = place
    if len(place) != len(report.order):
        return rows
    later = Q(**{f"{report.key}__lt": key})
    values = [_value(report, *pair) for pair in zip(report.order[:-1], before, strict=True)]
    for name, value in reversed(list(zip(report.order[:-1], values, strict=True))):
        later = Q(**{f"{name}__lt": value}) | Q(later, **{name: value})
    try:
        # Its first part once more: a range of the index, which the OR hides.
        return rows.filter(Q(**{f"{report.order[0]}__lte": values[0]}), later)
    except (ValidationError, ValueError):
        return rows


def place_after(report: Report, row: Any) -> str:
    """Return the place after a row, as it stands in an address."""
    values = (getattr(row, name) for name in report.order)
    texts = [v.isoformat() if isinstance(v, date | datetime) else str(v) for v in values]
    return base64.urlsafe_b64encode(json.dumps(texts).encode()).decode().rstrip("=")


def _place(text: str) -> tuple[str, ...] | None:
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, TypeError, binascii.Error):
        return None
    good = isinstance(values, list) and values and not any("\0" in str(v) for v in values)
    return tuple(str(v) for v in values) if good else None


def _value(report: Report, name: str, text: str) -> object:
    form = next((c.form for c in report.columns if c.name == name), Form.TIME)
    try:
        found = _day(text) if form is Form.DAY else parse_datetime(text)
    except ValueError:
        found = None
    return found if found is not None else text
