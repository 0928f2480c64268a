"""The HIS that books in two steps: confirms, refuses, falls silent, changes its mind (§3.8)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from device.his_link.calls import Fields
from simulators.world.chance import Stream
from simulators.world.view import Key
from simulators.world.world import World

BOOKS_IN_TWO_STEPS = 0.3  # of the bills
WORDS: Mapping[str, float] = {
    "refuses": 3,
    "confirm_lost": 3,
    "silent": 1,
    "silent_then_books": 1.5,
    "silent_then_refuses": 1.5,
    "books_then_refuses": 1.5,
    "refuses_then_books": 1.5,
}
AGAIN = frozenset({"busy", "storage_failed", "offline"})  # error codes after which it is repeated
REPEATS = 30
REPEAT_S = 3.0


class Bill(Protocol):
    """What of a bill the second step needs."""

    try_: int

    @property
    def name(self) -> str:
        """What the world calls it."""
        ...

    @property
    def about(self) -> Fields:
        """The fields of a question about it."""
        ...


class Booker:
    """Answers offers."""

    def __init__(self, world: World, link_up: Callable[[], Awaitable[bool]]) -> None:
        self._world = world
        self._link_up = link_up

    async def answer(self, bill: Bill, stream: Stream, share: float) -> bool:
        """Say what becomes of an offer; whether the payment still stands for the HIS."""
        word = stream.fault(share, WORDS) or "books"
        if word.startswith("silent"):
            await asyncio.sleep(stream.spread(20.0, 400.0))  # of which 60 s count, if it was heard
        if word == "silent":
            return False
        if word == "confirm_lost":
            self._world.sometimes("confirm lost")
            lost = asyncio.ensure_future(self._say(bill, booked=True))
            await asyncio.sleep(stream.spread(0.0005, 0.1))
            lost.cancel()
            self._world.his.unplug()
        refuses = word.endswith("refuses") and not word.startswith("books")
        stands = await self._repeat(bill, booked=not (refuses or word == "refuses_then_books"))
        if word in {"books_then_refuses", "refuses_then_books"}:
            await self._change_of_mind(bill, booked=word == "refuses_then_books")
        return stands

    async def _repeat(self, bill: Bill, *, booked: bool) -> bool:
        """Say it until the answer says that it was taken; whether the payment stands."""
        for _ in range(REPEATS):
            if not await self._link_up():
                return False
            answer = await self._say(bill, booked=booked)
            if answer is not None and answer.get("code") not in AGAIN and answer.get("revision", 1):
                return self._taken(bill, answer, booked=booked)
            await asyncio.sleep(REPEAT_S)
        return False

    def _taken(self, bill: Bill, answer: Fields, *, booked: bool) -> bool:
        stands = answer.get("status") == "paid"
        if stands and not (booked and answer["booked"]):
            self._world.view.blame("BOOK", f"{bill.name}: booked {booked} was answered {answer}")
        if not booked and answer.get("type") == "result" and not stands:
            self._world.sometimes("confirm refused")
            self._world.view.refused.add(Key(bill.name, bill.try_))
        return stands and booked

    async def _change_of_mind(self, bill: Bill, *, booked: bool) -> None:
        """What was said cannot be unsaid."""
        answer = await self._say(bill, booked=booked) or {}
        stands = answer.get("status") == "paid"
        if not booked and answer.get("type") == "result" and not stands and answer["revision"]:
            known = Key(bill.name, bill.try_) in self._world.view.booked
            if known:
                self._world.view.blame("BOOK", f"{bill.name}: booked, then refused: {answer}")

    async def _say(self, bill: Bill, *, booked: bool) -> Fields | None:
        if not booked:
            self._world.view.denied.add(Key(bill.name, bill.try_))
        fields = {**bill.about, "try": bill.try_, "booked": booked}
        return await self._world.his.ask("confirm", fields)
