"""What is said on every line: collect, decline and show another code, lose an answer, refund, sum.

The HIS does what its manual says: it asks again whatever it has not heard the end of. The outcome
is what all three books say at the end; on every line it must be the same.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.his_link.calls import NoAnswer
from simulators.crash.virtual_time import BEGIN
from simulators.his import Entry
from simulators.matrix.faults import Fault
from simulators.matrix.loop import CompressedLoop
from simulators.matrix.stand import Cell, Stand, Supplies, standing

AGAIN_S = 20.0  # the HIS asks again about what it has not heard the end of
PATIENCE_S = 1800.0  # of the line's time: nothing takes half an hour
SAID = ("status", "reason", "amount_fen", "wallet", "booked", "attention")
"""What must be the same; revisions count changes of the answer, and a bad line may see more."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the books say."""

    results: tuple[tuple[str, tuple[Any, ...]], ...]
    held_fen: int
    orders: tuple[tuple[str, int], ...]
    """Every order that the providers know: state and amount."""
    summary: Any = None


@dataclass(frozen=True, slots=True)
class Run:
    """One conversation on one line."""

    outcome: Outcome
    line_s: float
    carried: int
    spoilt: int


async def _insist(stand: Stand, begin: Coroutine[Any, Any, Entry], id_: str) -> None:
    """Ask, and ask again until the books have the end of it."""
    begun = asyncio.ensure_future(begin)
    while True:
        with contextlib.suppress(TimeoutError):
            await stand.his.settled(id_, AGAIN_S)
            break
        with contextlib.suppress(NoAnswer):
            await stand.his.ask_about(id_)
    begun.cancel()
    await asyncio.gather(begun, return_exceptions=True)


async def _answer(stand: Stand, type_: str, **fields: object) -> dict[str, Any]:
    """Ask what only reads until an answer comes."""
    while True:
        with contextlib.suppress(NoAnswer):
            return await stand.his.ask(type_, fields)
        await asyncio.sleep(1.0)


async def collect(stand: Stand) -> None:
    """A patient pays."""
    asked = asyncio.ensure_future(_insist(stand, stand.his.pay("T1", 1234), "T1"))
    await stand.shows_code("wechat")
    await asked


async def decline(stand: Stand) -> None:
    """The first code has no money behind it, the second has."""
    asked = asyncio.ensure_future(_insist(stand, stand.his.pay("T2", 2345), "T2"))
    await stand.shows_code("wechat", {"name": "decline", "code": "NOTENOUGH"})
    await stand.shows_code("alipay", again=True)
    await asked


async def lose(stand: Stand) -> None:
    """The provider took the money and its answer is lost; the HIS asks what became of it."""
    asked = asyncio.ensure_future(_insist(stand, stand.his.pay("T3", 3456), "T3"))
    await stand.shows_code("alipay", "drop_after")
    await _answer(stand, "query", id="T3")
    await asked


async def refund(stand: Stand) -> None:
    """A part of the first goes back."""
    await _insist(stand, stand.his.refund("F1", 34, pay_id="T1"), "F1")


Part = Callable[[Stand], Awaitable[None]]
PARTS: tuple[Part, ...] = (collect, decline, lose, refund)


async def converse(stand: Stand, parts: tuple[Part, ...] = PARTS) -> Outcome:
    """Say all of it and return what the books hold."""
    for part in parts:
        await part(stand)
    answer = await _answer(stand, "summary", date=f"{BEGIN:%Y-%m-%d}")
    results = (
        (entry.id, tuple((entry.result or {}).get(name) for name in SAID))
        for entry in stand.his.books.values()
    )
    orders = ((t.state.value, t.order.amount_fen) for t in stand.provider.book.trades.values())
    return Outcome(
        tuple(sorted(results)), stand.held_fen(), tuple(sorted(orders)), answer.get("rows")
    )


def run(  # noqa: PLR0913  everything that a run is a function of
    cell: Cell,
    fault: Fault,
    seed: int,
    folder: Path,
    supplies: Supplies,
    parts: tuple[Part, ...] = PARTS,
) -> Run:
    """One conversation on a loop of its own."""

    async def work() -> Run:
        async with standing(cell, fault, seed, folder, supplies) as stand:
            async with asyncio.timeout(PATIENCE_S):
                outcome = await converse(stand, parts)
            line = stand.relay.line
            now_s = asyncio.get_running_loop().time()
            return Run(outcome, now_s, line.carried, line.spoilt)

    with asyncio.Runner(loop_factory=CompressedLoop) as runner:
        return runner.run(work())
