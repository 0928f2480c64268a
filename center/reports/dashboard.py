"""The first page: a day, what waits for somebody, and how the money came (center §1, BI).

Reads sums (`DayTotal`, `HourTotal`, `DeskTotal`), so it costs the same with ten million rows. The
slices stand in the address; whoever may see single payments comes to them by a click on a chart.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _

from center.accounts.access import needs
from center.accounts.models import User
from center.accounts.roles import Permission
from center.ledger.models import (
    Action,
    ActionState,
    Alarm,
    Box,
    DayTotal,
    DeskTotal,
    HourTotal,
    Payment,
)
from center.ledger.money import TAKEN
from center.ledger.words import OPEN_STATES, Business, Channel, Department
from center.reports.scope import beijing_today

SILENT = timedelta(minutes=5)  # a box sends every 60 s
TREND_DAYS = 30
MOST_DESKS = 12


def home(user: User) -> str:
    """Where somebody without the dashboard begins."""
    if user.may(Permission.ORDERS):
        return reverse("report", args=["orders"])
    return reverse("report", args=["boxes"])


def dashboard(request: HttpRequest) -> HttpResponse:
    """The page, or the first page that this role has."""
    user = request.user
    if isinstance(user, User) and user.is_active and not user.may(Permission.DASHBOARD):
        return redirect(home(user))
    return _dashboard(request)  # type: ignore[return-value]  # a page or a redirect


@dataclass(frozen=True, slots=True)
class Slice:
    """The day and the part of the payments that the page is about, as its address says."""

    day: date
    words: Mapping[str, str]
    """`channel`, `department`, `business`: only those that were chosen."""

    @property
    def of_day(self) -> dict[str, Any]:
        """As a condition."""
        return {"day": self.day, **self.words}

    @property
    def rows(self) -> str:
        """The same as the query of a report."""
        return urlencode({"day_from": self.day, "day_to": self.day, **self.words})


SLICES = {"channel": Channel, "department": Department, "business": Business}


def sliced(query: Mapping[str, str], today: date) -> Slice:
    """Read the address; what it does not say, or cannot be, is today and everything."""
    try:
        day = parse_date(query.get("day") or query.get("day_to") or "")
    except ValueError:
        day = None
    chosen = {name: query.get(name, "") for name in SLICES}
    words = {name: word for name, word in chosen.items() if word in SLICES[name].values}
    return Slice(min(day or today, today), words)


@needs(Permission.DASHBOARD)
def _dashboard(request: HttpRequest) -> HttpResponse:
    today = beijing_today()
    part = sliced(request.GET.dict(), today)
    may_open = isinstance(request.user, User) and request.user.may(Permission.SETTLEMENT)
    context = {
        "today": today,
        "part": part,
        "may_open": may_open,
        "slices": _choices(part),
        "tiles": _tiles(part),
        "open": _open_count(part),
        "open_states": OPEN_STATES,
        "waiting": Action.objects.filter(state=ActionState.REQUESTED).count(),
        "alarms": Alarm.objects.filter(cleared_at=None).count(),
        "silent": Box.objects.filter(last_seen__lt=datetime.now(UTC) - SILENT).count(),
        "boxes": Box.objects.count(),
        "trend": _trend(part),
        "hours": _hours(part),
        "business": _by_word(part, "business"),
        "department": _by_word(part, "department"),
        "desks": _desks(part),
    }
    return render(request, "web/dashboard.html", context)


def _choices(part: Slice) -> list[dict[str, Any]]:
    titles = {"channel": _("渠道"), "department": _("门诊住院"), "business": _("业务")}
    return [
        {
            "name": name,
            "title": titles[name],
            "words": [(w, text, w == part.words.get(name)) for w, text in words.choices],
        }
        for name, words in SLICES.items()
    ]


def _sum(rows: Any) -> tuple[int, int]:
    found = rows.aggregate(count=Sum("count"), fen=Sum("sum_fen"))
    return found["count"] or 0, found["fen"] or 0


def _tiles(part: Slice) -> dict[str, Any]:
    day = DayTotal.objects.filter(**part.of_day)
    taken, taken_fen = _sum(day.filter(kind="payment", state__in=TAKEN))
    back, back_fen = _sum(day.filter(kind="refund", state="refunded"))
    before = DayTotal.objects.filter(day=part.day - timedelta(days=1), **part.words)
    before_fen = _sum(before.filter(kind="payment", state__in=TAKEN))[1]
    return {
        "taken": taken,
        "taken_fen": taken_fen,
        "refunds": back,
        "refunds_fen": back_fen,
        "net_fen": taken_fen - back_fen,
        "before_fen": before_fen,
        "refund_rate": round(100 * back / taken, 1) if taken else 0,
    }


def _open_count(part: Slice) -> int:
    return _sum(DayTotal.objects.filter(kind="payment", state__in=OPEN_STATES, **part.words))[0]


def _yuan(fen: int | None) -> float:
    return round((fen or 0) / 100, 2)


def _taken(part: Slice, key: str) -> Any:
    """What was taken that day by `key` (hour or desk) and wallet, with count and fen.

    Of sums; by department or business, which these sums do not tell apart, of the day's own rows.
    """
    if part.words.keys() <= {"channel"}:
        sums: Any = HourTotal if key == "hour" else DeskTotal
        taken = sums.objects.filter(kind="payment", state__in=TAKEN, **part.of_day)
        return taken.values(key, "channel").annotate(n=Sum("count"), fen=Sum("sum_fen"))
    rows = Payment.objects.filter(state__in=TAKEN, **part.of_day)
    return rows.values(key, "channel").annotate(n=Count("*"), fen=Sum("amount_fen"))


def _stacked(rows: Iterable[Any], key: str, places: Sequence[Any]) -> list[dict[str, Any]]:
    """A series of yuan for each wallet, over the places."""
    found = {(row[key], row["channel"]): row["fen"] for row in rows}
    return [
        {"name": str(name), "key": word, "data": [_yuan(found.get((p, word))) for p in places]}
        for word, name in Channel.choices
    ]


def _trend(part: Slice) -> dict[str, Any]:
    days = [part.day - timedelta(days=n) for n in range(TREND_DAYS - 1, -1, -1)]
    within = {"day__gte": days[0], "day__lte": part.day}
    taken = DayTotal.objects.filter(kind="payment", state__in=TAKEN, **within, **part.words)
    rows = taken.values("day", "channel").annotate(fen=Sum("sum_fen"))
    texts = [d.isoformat() for d in days]
    return {"x": texts, "group": "day", "keys": texts, "series": _stacked(rows, "day", days)}


def _hours(part: Slice) -> dict[str, Any]:
    hours = range(24)
    return {
        "x": [f"{h}:00" for h in hours],
        "group": "hour",
        "keys": [str(h) for h in hours],
        "series": _stacked(_taken(part, "hour"), "hour", hours),
    }


def _by_word(part: Slice, name: str) -> dict[str, Any]:
    """What was taken by business or department; those in which there was nothing are left out."""
    taken = DayTotal.objects.filter(kind="payment", state__in=TAKEN, **part.of_day)
    rows = list(taken.values(name, "channel").annotate(fen=Sum("sum_fen")))
    there = {row[name] for row in rows}
    words = [(word, text) for word, text in SLICES[name].choices if word in there]
    return {
        "x": [str(text) for _word, text in words],
        "group": name,
        "keys": [word for word, _text in words],
        "series": _stacked(rows, name, [word for word, _text in words]),
    }


def _desks(part: Slice) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in _taken(part, "desk"):
        desk = found.setdefault(row["desk"], {"desk": row["desk"], "count": 0, "fen": 0})
        desk["count"] += row["n"]
        desk["fen"] += row["fen"]
    return sorted(found.values(), key=itemgetter("fen"), reverse=True)[:MOST_DESKS]
