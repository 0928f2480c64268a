"""The first page: today, what waits for somebody, and how the money came (center §1, BI).

Reads sums only (`DayTotal`, `HourTotal`, `DeskTotal`), so it costs the same with ten million rows.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from center.accounts.access import needs
from center.accounts.models import User
from center.accounts.roles import Permission
from center.ledger.models import Action, ActionState, Alarm, Box, DayTotal, DeskTotal, HourTotal
from center.ledger.words import OPEN_STATES, Channel
from center.reports.scope import beijing_today

TAKEN = ("paid", "refund_due", "refunding", "refunded")
"""States in which the money was taken; what was given back stands among the refunds."""
SILENT = timedelta(minutes=5)  # a box sends every 60 s
TREND_DAYS = 30


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


@needs(Permission.DASHBOARD)
def _dashboard(request: HttpRequest) -> HttpResponse:
    today = beijing_today()
    context = {
        "today": today,
        "tiles": _tiles(today),
        "open": _open_count(),
        "waiting": Action.objects.filter(state=ActionState.REQUESTED).count(),
        "alarms": Alarm.objects.filter(cleared_at=None).count(),
        "silent": Box.objects.filter(last_seen__lt=datetime.now(UTC) - SILENT).count(),
        "boxes": Box.objects.count(),
        "trend": _trend(today),
        "hours": _hours(today),
        "desks": _desks(today),
    }
    return render(request, "web/dashboard.html", context)


def _sum(rows: Any) -> tuple[int, int]:
    found = rows.aggregate(count=Sum("count"), fen=Sum("sum_fen"))
    return found["count"] or 0, found["fen"] or 0


def _tiles(today: date) -> dict[str, Any]:
    day = DayTotal.objects.filter(day=today)
    taken, taken_fen = _sum(day.filter(kind="payment", state__in=TAKEN))
    back, back_fen = _sum(day.filter(kind="refund", state="refunded"))
    yesterday = DayTotal.objects.filter(day=today - timedelta(days=1))
    _count, before_fen = _sum(yesterday.filter(kind="payment", state__in=TAKEN))
    return {
        "taken": taken,
        "taken_fen": taken_fen,
        "refunds": back,
        "refunds_fen": back_fen,
        "net_fen": taken_fen - back_fen,
        "yesterday_fen": before_fen,
        "refund_rate": round(100 * back / taken, 1) if taken else 0,
    }


def _open_count() -> int:
    return _sum(DayTotal.objects.filter(kind="payment", state__in=OPEN_STATES))[0]


def _yuan(fen: int | None) -> float:
    return round((fen or 0) / 100, 2)


def _table(rows: Iterable[Any], key: str) -> dict[Any, dict[str, int]]:
    found: dict[Any, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row[key], {})[row["channel"]] = row["fen"]
    return found


def _trend(today: date) -> dict[str, Any]:
    days = [today - timedelta(days=n) for n in range(TREND_DAYS - 1, -1, -1)]
    taken = DayTotal.objects.filter(day__gte=days[0], kind="payment", state__in=TAKEN)
    found = _table(taken.values("day", "channel").annotate(fen=Sum("sum_fen")), "day")
    return {
        "x": [d.isoformat() for d in days],
        "series": [
            {"name": str(name), "data": [_yuan(found.get(d, {}).get(word)) for d in days]}
            for word, name in Channel.choices
        ],
    }


def _hours(today: date) -> dict[str, Any]:
    taken = HourTotal.objects.filter(day=today, kind="payment", state__in=TAKEN)
    found = _table(taken.values("hour", "channel").annotate(fen=Sum("sum_fen")), "hour")
    return {
        "x": [f"{h}:00" for h in range(24)],
        "series": [
            {"name": str(name), "data": [_yuan(found.get(h, {}).get(word)) for h in range(24)]}
            for word, name in Channel.choices
        ],
    }


def _desks(today: date) -> list[dict[str, Any]]:
    taken = DeskTotal.objects.filter(day=today, kind="payment", state__in=TAKEN)
    sums = taken.values("desk").annotate(count=Sum("count"), fen=Sum("sum_fen"))
    return [dict(row) for row in sums.order_by("-fen")[:12]]
