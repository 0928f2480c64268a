"""The plug is pulled at every moment of a life, and every image that it may leave is tried."""

import hashlib
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from device.errors import StorageError
from simulators.crash.aftermath import Bench, Cut, Style
from simulators.crash.books import Books
from simulators.crash.checks import at_the_cut
from simulators.crash.images import DiskModel, Image
from simulators.crash.record import Recording
from simulators.crash.tape import Fact, Operation

MAX_VIOLATIONS = 50  # of one life; the first few say what is wrong


@dataclass(slots=True)
class Tally:
    """What was tried and what it came to."""

    operations: int = 0
    moments: int = 0
    cuts: int = 0
    """Images that a cut may leave, equal ones counted each."""
    images: int = 0
    """Different images, each opened and verified by the real journal."""
    recoveries: int = 0
    """Different (content, what the world knew): each booted to the end, in both styles."""
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Sum up over lives."""
        for name in ("operations", "moments", "cuts", "images", "recoveries", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.violations += other.violations


Progress = Callable[[int, int, Tally], None]
"""moments done, moments in all, so far"""


class Cutter:
    """Tries one recording; remembers what was seen, so that equal things are tried once."""

    def __init__(self, recording: Recording, bench: Bench, seed: int) -> None:
        self.tally = Tally(operations=recording.tape.operations())
        self._recording = recording
        self._bench = bench
        self._choice = random.Random(seed)  # noqa: S311  a replayable choice, not a secret
        self._books: dict[bytes, Books | str] = {}
        self._checked: set[tuple[bytes, int]] = set()
        self._recovered: dict[tuple[bytes, int, int], Cut] = {}

    def run(
        self, subsets: int, progress: Progress | None = None, enough: int = MAX_VIOLATIONS
    ) -> Tally:
        """Cut at every moment; stop early only at so many violations."""
        begun = time.monotonic()
        entries = self._recording.tape.entries
        for moment, cut in self._moments(subsets):
            self._try(cut, moment)
            if progress:
                self.tally.seconds = time.monotonic() - begun
                progress(moment, len(entries), self.tally)
            if len(self.tally.violations) >= enough:
                break
        self.tally.seconds = time.monotonic() - begun
        return self.tally

    def cut_again(self, times: int, subsets: int) -> Tally:
        """Cut the power a second time, at every moment of so many of the recoveries."""
        held = list(self._recovered.values())
        for cut in self._choice.sample(held, min(times, len(held))):
            again = self._bench.record(cut, self._recording.life)
            self.tally.add(Cutter(again, self._bench, self._choice.randrange(10**6)).run(subsets))
        return self.tally

    def _moments(self, subsets: int) -> Iterator[tuple[int, Cut]]:
        tape, disk = self._recording.tape, DiskModel.holding(self._recording.base)
        facts: list[Fact] = list(self._recording.before)
        for moment, (entry, at_s) in enumerate(zip(tape.entries, tape.times, strict=True), 1):
            self.tally.moments += 1
            if isinstance(entry, Operation):
                disk.do(entry)
            else:
                facts.append(entry)
            provider = self._recording.provider_at(facts)
            for image in disk.images(subsets, self._choice):
                yield moment, Cut(image, tuple(facts), provider, at_s)

    def _try(self, cut: Cut, moment: int) -> None:
        self.tally.cuts += 1
        digest = digest_of(cut.image)
        if (digest, len(cut.facts)) in self._checked:
            return
        self._checked.add((digest, len(cut.facts)))
        if digest not in self._books:
            self._books[digest] = self._open(cut)
            self.tally.images += 1
        books = self._books[digest]
        if isinstance(books, str):
            self._found(moment, [books])
            return
        self._found(moment, at_the_cut(books, cut.facts))
        self._recover(cut, books, moment)

    def _open(self, cut: Cut) -> Books | str:
        try:
            return self._bench.open(cut.image, cut.at_s)
        except (StorageError, sqlite3.Error) as error:
            return f"the journal does not open: {error}"

    def _recover(self, cut: Cut, books: Books, moment: int) -> None:
        key = (books.digest, len(cut.facts), round(cut.at_s))
        if key in self._recovered:
            return
        self._recovered[key] = cut
        self.tally.recoveries += 1
        for style in Style:
            self._found(moment, self._bench.recover(cut, style))

    def _found(self, moment: int, lines: "Iterator[str] | list[str]") -> None:
        name = self._recording.life.name
        self.tally.violations += [f"{name}, moment {moment}: {line}" for line in lines]


def digest_of(image: Image) -> bytes:
    """Equal for equal images."""
    hashed = hashlib.blake2b()
    for name in sorted(image):
        hashed.update(f"{name}:{len(image[name])}:".encode())
        hashed.update(image[name])
    return hashed.digest()
