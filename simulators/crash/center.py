"""A statistics centre beside a life: what it stored are facts, and from them it is there again."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import httpx

from simulators.crash.books import Books
from simulators.crash.tape import Fact, RolledBack, Uploaded
from simulators.world import center as model
from simulators.world.center import Row

HEADERS = httpx.Headers({"X-Box": "BOX-0001", "X-Key": "1"})


@dataclass(slots=True)
class Center(model.Center):
    """The world's model of the centre, as the way of an uploader."""

    note: Callable[[Fact], None] = lambda _: None
    ours: bool = field(default=True)
    """Whether what is stored now came from this box."""

    async def __call__(self, sealed: bytes) -> tuple[int, bytes]:
        """Take a batch at once; nothing is lost on the way here."""
        return self.receive(HEADERS, sealed)

    def _store(self, epoch: str, held: list[Row], row: Row) -> None:
        model.Center._store(self, epoch, held, row)  # noqa: SLF001  its own; slots leave no `super`
        text = json.dumps(row, ensure_ascii=False)
        self.note(Uploaded(epoch, row["seq"], row["hash"], text, ours=self.ours))

    def forget(self, keep: int) -> None:
        """The database is restored from a copy that had so many rows of the newest epoch."""
        if self.books.rows:  # a failing disk lets nothing be sent
            epoch = next(reversed(self.books.rows))
            _cut(self.books, epoch, keep)
            self.note(RolledBack(epoch, keep))

    def meet_a_twin(self) -> None:
        """A copy of the card wrote on in another box, and its row came first."""
        if self.books.rows:
            self.ours = False
            self.hold_a_twins_row(next(reversed(self.books.rows)))
            self.ours = True


def _cut(books: model.Books, epoch: str, keep: int) -> None:
    lost = books.rows[epoch][keep:]
    del books.rows[epoch][keep:]
    books.arrived[:] = [row for row in books.arrived if row not in lost]


def from_facts(facts: Sequence[Fact], note: Callable[[Fact], None]) -> Center | None:
    """The centre as it was when this much was known; None where there is none."""
    center = Center(note=note)
    for fact in facts:
        if isinstance(fact, Uploaded):
            row = json.loads(fact.row)
            center.books.rows.setdefault(fact.epoch, []).append(row)
            center.books.arrived.append(row)
        elif isinstance(fact, RolledBack):
            _cut(center.books, fact.epoch, fact.keep)
    return center if center.books.rows else None


def sent_is_here(books: Books, facts: Sequence[Fact]) -> Iterator[str]:
    """M16: what the box sent to the centre was on the disk before, and stays there."""
    for fact in facts:
        if isinstance(fact, Uploaded) and fact.ours:
            held = books.events.get((fact.epoch, fact.seq))
            if held != fact.hash:
                here = "another" if held else "nothing"
                yield f"M16: the centre has {fact.seq} of {fact.epoch}, the journal {here}"


def all_is_there(books: Books, center: Center) -> Iterator[str]:
    """M16, M17: at the end every event is at the centre, once and in its place."""
    yield from (f"M17: {fault}" for fault in center.faults)
    for epoch, ended in books.epochs.items():
        here = [h for (e, seq), h in books.events.items() if e == epoch and seq <= ended]
        there = [row["hash"] for row in center.books.rows.get(epoch, [])][: int(min(ended, 1e9))]
        if here != there:
            yield f"M16: epoch {epoch}: {len(here)} events here, {len(there)} at the centre"
    newest = center.newest()
    for number, row in books.attempts.items():
        if number not in newest or newest[number]["state"] != row["state"]:
            yield f"M16: {number} is {row['state']}, the centre has {newest.get(number)}"
