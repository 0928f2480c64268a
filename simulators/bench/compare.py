"""`make bench-compare REV=…`: what changed since a revision, by the quick bench of both.

The revision is checked out into a worktree of its own for the time; both run the bench of their
own tree, this one's Python and libraries. Nothing is installed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulators.bench.figures import joined
from simulators.bench.report import padded

ROOT = Path(__file__).parents[2]
COLUMNS = (46, 34, 34, 10)
NOTABLE = 1.15
"""Below this, two quick runs on one revision differ as much."""


@dataclass(frozen=True, slots=True)
class Change:
    """One figure of both."""

    what: str
    unit: str
    before: tuple[float, ...]
    after: tuple[float, ...]
    at_least: bool

    @property
    def ratio(self) -> float | None:
        """The first value after over before; None where that means nothing."""
        if not self.before or not self.after or not self.before[0]:
            return None
        return self.after[0] / self.before[0]

    @property
    def word(self) -> str:
        """Better, worse, or nothing to speak of."""
        ratio = self.ratio
        if ratio is None or 1 / NOTABLE < ratio < NOTABLE:
            return ""
        return "better" if (ratio > 1) == self.at_least else "worse"


@contextmanager
def worktree(revision: str) -> Iterator[Path]:
    """The revision's files, for the time."""
    with tempfile.TemporaryDirectory(prefix="paybox-compare-") as name:
        place = str(Path(name) / "tree")
        git = ("git", "-C", str(ROOT), "worktree")
        subprocess.run([*git, "add", "--detach", "--quiet", place, revision], check=True)  # noqa: S603  git
        try:
            yield Path(place)
        finally:
            subprocess.run([*git, "remove", "--force", place], check=True)  # noqa: S603  git


def figures(tree: Path) -> dict[str, dict[str, Any]]:
    """Run the tree's quick bench; ValueError if it has none."""
    if not (tree / "simulators/bench/__main__.py").exists():
        raise ValueError("the revision has no `simulators.bench --quick --json` yet")
    command = (sys.executable, "-m", "simulators.bench", "--quick", "--json")
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    said = subprocess.run(  # noqa: S603  our own command
        command, cwd=tree, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    return {row["what"]: row for row in json.loads(said.splitlines()[-1])}


def changes(
    before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]
) -> Iterator[Change]:
    """Yield every figure that both have."""
    for what, row in after.items():
        if what in before:
            values = tuple(before[what]["values"]), tuple(row["values"])
            yield Change(what, row["unit"], *values, at_least=row["at_least"])


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line: 1 if the revision cannot be measured."""
    parser = argparse.ArgumentParser(prog="python -m simulators.bench.compare", description=__doc__)
    parser.add_argument("revision")
    revision = parser.parse_args(argv).revision
    try:
        with worktree(revision) as tree:
            before = figures(tree)
    except (ValueError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"{revision}: {error}\n")
        return 1
    _print(revision, changes(before, figures(ROOT)))
    return 0


def _print(revision: str, every: Iterator[Change]) -> None:
    print("".join(map(padded, ("", revision, "now", ""), COLUMNS)).rstrip())
    for change in every:
        ratio = "" if change.ratio is None else f"x {change.ratio:.2f}"
        cells = (
            change.what,
            f"{joined(change.before) or '-'} {change.unit}",
            f"{joined(change.after) or '-'} {change.unit}",
            ratio,
        )
        print(f"{''.join(map(padded, cells, COLUMNS))} {change.word}".rstrip())


if __name__ == "__main__":
    raise SystemExit(main())
