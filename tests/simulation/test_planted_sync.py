"""Bugs put into sync on purpose: each must be caught by a judge that the table names.

In these histories every hospital has a centre, and something befalls it after every second payment.
The same histories are without a violation while nothing is planted.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from device.domain.desk import recall
from device.domain.outbox import Backlog
from device.domain.payment import AttemptState
from device.from_center import FromCenter
from device.journal import reads, writes
from device.sync import exchange, uploader, wire
from device.sync.exchange import BeginEpoch, Recall, Rewind
from device.sync.wire import Answer
from simulators.world import finance, world
from simulators.world.history import Told

Patch = pytest.MonkeyPatch
PAYMENTS = 12
SEEDS = range(1, 13)


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


async def _ignored(*_: object) -> None:
    """Nothing is done about it."""


# ---------------------------------------------------------------- exactly once, without a gap (M16)


@bug("what the centre lost is not sent again", "M16")
def _(patch: Patch) -> None:
    patch.setitem(uploader.Uploader._PERFORM, Rewind, _ignored)


@bug("an answer that is not sealed counts", "ACTIONS")
def _(patch: Patch) -> None:
    true = wire.unseal

    def open_to_all(key: bytes, sealed: bytes, context: bytes) -> bytes:
        return sealed if sealed.startswith(b"{") else true(key, sealed, context)

    patch.setattr(uploader, "unseal", open_to_all)


@bug("what was sent counts as acknowledged", "M16")
def _(patch: Patch) -> None:
    true = exchange.heard

    def heard(course: Any, backlog: Any, batch: Any, answer: Any, now_s: float) -> Any:
        if isinstance(answer, Answer):
            answer = replace(answer, ack=batch.last)
        return true(course, backlog, batch, answer, now_s)

    patch.setattr(uploader, "heard", heard)


@bug("the rows of charges stay on the box", "M16")
def _(patch: Patch) -> None:
    true = reads.backlog

    def some(db: Any, limit: int) -> Backlog:
        found = true(db, limit)
        return replace(found, rows=tuple(r for r in found.rows if r["kind"] != "charge"))

    patch.setattr(reads, "backlog", some)


@bug("an action is begun and never told", "M16")
def _(patch: Patch) -> None:
    async def silent(_self: FromCenter, _action: object) -> None:
        await asyncio.sleep(0)

    patch.setattr(FromCenter, "_carry", silent)


# ---------------------------------------------------------------- the chain at the centre (M17)


@bug("a digest counts itself", "M17")
def _(patch: Patch) -> None:
    true = writes.Batch.append_event

    def counted(self: writes.Batch, event: Any, more: Any = None) -> None:
        true(self, event, {**more, "count": more["count"] + 1} if more else None)

    patch.setattr(writes.Batch, "append_event", counted)


# ---------------------------------------------------------------- a card that lied (M25)


@bug("a centre that has more is only an alarm", "M25", "M16")
def _(patch: Patch) -> None:
    patch.setitem(uploader.Uploader._PERFORM, BeginEpoch, _ignored)


@bug("lost rows are fetched and dropped", "M25")
def _(patch: Patch) -> None:
    patch.setattr(FromCenter, "_recall", _ignored)


@bug("lost rows are not fetched", "M25")
def _(patch: Patch) -> None:
    patch.setitem(uploader.Uploader._PERFORM, Recall, _ignored)


@bug("a lost order is taken back and not asked about", "M25")
def _(patch: Patch) -> None:
    async def unasked(_self: FromCenter, _order: object) -> None:
        await asyncio.sleep(0)

    patch.setattr(FromCenter, "_ask_again", unasked)


@bug("revisions begin anew after a loss", "M14")
def _(patch: Patch) -> None:
    true = recall._floored
    patch.setattr(recall, "_floored", lambda event: true(replace(event, floor=0)))


@bug("whatever was lost is taken back as paid", "M3", "M24")
def _(patch: Patch) -> None:
    true = recall._attempt
    patch.setattr(recall, "_attempt", lambda row: replace(true(row), state=AttemptState.PAID))


@pytest.fixture(autouse=True)
def busy_centre(monkeypatch: Patch) -> None:
    """Every hospital has a centre, and there is always trouble with it."""
    monkeypatch.setattr(world, "CENTERS", 1.0)
    monkeypatch.setattr(finance, "TROUBLE_SHARE", 0.5)
    monkeypatch.setattr(finance, "ACTION_SHARE", 0.4)


@pytest.mark.slow
@pytest.mark.parametrize("planted", BUGS, ids=lambda one: one.name.replace(" ", "-"))
def test_a_planted_bug_is_caught(
    planted: Bug, monkeypatch: Patch, played: Callable[..., Told]
) -> None:
    planted.plant(monkeypatch)
    blamed: set[str] = set()
    for seed in SEEDS:
        blamed |= {one.invariant for one in played(seed, PAYMENTS).violations}
        if blamed & planted.caught_by:
            break
    assert blamed & planted.caught_by, f"{planted.name}: {blamed or 'not caught'}"


@pytest.mark.parametrize("seed", SEEDS)
def test_without_a_bug_the_same_histories_break_no_rule(
    seed: int, played: Callable[..., Told]
) -> None:
    assert played(seed, PAYMENTS).violations == ()
