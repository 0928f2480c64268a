"""A figure with its limit, the list of them, and their place in docs/scale.md."""

import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Line:
    """One figure with its limit; `at_least` turns the limit round."""

    what: str
    value: float
    unit: str
    limit: float | None = None
    at_least: bool = False
    processor: float | None = None
    """The same by the server's processor time: as on a machine with nothing else to do."""

    @property
    def met(self) -> bool:
        """It has no limit, or keeps it."""
        if self.limit is None:
            return True
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        """As it is printed."""
        own = "" if self.processor is None else f"({self.processor:,.1f})"
        head = f"{self.what:<46} {self.value:>9,.1f} {own:>10} {self.unit:<7}"
        if self.limit is None:
            return head.rstrip()
        sign = ">=" if self.at_least else "<="
        return f"{head} {sign} {self.limit:>7,.0f}  {'met' if self.met else 'MISSED'}"


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that it took."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def processor_s(pid: int) -> float:
    """Return the seconds that a process has kept a processor busy, all its threads."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, after_name[11:13])) / os.sysconf("SC_CLK_TCK")  # utime and stime


def bar(done: int, whole: int, start: float) -> None:
    """Show on stderr how far it is and how long it will take yet."""
    part = done / whole
    left = (time.perf_counter() - start) * (1 - part) / part if part else 0.0
    sys.stderr.write(f"\r{'█' * round(30 * part):<30} {done:,} / {whole:,}, {left:,.0f} s left  ")
    if done >= whole:
        sys.stderr.write("\n")
    sys.stderr.flush()


def machine(database: str) -> str:
    """Return when and on what the figures were taken, and how busy it was."""
    model = re.findall(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    memory = re.findall(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {database}, Python {platform.python_version()}; "
        f"{os.cpu_count()} cores ({model[0] if model else platform.machine()}), "
        f"{int(memory) / 1e6:.0f} GB; load {os.getloadavg()[0]:.1f} at the start\n"
        "In brackets: the same in the server's processor time"
    )


def record(file: Path, name: str, head: str, lines: Iterable[Line]) -> None:
    """Put the figures between `<!-- figures: NAME -->` and `<!-- end -->` of a document."""
    text = file.read_text()
    new = "\n".join(("```", head, "", *map(str, lines), "```"))
    place = re.compile(rf"(<!-- figures: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not place.search(text):
        raise SystemExit(f"{file}: no place <!-- figures: {name} --> ... <!-- end -->")
    file.write_text(place.sub(lambda found: f"{found[1]}{new}\n{found[2]}", text, count=1))
