"""The page of a report: filters above, rows below, the place in the address."""

from datetime import date, timedelta
from typing import Any

from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from center.accounts import audit
from center.accounts.access import require
from center.accounts.roles import Permission
from center.reports.asked import (
    ASK_DAYS,
    LAST_DAYS,
    Asked,
    ask,
    condition,
    days_until,
    in_words,
    page,
)
from center.reports.cells import shown
from center.reports.report import Column, Filter, Form, Match, Report, find
from center.reports.saved import kept_query, saved_of
from center.reports.scope import beijing_today

RIGHT = frozenset({Form.MONEY, Form.COUNT})
QUICK_DAYS = (7, 30, 90)


def report_page(request: HttpRequest, name: str) -> HttpResponse:
    """One page of rows."""
    report = find(name)
    user = require(request.user, report.permission)
    today = beijing_today()
    asked = ask(report, request.GET, today)
    rows, after = page(report, report.rows(user).filter(condition(report, asked)), asked)
    if report.patient_level and request.GET and not asked.after:
        audit.record(request, "search", name, filters=asked.address())
    context = {
        "report": report,
        "asked": asked,
        "query": asked.address(),
        "told": in_words(report, asked),
        "may_chart": user.may(Permission.CHARTS),
        "forms": ("xlsx", "csv", "json", "xml", "html") if user.may(Permission.EXPORT) else (),
        "saved": saved_of(user, report, kept_query(asked, today)),
        "quick": _quick_days(asked, today) if report.has_days else [],
        "filters": form_filters(report, asked),
        "head": [(c.title, c.form in RIGHT) for c in report.table],
        "table": [(report.link(r) if report.link else "", _cells(report, r)) for r in rows],
        "after": after,
        "first_page": asked.after is None,
        "groups": [(g, report.column(g).title) for g in report.groups],
    }
    return render(request, "web/report.html", context)


def _quick_days(asked: Asked, today: date) -> list[dict[str, Any]]:
    """Spans of days that are asked for most, with the other filters as they are."""
    rest = Asked({n: values for n, values in asked.given.items() if n != ASK_DAYS})
    yesterday = days_until(today - timedelta(days=1), 1)
    spans = [(_("今天"), days_until(today, 1), {LAST_DAYS: "1"})]
    spans += [(_("昨天"), yesterday, dict(zip(("day_from", "day_to"), yesterday, strict=True)))]
    spans += [
        (_("近 %(days)d 天") % {"days": n}, days_until(today, n), {LAST_DAYS: str(n)})
        for n in QUICK_DAYS
    ]
    now = asked.given.get(ASK_DAYS)
    return [
        {"title": title, "query": rest.address(**query), "on": now == span}
        for title, span, query in spans
    ]


def sums(request: HttpRequest, name: str) -> HttpResponse:
    """How many rows and how much money; fetched after the page, since it may take longer."""
    report = find(name)
    user = require(request.user, report.permission)
    asked = ask(report, request.GET, beijing_today())
    rows = report.rows(user).filter(condition(report, asked))
    return render(request, "web/sums.html", {"sums": _sums(report, asked, rows)})


def _sums(report: Report, asked: Asked, rows: Any) -> list[dict[str, Any]]:
    """What the report counts, then what else the rows are, each word for itself."""
    measures = {"count": Count("*"), **{s: Sum(s) for s in report.sums}}
    if report.counted is None or report.counted[0] in asked.given:
        return [_sum(report, "", rows.aggregate(**measures))]
    column, counted = report.counted
    found = {row[column]: row for row in rows.values(column).annotate(**measures)}
    words = report.column(column).words
    first = _sum(report, words[counted], found.pop(counted, {}))
    return [first, *(_sum(report, words[word], found[word]) for word in words if word in found)]


def _sum(report: Report, title: Any, found: dict[str, Any]) -> dict[str, Any]:
    parts = [(report.column(s).title, found.get(s) or 0) for s in report.sums]
    return {"title": title, "count": found.get("count", 0), "parts": parts}


def _cells(report: Report, row: Any) -> list[dict[str, Any]]:
    return [_cell(column, row) for column in report.table]


def _cell(column: Column, row: Any) -> dict[str, Any]:
    badge = column.badge.get(getattr(row, column.name)) if column.badge else None
    return {
        "text": shown(column, row),
        "right": column.form in RIGHT,
        "number": column.form is Form.NUMBER,
        "badge": badge,
    }


def form_filters(report: Report, asked: Asked) -> list[dict[str, Any]]:
    """The report's filters as its form draws them."""
    return [_filter(wanted, asked) for wanted in report.filters]


def _filter(wanted: Filter, asked: Asked) -> dict[str, Any]:
    """A filter as the form draws it, with the values it has now."""
    values = asked.given.get(wanted.name, ())
    two = wanted.match in {Match.DAYS, Match.FEN}
    low, high = (*values, "", "")[:2] if two else ("", "")
    return {
        "name": wanted.name,
        "title": wanted.title,
        "hint": wanted.hint,
        "kind": wanted.match.value,
        "value": values[0] if values and not two else "",
        "low": low,
        "high": high,
        "words": [(w, t, w in values) for w, t in wanted.words.items()],
    }
