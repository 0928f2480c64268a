"""`make matrix`: every cell under every fault, and a break after every byte; prints the figures.

The exit code is 1 if one conversation ended otherwise than on a good line.
"""

import argparse
import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simulators.gateway.identities import Identities, identities
from simulators.matrix.conversation import PARTS, Outcome, Part, Run, collect, refund, run
from simulators.matrix.faults import FAULTS, Fault
from simulators.matrix.stand import CELLS, Cell

BREAK = "broken after byte n"
BREAK_PARTS: tuple[Part, ...] = (collect, refund)
SEEDS = 5


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


class Matrix:
    """Runs conversations and compares each with the one on a good line."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: Identities = identities(folder / "keys")
        self._good: dict[tuple[Part, ...], Outcome] = {}

    def talk(self, cell: Cell, fault: Fault, seed: int, parts: tuple[Part, ...]) -> Run:
        """One conversation."""
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            return run(cell, fault, seed, Path(folder), self._keys, parts)

    def good(self, parts: tuple[Part, ...]) -> Outcome:
        """What comes of it on a good line."""
        if parts not in self._good:
            self._good[parts] = self.talk(CELLS[0], FAULTS["whole"], 1, parts).outcome
        return self._good[parts]

    def add(self, row: Row, fault: Fault, seed: int, parts: tuple[Part, ...]) -> None:
        """Have one conversation and note whether it ended as it must."""
        try:
            done = self.talk(row.cell, fault, seed, parts)
        except TimeoutError:
            row.wrong.append(f"seed {seed}, {fault}: no end")
            return
        row.runs.append(done)
        if done.outcome != self.good(parts):
            row.wrong.append(f"seed {seed}, {fault}: {done.outcome}")

    def faulty(self, cell: Cell, name: str, seeds: range) -> Row:
        """A cell under one kind of bad line."""
        row = Row(cell, name)
        for seed in seeds:
            self.add(row, FAULTS[name], seed, PARTS)
        return row

    def broken(self, cell: Cell, step: int, first: int = 0) -> Row:
        """A cell whose line breaks once, after every `step`-th byte."""
        row = Row(cell, BREAK)
        length = self.talk(cell, FAULTS["whole"], 1, BREAK_PARTS).carried
        for byte in range(first, length, step):
            self.add(row, Fault(cut_after=byte), byte, BREAK_PARTS)
        return row


def possible(cell: Cell, fault: str) -> bool:
    """Whether the protocol's own times allow it.

    On TCP nobody knows how slow the line behind a converter is: three sends are over after six
    seconds, and a sealed result of 600 bytes needs five of them at 1200 baud (docs/his-link.md §1).
    """
    return not (fault == "1200 baud" and cell.way == "tcp" and cell.sealed)


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
    options = parser.parse_args(argv)
    logging.disable(logging.CRITICAL)
    began = time.monotonic()
    wrong: list[str] = []
    print(HEADING, flush=True)
    with tempfile.TemporaryDirectory(prefix="paybox-matrix-") as folder:
        for row in rows(Matrix(Path(folder)), options.seeds, options.step):
            print(row, flush=True)
            wrong += [f"{row.fault}, {row.cell}: {what}" for what in row.wrong]
    print("\n".join(wrong) if wrong else "every conversation ended as on a good line")
    print(f"{time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
