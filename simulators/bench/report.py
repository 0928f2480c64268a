"""The table: on a terminal, in docs/figures.md, and as JSON for a comparison."""

import json
import os
import platform
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from device.clock import BEIJING
from simulators.bench.figures import MET, MISSED, Row

COLUMNS = (36, 46, 30, 22, 12)
"""zh, en, figure, limit, verdict."""
GREEN, RED, DIM, PLAIN = "\033[32m", "\033[31m", "\033[2m", "\033[0m"
COLOURS = {MET: GREEN, MISSED: RED}
BAR = 24
HEADING = ("| 指标 | figure | 值 value | 限 limit | | 怎么测 method |", "|---|---|---|---|---|---|")


def padded(text: str, columns: int) -> str:
    """Fill up with blanks; a Chinese character takes two columns."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return text + " " * max(1, columns - len(text) - wide)


def line(row: Row, *, colours: bool) -> str:
    """One row as a terminal shows it."""
    cells = (row.target.zh, row.target.en, row.figure, row.limit, row.verdict)
    text = "".join(map(padded, cells, COLUMNS)).rstrip()
    colour = COLOURS.get(row.verdict, DIM) if colours else ""
    more = f"\n{' ' * 4}{row.why}" if row.why else ""
    return f"{colour}{text}{more}{PLAIN if colour else ''}"


def colourful() -> bool:
    """Whether the output is a terminal that wants colours."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def progress(done: int, steps: Sequence[str]) -> None:
    """Say on the terminal how far it is."""
    if not sys.stderr.isatty():
        return
    full = BAR * done // len(steps)
    bar = "█" * full + "░" * (BAR - full)
    name = f"{steps[done]} …" if done < len(steps) else ""
    sys.stderr.write(f"\r\033[K{bar} {done}/{len(steps)}  {name}" + ("" if name else "\r\033[K"))
    sys.stderr.flush()


def markdown_row(row: Row) -> str:
    """One row of docs/figures.md; the README shows some of them, word for word."""
    method = f"{row.target.method}; {row.why}" if row.why else row.target.method
    cells = (row.target.zh, row.target.en, row.figure, row.limit, row.verdict, method)
    return f"| {' | '.join(cell.strip() for cell in cells)} |"


def markdown(rows: Iterable[Row], took_s: float) -> str:
    """docs/figures.md whole."""
    when = datetime.now(BEIJING).strftime("%Y-%m-%d %H:%M")
    lines = [
        "# 各项指标 / Figures",
        "",
        "由 `make bench` 写出，不手改。限值是两核机器上的目标；未达到的照实写。",
        "Written by `make bench`, never by hand. Limits are the targets on a two-core machine.",
        "",
        f"{when} +08:00, {machine()}, {took_s:.0f} s.",
        "",
        *HEADING,
        *map(markdown_row, rows),
        "",
    ]
    return "\n".join(lines)


def machine() -> str:
    """What it ran on, and how busy that was."""
    info = Path("/proc/cpuinfo")
    names = [n for n in info.read_text().splitlines() if n.startswith("model name")]
    model = names[0].partition(":")[2].strip() if names else platform.machine()
    load = os.getloadavg()[2]
    cores = os.cpu_count()
    python = platform.python_version()
    ahead = os.sched_getscheduler(0) in {os.SCHED_FIFO, os.SCHED_RR}
    told = f"load {load:.1f} (15 min)" + (", run before other work (chrt)" if ahead else "")
    return f"{model}, {cores} cores, {platform.system()}, Python {python}, {told}"


def as_json(rows: Iterable[Row]) -> str:
    """For `compare`."""
    return json.dumps(
        [
            {
                "what": row.target.en.strip(),
                "zh": row.target.zh.strip(),
                "unit": row.target.unit,
                "values": row.values,
                "at_least": row.target.at_least,
            }
            for row in rows
        ],
        ensure_ascii=False,
    )


def refresh(text: str, rows: Iterable[Row]) -> str:
    """Return a text whose table rows of the same figures hold what was measured now."""
    fresh = {_first_cell(new): new for new in map(markdown_row, rows)}
    return "\n".join(fresh.get(_first_cell(old), old) for old in text.split("\n"))


def _first_cell(row: str) -> str:
    return "|".join(row.split("|")[1:3]) if row.startswith("|") else ""
