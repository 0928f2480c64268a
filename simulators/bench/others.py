"""Rows that other commands measure: their own output is read, so that there is one measure each."""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from device.display.controllers import CONTROLLERS
from simulators import panel_bench
from simulators.bench.figures import Row, Target

Measured = dict[str, Sequence[float]]
SPEED = re.compile(r"speed\s+([\d,.]+) payments/s and core")
VIOLATIONS = re.compile(r"violations\s+(\d+)")
LINE = re.compile(
    r"^\s*(?P<what>\S.*?)\s{2,}(?P<value>[\d,.]+)(?: +\((?P<own>[\d,.]+)\))? +(?P<unit>\S+)"
    r"(?:\s+(?P<sign><=|>=)\s+(?P<limit>[\d,.]+)\s+\w+)?\s*$"
)
MINUTES = 5
RECORDED = Path(__file__).parents[2] / "build/image/figures.toml"


def panels() -> Measured:
    """Bytes and bus time of each kind of panel."""
    figures = [panel_bench.figures(controller) for controller in CONTROLLERS]
    return {
        "panel_same": [one[panel_bench.IDENTICAL].bytes for one in figures],
        "panel_typical": [one[panel_bench.TYPICAL].bus_ms for one in figures],
        "panel_whole": [one[panel_bench.WHOLE].bus_ms for one in figures],
    }


def simulated(seeds: str) -> Measured:
    """`paybox simulate` on one core."""
    said = _said("-m", "device", "simulate", "--seeds", seeds, "--jobs", "1")
    speed, bad = SPEED.search(said), VIOLATIONS.search(said)
    assert speed
    assert bad
    return {"simulated": [_number(speed[1])], "violations": [_number(bad[1])]}


def boot() -> Measured:
    """What the image test recorded, where it was run."""
    if not RECORDED.exists():
        return {}
    seconds = re.search(r"^boot_s = ([\d.]+)$", RECORDED.read_text(), re.MULTILINE)
    return {"boot": [float(seconds[1])]} if seconds else {}


def center(rows: int) -> list[Row]:
    """The centre's figures with few rows; `make bench-center` has more."""
    return list(read_center(_said("-m", "simulators.center_bench", "--rows", str(rows)), rows))


def read_center(said: str, rows: int) -> Iterator[Row]:
    """Yield a row for each line of its table."""
    for found in map(LINE.match, said.splitlines()):
        if not found:
            continue
        limits = (_number(found["limit"]),) if found["limit"] else ()
        method = f"`make bench-center ROWS={rows}`"
        if found["own"]:
            method += f"; the server's processor time {found['own']}"
        target = Target(
            "统计中心",
            f"centre: {found['what']}",
            found["unit"],
            method,
            limits,
            at_least=found["sign"] == ">=",
        )
        yield Row(target, (_number(found["value"]),))


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def _said(*command: str) -> str:
    done = subprocess.run(  # noqa: S603  our own command
        [sys.executable, *command],
        capture_output=True,
        text=True,
        timeout=60 * MINUTES,
        check=False,
    )
    good = not done.returncode or "MISSED" in done.stdout
    assert good, f"{command}: {done.stdout[-1000:]}{done.stderr[-2000:]}"
    return done.stdout
