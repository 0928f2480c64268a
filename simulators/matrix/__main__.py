"""`make matrix`: every cell under every fault, and a break after every byte; prints the figures.

The exit code is 1 if one conversation ended otherwise than on a good line.
"""

import argparse
import logging
import multiprocessing
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from simulators.matrix.conversation import PARTS, Outcome, Part, Run, collect, refund, run
from simulators.matrix.faults import FAULTS, Fault
from simulators.matrix.stand import CELLS, Cell, Supplies

BREAK = "broken after byte n"
BREAK_PARTS: tuple[Part, ...] = (collect, refund)
SEEDS = 5
JOBS = 2
CHUNK = 16  # conversations that a process takes at once
_FORK = multiprocessing.get_context("fork")  # a worker has the supplies without making them


@dataclass(slots=True)
class Row:
    """The figures of one cell under one fault."""

    cell: Cell
    fault: str
    runs: list[Run] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return one line of the table."""
        lines_s = [r.line_s for r in self.runs] or [0.0]
        mean_s = sum(lines_s) / len(lines_s)
        spoilt = sum(r.spoilt for r in self.runs)
        bytes_ = sum(r.carried for r in self.runs) // max(1, len(self.runs))
        verdict = "same" if not self.wrong else f"{len(self.wrong)} OTHERWISE"
        return (
            f"{self.fault:<20} {self.cell!s:<16} {len(self.runs):>5} {verdict:<12} {bytes_:>7} "
            f"{spoilt:>6} {mean_s:>8.1f} {max(lines_s):>8.1f}"
        )


HEADING = (
    f"{'line':<20} {'cell':<16} {'runs':>5} {'results':<12} {'bytes':>7} {'spoilt':>6} "
    f"{'mean s':>8} {'worst s':>8}"
)


@dataclass(frozen=True, slots=True)
class Talk:
    """One conversation to be had."""

    cell: Cell
    fault: Fault
    seed: int
    parts: tuple[Part, ...]


class Matrix:
    """Runs conversations and compares each with the one on a good line.

    With more than one job they are had in as many processes; each is the same wherever it is had.
    """

    def __init__(self, folder: Path, jobs: int = 1) -> None:
        self._folder = folder
        self._supplies = Supplies.made(folder)
        self._good: dict[tuple[Part, ...], Outcome] = {}
        self._pool = ProcessPoolExecutor(jobs, _FORK) if jobs > 1 else None

    def talk(self, talk: Talk) -> Run:
        """Have one conversation."""
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            return run(talk.cell, talk.fault, talk.seed, Path(folder), self._supplies, talk.parts)

    def good(self, parts: tuple[Part, ...]) -> Outcome:
        """What comes of it on a good line."""
        if parts not in self._good:
            self._good[parts] = self.talk(Talk(CELLS[0], FAULTS["whole"], 1, parts)).outcome
        return self._good[parts]

    def row(self, cell: Cell, fault: str, talks: Sequence[Talk]) -> Row:
        """Have the conversations of one row and note which did not end as they must."""
        row = Row(cell, fault)
        for talk, done in zip(talks, self._all(talks), strict=True):
            if done is None:
                row.wrong.append(f"seed {talk.seed}, {talk.fault}: no end")
                continue
            row.runs.append(done)
            if done.outcome != self.good(talk.parts):
                row.wrong.append(f"seed {talk.seed}, {talk.fault}: {done.outcome}")
        return row

    def _all(self, talks: Sequence[Talk]) -> Iterable[Run | None]:
        global _matrix  # noqa: PLW0603  what a forked worker finds
        if self._pool is None:
            return map(self.try_to, talks)
        _matrix = self
        return self._pool.map(_try_to, talks, chunksize=CHUNK)

    def try_to(self, talk: Talk) -> Run | None:
        """Have one conversation; None if it has no end."""
        try:
            return self.talk(talk)
        except TimeoutError:
            return None

    def faulty(self, cell: Cell, name: str, seeds: range) -> Row:
        """A cell under one kind of bad line."""
        return self.row(cell, name, [Talk(cell, FAULTS[name], seed, PARTS) for seed in seeds])

    def broken(self, cell: Cell, step: int, first: int = 0) -> Row:
        """A cell whose line breaks once, after every `step`-th byte."""
        length = self.talk(Talk(cell, FAULTS["whole"], 1, BREAK_PARTS)).carried
        talks = [
            Talk(cell, Fault(cut_after=byte), byte, BREAK_PARTS)
            for byte in range(first, length, step)
        ]
        return self.row(cell, BREAK, talks)


_matrix: Matrix


def _try_to(talk: Talk) -> Run | None:
    return _matrix.try_to(talk)


def possible(cell: Cell, fault: str) -> bool:
    """Whether such a line can be.

    TCP under TLS gives no byte twice, and a handshake of 2,000 bytes at 1200 baud takes longer than
    the box waits for one (his-link §4).
    """
    return cell.way != "tls" or fault not in {"everything twice", "1200 baud"}


def rows(matrix: Matrix, seeds: int, step: int) -> Iterator[Row]:
    """Every cell under every fault."""
    for name in FAULTS:
        luck = seeds if FAULTS[name].lost or FAULTS[name].changed else 1
        for cell in filter(lambda cell: possible(cell, name), CELLS):
            yield matrix.faulty(cell, name, range(1, luck + 1))
    for cell in CELLS:
        yield matrix.broken(cell, step)


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m simulators.matrix", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="of the lines that lose or change")
    parser.add_argument("--step", type=int, default=1, help="bytes from one break to the next")
    parser.add_argument("--jobs", type=int, default=JOBS, help="processes")
    options = parser.parse_args(argv)
    logging.disable(logging.CRITICAL)
    began = time.monotonic()
    wrong: list[str] = []
    print(HEADING, flush=True)
    with tempfile.TemporaryDirectory(prefix="paybox-matrix-") as folder:
        for row in rows(Matrix(Path(folder), options.jobs), options.seeds, options.step):
            print(row, flush=True)
            wrong += [f"{row.fault}, {row.cell}: {what}" for what in row.wrong]
    print("\n".join(wrong) if wrong else "every conversation ended as on a good line")
    print(f"{time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
