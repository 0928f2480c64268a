"""Disk and network calls fail one after another: the 1st, the 2nd, ... until a run is untouched.

Each run is a whole life in which one call fails, once or from then on. Afterwards the fault is
lifted, the HIS asks about everything, and the same checkers decide as after a power cut; and the
power is cut at every fact of the run, with the least on the disk that there may be.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from device.errors import StorageError
from simulators.crash import books as journal_books
from simulators.crash.aftermath import Bench, Style, bring_to_an_end
from simulators.crash.center import Center, all_is_there
from simulators.crash.checks import at_the_cut, at_the_end
from simulators.crash.cuts import digest_of
from simulators.crash.images import DiskModel, Image
from simulators.crash.life import Desk, Life
from simulators.crash.record import put
from simulators.crash.small_box import Place, SmallBox
from simulators.crash.tape import Create, Delete, Fact, Operation, Sync, SyncFailed, Tape, Truncate
from simulators.crash.tape import Write as Written
from simulators.crash.vfs import OK, Disk, hooked
from simulators.crash.virtual_time import VirtualLoop, run
from simulators.crash.wire import Fault, Network
from simulators.crash.world import providers

FULL, CANTOPEN = 13, 14
IO_ERRORS: dict[type[Operation], int] = {
    Create: CANTOPEN,
    Delete: 10 | 10 << 8,  # SQLITE_IOERR_DELETE
    Written: 10 | 3 << 8,  # SQLITE_IOERR_WRITE
    Truncate: 10 | 6 << 8,  # SQLITE_IOERR_TRUNCATE
    Sync: 10 | 4 << 8,  # SQLITE_IOERR_FSYNC
}
START_AGAIN_S = 5.0  # systemd, after a box that could not start
KEPT_BOOKS = 500  # of images seen: the cuts of one life show the same ones again and again
STARTS = 3  # tried before the fault is lifted


@dataclass(frozen=True, slots=True)
class Trouble:
    """What fails: the `nth` call, and all that follow if it is for good."""

    nth: int
    for_good: bool

    def hits(self, call: int) -> bool:
        """Whether this call fails."""
        return call == self.nth or (self.for_good and call > self.nth)


Troubles = Callable[[int], Iterator[Trouble]]


@dataclass(frozen=True, slots=True)
class DiskTrouble(Trouble):
    """A failing disk, or with `full` one that takes no more bytes."""

    full: bool = False

    def code(self, operation: Operation) -> int:
        """Return SQLite's error code for it; OK if this operation is not touched."""
        if not self.full:
            return IO_ERRORS[type(operation)]
        return FULL if isinstance(operation, Written) else OK


@dataclass(frozen=True, slots=True)
class NetTrouble(Trouble):
    """A failing call to a provider."""

    how: Fault = Fault.NOT_SENT


@dataclass(slots=True)
class _FailingDisk(Disk):
    tape: Tape
    trouble: DiskTrouble | None
    calls: int = 0

    def before(self, operation: Operation) -> int:
        self.calls += 1
        if not self.trouble or not self.trouble.hits(self.calls):
            return OK
        code = self.trouble.code(operation)
        if code and isinstance(operation, Sync):
            self.tape.add(SyncFailed(operation.name))
        return code

    def after(self, operation: Operation) -> None:
        self.tape.add(operation)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one life in trouble."""

    touched: bool
    """Whether the life had that many calls."""
    violations: tuple[str, ...]


class Ordeal:
    """One life, lived again and again with another call failing."""

    def __init__(self, life: Life, bench: Bench, base: Image) -> None:
        self._life = life
        self._bench = bench
        self._base: Image = {} if life.from_nothing else base
        self._books: dict[bytes, journal_books.Books] = {}

    def live(self, trouble: Trouble) -> Outcome:
        """Live it once in this trouble."""
        put(self._base, self._bench.directory)
        loop = VirtualLoop()
        tape = Tape(loop.time)
        disk = _FailingDisk(tape, trouble if isinstance(trouble, DiskTrouble) else None)
        with hooked(disk) as connect:
            network = Network(providers(self._bench.keys, loop), tape.add)
            if isinstance(trouble, NetTrouble):
                network.fault = lambda n: trouble.how if trouble.hits(n) else Fault.NONE
            center = Center(note=tape.add) if self._life.syncs else None
            place = Place(self._bench.journal, self._bench.keys, network, tape.add, connect, center)
            violations = run(self._live(place, tape, disk), loop)
        calls = network.calls if isinstance(trouble, NetTrouble) else disk.calls
        if isinstance(trouble, DiskTrouble):
            violations += self._cut_at_every_fact(tape)
        return Outcome(calls >= trouble.nth, tuple(violations))

    async def _live(self, place: Place, tape: Tape, disk: _FailingDisk) -> list[str]:
        for story in self._life.boots:
            box = await self._started(place, disk)
            await story(Desk(box))
            last = story is self._life.boots[-1]
            if not last:
                await _stopped(box)
        disk.trouble = None
        place.network.fault = lambda _: Fault.NONE
        await asyncio.sleep(60.0)
        violations = await bring_to_an_end(box, tape.facts(len(tape.entries)), Style.QUERY)
        if place.center:
            await box.sync()
        violations += (await box.journal.verify()).faults
        held = journal_books.read(place.path)
        violations += at_the_end(held, place.network.provider, tape.facts(len(tape.entries)))
        violations += all_is_there(held, place.center) if place.center else ()
        await box.stop()
        return violations

    async def _started(self, place: Place, disk: _FailingDisk) -> SmallBox:
        """Start, again and again as systemd does; then somebody mends the disk."""
        for _ in range(STARTS):
            try:
                box = await SmallBox.open(place)
                await box.start()
            except StorageError:
                await asyncio.sleep(START_AGAIN_S)
            else:
                return box
        disk.trouble = None
        box = await SmallBox.open(place)
        await box.start()
        return box

    # ------------------------------------------------------------ what was certain on the disk

    def _cut_at_every_fact(self, tape: Tape) -> Iterator[str]:
        """At each fact only what was synced is left, and what a failed sync lost is lost."""
        disk, facts = DiskModel.holding(self._base), list[Fact]()
        for entry in tape.entries:
            if isinstance(entry, Operation):
                disk.do(entry)
                continue
            facts.append(entry)
            for image in disk.only_certain():
                yield from at_the_cut(self._read(image), facts, disk_failed=True)

    def _read(self, image: Image) -> journal_books.Books:
        digest = digest_of(image)
        if digest not in self._books:
            if len(self._books) == KEPT_BOOKS:  # a long day's thousands would fill the memory
                self._books.clear()
            self._books[digest] = self._bench.open(image, 0.0)
        return self._books[digest]


async def _stopped(box: SmallBox) -> None:
    try:
        await box.stop()
    except StorageError:
        await box.pull_the_plug()


@dataclass(slots=True)
class Count:
    """What a loop over all calls came to."""

    runs: int = 0
    violations: list[str] = field(default_factory=list)


def fail_every_call(ordeal: Ordeal, troubles: Troubles, stride: int = 1) -> Count:
    """Fail call 1, 1 + stride, ... in every way, until a run passes untouched."""
    count, nth, touched = Count(), 1, True
    while touched:
        touched = False
        for trouble in troubles(nth):
            outcome = ordeal.live(trouble)
            count.runs += 1
            touched = touched or outcome.touched
            found = dict.fromkeys(outcome.violations)  # an answer told often is one violation
            count.violations += [f"{trouble}: {line}" for line in found]
        nth += stride
    return count


def disk_troubles(nth: int) -> Iterator[Trouble]:
    """Every way in which the n-th disk operation fails."""
    for full in (False, True):
        for for_good in (False, True):
            yield DiskTrouble(nth, for_good, full)


def net_troubles(nth: int) -> Iterator[Trouble]:
    """Every way in which the n-th call to a provider fails."""
    for how in Fault:
        if how is not Fault.NONE:
            yield from (NetTrouble(nth, for_good, how) for for_good in (False, True))
