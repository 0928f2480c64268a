"""What the centre does by itself each morning: fetch yesterday, compare, and ask boxes again.

A day that was not ready or could not be fetched is asked for again at the next turn, up to three
months back, which is as far as the providers keep them.
"""

import logging
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from center.ledger.ingest import raise_alarm
from center.ledger.models import Action, ActionKind, ActionState, Box, DayTotal, Payment
from center.ledger.money import TAKEN
from center.reconciliation.daily import check_day
from center.reconciliation.models import STATE, BreakRow, BreakState, Pair, Run
from center.statements.keep import keep, no_answer
from center.statements.models import FileState, StatementFile
from center.statements.providers import Statements
from device.clock import BEIJING
from device.errors import PayboxError

log = logging.getLogger(__name__)

READY_HOUR = 10  # Beijing; WeChat has yesterday's bill after ten
DAYS_BACK = 7  # how far missing days are looked for at each turn
OPEN_DAYS = timedelta(days=31)
"""How long a day with open breaks is compared again each morning."""
DONE = frozenset({FileState.GOOD, FileState.EMPTY, FileState.BROKEN})
SYSTEM = "center"
"""Who asks for a query that follows from a statement."""


def morning(providers: Sequence[Statements], now: datetime) -> list[date]:
    """Do what is due now; return the days that were compared."""
    fetched = {day for provider in providers for day in _fetch_missing(provider, now)}
    yesterday = now.date() - timedelta(days=1)
    days = sorted(fetched | _unsettled(now.date(), fetched) | _unchecked(yesterday))
    for day in days:
        check_day(day, now, now.date())
    ask_boxes(now)
    return days


def _unsettled(today: date, fetched: set[date]) -> set[date]:
    """Days with something that waits; after new statements also those with something open.

    A box that was asked may have given the money back, which stands in a later statement.
    """
    states = [BreakState.WAITING, BreakState.OPEN] if fetched else [BreakState.WAITING]
    found = BreakRow.objects.filter(state__in=states, day__gte=today - OPEN_DAYS)
    return set(found.values_list("day", flat=True).distinct())


def _unchecked(day: date) -> set[date]:
    """That day, unless its refunds were looked at since it ended: that needs no statement."""
    done = Run.objects.filter(pair=Pair.REFUND, day=day, at__gte=_end_of(day))
    return set() if done.exists() else {day}


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), BEIJING)


def _fetch_missing(provider: Statements, now: datetime) -> list[date]:
    last = now.date() - timedelta(days=1 if now.hour >= READY_HOUR else 2)
    have = _days_done(provider.channel, last)
    got: list[date] = []
    for back in range(DAYS_BACK):
        day = last - timedelta(days=back)
        if day not in have and fetch(provider, day, now).state in DONE:
            got.append(day)
    return got


def _days_done(channel: str, last: date) -> set[date]:
    """Days that need not be asked for again.

    "No bill" on a day when the boxes took money may mean "not yet" (Alipay has one word for both):
    it is asked again as long as the day is looked for.
    """
    first = last - timedelta(days=DAYS_BACK - 1)
    files = StatementFile.objects.filter(channel=channel, day__gte=first, state__in=DONE)
    taken = DayTotal.objects.filter(day__gte=first, channel=channel, count__gt=0)
    moved = taken.filter(kind="payment", state__in=TAKEN) | taken.filter(state="refunded")
    doubted = set(moved.values_list("day", flat=True))
    return {
        day
        for day, state in files.values_list("day", "state")
        if state != FileState.EMPTY or day not in doubted
    }


def fetch(provider: Statements, day: date, now: datetime) -> StatementFile:
    """Fetch one day and keep what came, or that nothing came."""
    try:
        raw = provider.fetch(day)
    except PayboxError as error:
        log.warning("%s statement of %s: %s", provider.channel, day, error)
        return no_answer(provider.channel, day, str(error), now)
    return keep(provider.channel, day, raw, now)


def ask_boxes(now: datetime) -> int:
    """Send each box a query for its orders that a statement contradicts (center §4).

    A number that no box of ours reported goes to the box whose desk code it begins with.
    """
    wrong = BreakRow.objects.filter(
        pair="statement",
        kind="payment",
        code__in=(STATE, "only_other"),
        state__in=(BreakState.OPEN, BreakState.WAITING),
    )
    asked = 0
    for row in wrong[:500]:
        box = _box_of(row.key)
        if box is None or Action.objects.filter(out_trade_no=row.key, kind="query").exists():
            continue
        Action.objects.create(
            box=box,
            kind=ActionKind.QUERY,
            out_trade_no=row.key,
            requested_by=SYSTEM,
            requested_at=now,
            decided_at=now,
            state=ActionState.APPROVED,
            note=f"对账单 {row.day}",
        )
        raise_alarm(box, "statement", now, number=row.key)
        asked += 1
    return asked


def _box_of(number: str) -> Box | None:
    known = Payment.objects.filter(uid=number).order_by("-at").first()
    if known:
        return known.box
    return Box.objects.filter(desk_code=number[:4]).order_by("-last_seen").first()
