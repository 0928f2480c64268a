"""After the cut: the box starts on what is left, and everything must come to a good end."""

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain, repeat
from pathlib import Path

from device.domain.replies import ErrorReply, RefundResult, Reply, Result
from device.domain.requests import Pay, Query, RefundRequest, Request, Reverse
from device.domain.words import ErrorCode
from device.errors import StorageError
from device.journal.connection import connect
from simulators.crash import books as journal_books
from simulators.crash.books import Books
from simulators.crash.center import all_is_there, from_facts
from simulators.crash.checks import at_the_end
from simulators.crash.images import Image
from simulators.crash.life import Life, final
from simulators.crash.record import JOURNAL, Recorder, Recording, put
from simulators.crash.small_box import Place, SmallBox
from simulators.crash.tape import Asked, Fact, Tape
from simulators.crash.vfs import hooked
from simulators.crash.virtual_time import REBOOT_S, VirtualLoop, run
from simulators.crash.wire import Network
from simulators.crash.world import copied, providers
from simulators.gateway.identities import Identities
from simulators.gateway.provider import Provider

ASK_EVERY_S = 3.0  # the HIS, while it is told `unknown`
END_WITHIN_S = 900.0  # an answer, with a provider that answers (refunds are sent again after 1 min)
WATCH_WITHIN_S = 3 * 86_400.0  # a watched order is asked about for 24 h after its end


class Style(StrEnum):
    """What the HIS does after a cut."""

    QUERY = "query"  # asks what became of it
    AGAIN = "again"  # sends the very same request once more


@dataclass(slots=True)
class Cut:
    """What was left, and what the world knew."""

    image: Image = field(repr=False)
    facts: Sequence[Fact]
    provider: Provider
    at_s: float
    """The world's time."""


@dataclass(slots=True)
class Bench:
    """A directory on which images are tried."""

    keys: Identities
    directory: Path

    @property
    def journal(self) -> Path:
        """The journal's path."""
        return self.directory / JOURNAL

    def open(self, image: Image, at_s: float) -> Books:
        """Open an image with the real journal and its verification; StorageError if it fails."""
        put(image, self.directory)
        loop = VirtualLoop(at_s + REBOOT_S)
        return run(self._open(loop), loop)

    async def _open(self, loop: VirtualLoop) -> Books:
        network = Network(providers(self.keys, loop), lambda _: None)
        box = await SmallBox.open(Place(self.journal, self.keys, network, lambda _: None, connect))
        try:
            return journal_books.read(self.journal)
        finally:
            await box.stop()

    def recover(self, cut: Cut, style: Style) -> list[str]:
        """Boot on the image, let everything end; return the violations."""
        put(cut.image, self.directory)
        loop = VirtualLoop(cut.at_s + REBOOT_S)
        try:
            return run(self._recover(cut, style, loop), loop)
        except (StorageError, sqlite3.Error) as error:
            return [f"the journal failed: {error}"]

    async def _recover(self, cut: Cut, style: Style, loop: VirtualLoop) -> list[str]:
        facts = list(cut.facts)
        network = Network(copied(cut.provider, loop), facts.append)
        center = from_facts(facts, facts.append)
        place = Place(self.journal, self.keys, network, facts.append, connect, center)
        box = await SmallBox.open(place)
        await box.start()
        violations = await bring_to_an_end(box, facts, style)
        if center:
            await box.sync()
        violations += (await box.journal.verify()).faults
        held = journal_books.read(self.journal)
        violations += at_the_end(held, network.provider, facts)
        violations += all_is_there(held, center) if center else ()
        await box.stop()
        return violations

    def record(self, cut: Cut, life: Life) -> Recording:
        """Recover once with every operation noted: the power may fail again on the way."""
        put(cut.image, self.directory)
        loop = VirtualLoop(cut.at_s + REBOOT_S)
        tape, provider = Tape(loop.time), copied(cut.provider, loop)
        before = [copied(provider, loop)]
        recording = Recording(life, cut.image, tape, before, tuple(cut.facts))

        def note(fact: Fact) -> None:
            recording.note(fact, provider)

        async def live() -> None:
            box = await SmallBox.open(place)
            await box.start()
            await bring_to_an_end(box, cut.facts, Style.QUERY)
            if place.center:
                await box.sync()
            await box.stop()

        with hooked(Recorder(tape)) as connect_hooked:
            network = Network(provider, note)
            center = from_facts(cut.facts, note)
            place = Place(self.journal, self.keys, network, note, connect_hooked, center)
            run(live(), loop)
        return recording


async def bring_to_an_end(box: SmallBox, facts: Sequence[Fact], style: Style) -> list[str]:
    """Be the HIS: ask for every end that is missing, then wait until nothing is open."""
    violations = []
    for request in _unanswered(facts):
        try:
            async with asyncio.timeout(END_WITHIN_S):
                await _ask_until_final(box, request, style)
        except TimeoutError:
            violations.append(f"M6: {request.id} got no final answer in {END_WITHIN_S:.0f} s")
    try:
        async with asyncio.timeout(WATCH_WITHIN_S):
            for wait_s in chain((1.0, 10.0, 60.0, 300.0), repeat(3_600.0)):
                if not await box.journal.unsettled():
                    break
                await asyncio.sleep(wait_s)
    except TimeoutError:
        violations.append("M6: something is unsettled for days")
    return violations


def _unanswered(facts: Sequence[Fact]) -> list[Pay | RefundRequest | Reverse]:
    """What the HIS ever asked for: it asks about all of it once more."""
    asked = (fact.request for fact in facts if isinstance(fact, Asked))
    return [r for r in asked if isinstance(r, Pay | RefundRequest | Reverse)]


async def _ask_until_final(
    box: SmallBox, request: Pay | RefundRequest | Reverse, style: Style
) -> None:
    again: Request = request
    if isinstance(request, Pay) and style is Style.QUERY:
        again = Query(request.id, request.try_)
    while True:
        box.his.replies.clear()
        box.ask(again)
        reply = await _reply_to(box, request.id)
        if isinstance(reply, ErrorReply) and reply.code is ErrorCode.CONFLICT:
            again = Query(request.id, getattr(request, "try_", None))  # an old result: not again
        elif _is_end(reply):
            return
        await asyncio.sleep(ASK_EVERY_S)


def _is_end(reply: Reply) -> bool:
    if isinstance(reply, ErrorReply):
        return reply.code is not ErrorCode.BUSY
    return isinstance(reply, Result | RefundResult) and final(reply)


async def _reply_to(box: SmallBox, his_id: str) -> Reply:
    """Wait for the first word about this id."""
    while True:
        for reply in box.his.replies:
            if getattr(reply, "id", "") == his_id:
                return reply
        box.his.changed.clear()
        await box.his.changed.wait()
