"""Bugs of the HIS link's meaning put in on purpose: two-step booking, supersede, takeover.

As `test_planted.py`. Every bill is booked in two steps here, so that few payments show it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from device.desk import DeskLoop
from device.domain.booking import BookingState
from device.domain.desk import answering, collect, confirm, flow, unbooked
from device.domain.desk.deliver import announce
from device.domain.desk.effects import Commit, Pursue, Remind
from device.domain.desk.events import BookingOverdue
from device.domain.desk.model import Desk, Phase
from device.domain.desk.rows import attempt_change, named
from device.domain.payment import AttemptEvent
from device.domain.payment import step as attempt_step
from device.domain.requests import Confirm, Pay
from device.domain.verdict import paid_attempt, with_attempt
from device.domain.words import Reason
from device.his_link.link import HisLink
from device.journal import rows
from simulators.world import booker, cashier

Patch = pytest.MonkeyPatch
SEEDS = range(1, 41)
PAYMENTS = 8


@dataclass(frozen=True, slots=True)
class Bug:
    """A planted bug: what it is, how it is planted, who may catch it."""

    name: str
    plant: Callable[[Patch], None]
    caught_by: frozenset[str]


BUGS: list[Bug] = []


def bug(name: str, *caught_by: str) -> Callable[[Callable[[Patch], None]], None]:
    """Add a row to the table."""

    def add(plant: Callable[[Patch], None]) -> None:
        BUGS.append(Bug(name, plant, frozenset(caught_by)))

    return add


# ---------------------------------------------------------------- booking in two steps


@bug("a refusal is not heard", "BOOK")
def _(patch: Patch) -> None:
    true = flow.REQUESTS[Confirm]

    def deaf(desk: Desk, asked: Any, now: Any) -> Any:
        if not asked.request.booked and asked.ticket:
            charge = named(asked.ticket, asked.request.try_)
            assert charge
            return answering.answer_now(desk, asked, asked.ticket, charge, now)
        return true(desk, asked, now)

    patch.setitem(flow.REQUESTS, Confirm, deaf)


@bug("a refused payment is told to go back, and stays", "BOOK", "M6")
def _(patch: Patch) -> None:
    true = confirm._refuse

    def lazy(*args: Any) -> Any:
        desk, effects = true(*args)
        return desk, tuple(e for e in effects if not isinstance(e, Pursue))

    patch.setattr(confirm, "_refuse", lazy)


def _give_back(desk: Desk, ticket: Any, charge: Any, now: Any) -> Any:
    paid = paid_attempt(charge)
    assert paid
    going = attempt_step(paid, AttemptEvent.REVERSE_WANTED)
    undone = with_attempt(replace(charge, undo=Reason.NOT_BOOKED), going)
    renewed, change = attempt_change(desk.settings, ticket, undone, going, now)
    return announce(desk, renewed, ticket, None, now), (
        Commit(change),
        Pursue(charge.key, going),
    )


@bug("silence is a refusal", "BOOK")
def _(patch: Patch) -> None:
    true = flow.EVENTS[BookingOverdue]

    def impatient(desk: Desk, event: Any, now: Any) -> Any:
        charge = named(event.ticket, event.key.try_)
        if not charge or charge.booking is not BookingState.OFFERED or not paid_attempt(charge):
            return true(desk, event, now)
        (told, tells), effects = _give_back(desk, event.ticket, charge, now)
        return told, (*effects, *tells)

    patch.setitem(flow.EVENTS, BookingOverdue, impatient)


@bug("what is booked is given back when the time is over", "BOOK")
def _(patch: Patch) -> None:
    true = confirm._book

    def forgets_the_timer(desk: Desk, asked: Any, charge: Any, now: Any) -> Any:
        told, effects = true(desk, asked, charge, now)
        return told, (*effects, Remind(charge.key))

    def gives_back(desk: Desk, event: Any, now: Any) -> Any:
        charge = named(event.ticket, event.key.try_)
        if not charge or not paid_attempt(charge):
            return desk, ()
        (told, tells), effects = _give_back(desk, event.ticket, charge, now)
        return told, (*effects, *tells)

    patch.setattr(confirm, "_book", forgets_the_timer)
    patch.setitem(flow.EVENTS, BookingOverdue, gives_back)


@bug("a booking is answered and not stored", "M14", "BOOK")
def _(patch: Patch) -> None:
    true = confirm._book

    def unstored(*args: Any) -> Any:
        desk, effects = true(*args)
        return desk, tuple(e for e in effects if not isinstance(e, Commit))

    patch.setattr(confirm, "_book", unstored)


@bug("a booking is forgotten when it is read again", "BOOK")
def _(patch: Patch) -> None:
    def forgetful(text: str) -> BookingState:
        state = BookingState(text)
        return BookingState.OFFERED if state is BookingState.BOOKED else state

    patch.setitem(rows._CHARGE, "booking", forgetful)


@bug("what is booked can be refused", "BOOK")
def _(patch: Patch) -> None:
    true = flow.REQUESTS[Confirm]

    def fickle(desk: Desk, asked: Any, now: Any) -> Any:
        charge = named(asked.ticket, asked.request.try_)
        if charge and charge.booking is BookingState.BOOKED and not asked.request.booked:
            again = replace(charge, booking=BookingState.OFFERED)
            ticket = replace(asked.ticket, charges=(*asked.ticket.charges[:-1], again))
            asked = replace(asked, ticket=ticket)
        return true(desk, asked, now)

    patch.setitem(flow.REQUESTS, Confirm, fickle)


@bug("an offer is never held", "BOOK")
def _(patch: Patch) -> None:
    patch.setattr(booker, "WORDS", {"silent": 1.0})
    patch.setattr(unbooked, "AGAIN_S", 1e6)  # it would be brought back for 26 hours
    patch.setitem(flow.EVENTS, BookingOverdue, lambda desk, *_: (desk, ()))


@bug("an offer is held before its time", "BOOK")
def _(patch: Patch) -> None:
    true = unbooked._entry

    def hasty(*args: Any) -> Any:
        entry = true(*args)
        return replace(entry, heard=True, left_s=min(entry.left_s, 10.0)) if entry else None

    patch.setattr(unbooked, "_entry", hasty)


# ---------------------------------------------------------------- the desk's one patient


@bug("supersede replaces what is under way", "SUPERSEDE", "M13", "M5", "M4", "box")
def _(patch: Patch) -> None:
    true = flow.REQUESTS[Pay]

    def rude(desk: Desk, asked: Any, now: Any) -> Any:
        seat = desk.seat
        if asked.request.supersede and seat and seat.phase is Phase.UNDER_WAY:
            desk = replace(desk, seat=replace(seat, phase=Phase.ARMED))
        return true(desk, asked, now)

    patch.setitem(flow.REQUESTS, Pay, rude)
    patch.setattr(collect, "attempt_under_way", lambda _: None)
    patch.setattr(cashier, "MANNERS", {"supersedes": 1.0})


@bug("whoever speaks has the desk", "M13")
def _(patch: Patch) -> None:
    patch.setattr(DeskLoop, "_owner_silent", lambda _: True)
    patch.setattr(cashier, "MANNERS", {"second_connection": 1.0})


@bug("an owner that left keeps its questions", "M13")
def _(patch: Patch) -> None:
    """The answer goes to whatever connection has the number now."""
    true = HisLink.send

    def astray(self: HisLink, connection: int, reply: Any, re: int | None = None) -> None:
        known = connection in self._peers
        newest = max(self._peers, default=connection)
        true(self, connection if known else newest, reply, re)

    patch.setattr(HisLink, "send", astray)
    patch.setattr(flow, "_left", lambda desk, _: replace(desk, owner=None))
    patch.setattr(cashier, "MANNERS", {"reconnects": 1.0})


@pytest.mark.slow
@pytest.mark.parametrize("planted", BUGS, ids=lambda one: one.name.replace(" ", "-"))
def test_a_planted_bug_is_caught(
    planted: Bug, monkeypatch: Patch, played: Callable[..., Any]
) -> None:
    monkeypatch.setattr(cashier, "BOOKS_IN_TWO_STEPS", 1.0)
    planted.plant(monkeypatch)
    blamed: set[str] = set()
    for seed in SEEDS:
        blamed |= {one.invariant for one in played(seed, PAYMENTS).violations}
        if blamed & planted.caught_by:
            break
    assert blamed & planted.caught_by, f"{planted.name}: {blamed or 'not caught'}"


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_without_a_bug_nothing_is_blamed(
    seed: int, monkeypatch: Patch, played: Callable[..., Any]
) -> None:
    monkeypatch.setattr(cashier, "BOOKS_IN_TWO_STEPS", 1.0)
    assert played(seed, PAYMENTS).violations == ()
