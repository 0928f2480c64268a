"""The long proof: every way in which this project attacks itself, and one table of what came of it.

Each part can be asked for alone. What a part came to is kept under `.prove/`, by the sources it was
run on: a proof that was interrupted goes on where it was, and begins anew when a line is changed.
"""

import argparse
import asyncio
import hashlib
import json
import logging
import random
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from simulators import fuzz, power_cuts
from simulators.crash import vfs
from simulators.crash.__main__ import cut_everywhere, workshop
from simulators.crash.aftermath import Bench
from simulators.crash.faults import Ordeal, disk_troubles, fail_every_call, net_troubles
from simulators.crash.life import LIVES, Life
from simulators.crash.modes import PRODUCT
from simulators.crash.record import empty_journal
from simulators.gateway.identities import identities
from simulators.world.players import CORES, Players, Tally, Wish
from simulators.world.sometimes import STATES

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / ".prove"
SOURCES = ("device", "simulators", "tests/simulation")
CHUNK = 50  # histories that are played before what they came to is kept
PLANTED = "tests/simulation/test_planted"  # and those of booking and sync


@dataclass(slots=True)
class Found:
    """What a part came to."""

    counts: dict[str, float] = field(default_factory=dict)
    reached: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def add(self, other: "Found") -> None:
        """Sum up."""
        self.counts = dict(Counter(self.counts) + Counter(other.counts))
        self.reached = dict(Counter(self.reached) + Counter(other.reached))
        self.violations += other.violations


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for folder in SOURCES:
        for file in sorted((ROOT / folder).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Proof:
    """How thorough, and where the results are kept."""

    options: argparse.Namespace
    kept: Path

    def once(self, name: str, work: Callable[[], Found]) -> Found:
        """Return what was found before, or do the work and keep what it found."""
        file = self.kept / f"{name}.json"
        if file.exists():
            return Found(**json.loads(file.read_text(encoding="utf-8")))
        found = work()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(found), ensure_ascii=False), encoding="utf-8")
        return found

    # ------------------------------------------------------------ the world

    def world(self) -> Found:
        """Histories by seed, a chunk at a time."""
        all_found = Found()
        size = self.options.payments
        with Players(self.options.jobs) as players:
            for first in range(1, self.options.seeds + 1, CHUNK):
                last = min(first + CHUNK - 1, self.options.seeds)
                seeds = range(first, last + 1)
                name = f"world-{size}-{first}-{last}"
                all_found.add(self.once(name, lambda: _histories(players, seeds, size)))  # noqa: B023  called at once
                _say(f"世界 {last}/{self.options.seeds}", all_found)
        return all_found

    # ------------------------------------------------------------ the disk, the network

    def crash(self) -> Found:
        """The power is cut at every disk operation; every call fails, on the disk and outside."""
        if why := vfs.missing():
            return Found(violations=[f"crash points: {why}"])
        found = Found()
        with ProcessPoolExecutor(self.options.jobs) as pool:
            longest_first = [pool.submit(self.life, life) for life in reversed(LIVES)]
            for done in as_completed(longest_first):
                name, here = done.result()
                found.add(here)
                _say(f"断电点 {name}", found)
        return found

    def life(self, life: Life) -> tuple[str, Found]:
        """One life, in a process of its own, which keeps what it came to."""
        options = self.options
        name = f"crash-{life.name.replace(' ', '-')}-{options.subsets}-{options.again}"
        with _silence():
            return life.name, self.once(name, lambda: _life(life, options))

    # ------------------------------------------------------------ planted bugs

    def planted(self) -> Found:
        """The score of the bugs that were put in on purpose."""
        return self.once("planted", _planted)

    # ------------------------------------------------------------ parsers, and a real kill -9

    def fuzz(self) -> Found:
        """Mutated input for every parser."""
        return self.once(f"fuzz-{self.options.fuzz_seconds:g}", self._fuzz)

    def _fuzz(self) -> Found:
        with tempfile.TemporaryDirectory(prefix="paybox-prove-") as folder, _silence():
            seed = random.SystemRandom().randrange(10**6)
            counts, faults = fuzz.fuzz(self.options.fuzz_seconds, seed, Path(folder))
        found = [f"fuzz seed {seed}: {line}" for line in faults]
        return Found({"fuzz inputs": sum(counts.values())}, violations=found)

    def kill(self) -> Found:
        """The real program is killed in mid-payment; three books are compared."""
        return self.once(f"kill-{self.options.rounds}", self._kill)

    def _kill(self) -> Found:
        with tempfile.TemporaryDirectory(prefix="paybox-prove-") as folder:
            seed = random.SystemRandom().randrange(10**6)
            tally = asyncio.run(power_cuts.cut(self.options.rounds, seed, Path(folder)))
        return Found({"kills": tally.cuts}, violations=[f"kill: {line}" for line in tally.faults])


def _histories(players: Players, seeds: Sequence[int], payments: int) -> Found:
    tally = Tally()
    for one in players.play(seeds, Wish(payments)):
        tally.add(one)
    names = ("histories", "payments", "troubled", "cuts", "cpu_s", "virtual_s")
    counts: dict[str, float] = {name: getattr(tally, name) for name in names}
    counts["faults"] = tally.faults.total()
    violations = [
        f"seed {told.seed}: {bad.invariant} {bad.text}"
        for told in tally.bad
        for bad in told.violations
    ]
    return Found(counts, dict(tally.reached), violations)


def _life(life: Life, options: argparse.Namespace) -> Found:
    with workshop() as directory:
        keys = identities(directory / "keys")
        tally = cut_everywhere(
            life, PRODUCT, keys, directory, subsets=options.subsets, again=options.again
        )
        found = Found({"images": tally.images, "recoveries": tally.recoveries})
        found.violations += [f"{life.name}: {line}" for line in tally.violations]
        ordeal = Ordeal(
            life, Bench(keys, directory / "image"), empty_journal(keys, directory / "life")
        )
        for troubles, stride in ((disk_troubles, options.stride), (net_troubles, 1)):
            count = fail_every_call(ordeal, troubles, stride)
            found.add(Found({"failed calls": count.runs}))
            found.violations += [f"{life.name}, {line}" for line in count.violations]
    return found


def _planted() -> Found:
    with tempfile.TemporaryDirectory(prefix="paybox-prove-") as folder:
        report = Path(folder) / "planted.xml"
        files = sorted(str(p) for p in ROOT.glob(f"{PLANTED}*.py"))
        command = [sys.executable, "-m", "pytest", "-q", "-k", "caught", "-p", "no:cacheprovider"]
        subprocess.run([*command, f"--junitxml={report}", *files], cwd=ROOT, check=False)  # noqa: S603  our own
        cases = ET.parse(report).getroot().findall(".//testcase")  # noqa: S314  pytest wrote it
    missed = [c.get("name", "") for c in cases if c.find("failure") is not None]
    missed += [c.get("name", "") for c in cases if c.find("error") is not None]
    counts: dict[str, float] = {"planted": len(cases), "caught": len(cases) - len(missed)}
    return Found(counts, violations=[f"not caught: {name}" for name in missed])


@contextmanager
def _silence() -> Iterator[None]:
    """No log: a million bad inputs, or boots with a failing disk, would fill the screen."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _say(where: str, found: Found) -> None:
    sys.stderr.write(f"{where}  违反 {len(found.violations)}\n")


# ---------------------------------------------------------------- the table


def table(found: Found) -> list[tuple[str, str]]:
    """Return the rows: what was tried, and what came of it."""
    have = Counter(found.counts)
    rows = []
    if have["payments"]:
        speed, virtual = have["payments"] / have["cpu_s"], have["virtual_s"] / have["cpu_s"]
        reached = sum(bool(found.reached.get(name)) for name in STATES)
        rows = [
            ("模拟支付 payments simulated", f"{have['payments']:,.0f}"),
            ("  其中遇到故障 met trouble", f"{have['troubled']:,.0f}"),
            ("历史 histories", f"{have['histories']:,.0f}"),
            ("故障 faults", f"{have['faults']:,.0f}"),
            ("断电 power cuts", f"{have['cuts']:,.0f}"),
            ("速度 speed", f"{speed:,.0f} payments/s and core, {virtual:,.0f} x real time"),
            ("到达的状态 states reached", f"{reached} / {len(STATES)}"),
        ]
    named = {
        "images": "断电映像 crash images",
        "recoveries": "  重新启动到底 recovered to the end",
        "failed calls": "失败的磁盘与网络调用 lives with a failing call",
        "fuzz inputs": "乱码 fuzz inputs",
        "kills": "真断电 kill -9 in mid-payment",
    }
    rows += [(text, f"{have[name]:,.0f}") for name, text in named.items() if have[name]]
    if have["planted"]:
        score = f"{have['caught']:.0f} / {have['planted']:.0f} caught"
        rows.append(("埋下的错误 planted bugs", score))
    return [*rows, ("违反 violations", str(len(found.violations)))]


def _print(found: Found) -> int:
    print()
    for name, value in table(found):
        print(f"{name:<40} {value}")
    unreached = [n for n in STATES if not found.reached.get(n)] if found.reached else []
    if unreached:
        print(f"✗ 未到达 never reached: {'; '.join(unreached)}")
    for line in found.violations[:50]:
        print(f"✗ {line}")
    return 1 if found.violations or unreached else 0


PARTS: dict[str, Callable[[Proof], Found]] = {
    "world": Proof.world,
    "crash": Proof.crash,
    "planted": Proof.planted,
    "fuzz": Proof.fuzz,
    "kill": Proof.kill,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line: 0 nothing was found and everything was reached."""
    parser = argparse.ArgumentParser(prog="python -m simulators.prove", description=__doc__)
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, default=20_000, help="histories, from seed 1 on")
    parser.add_argument("--payments", type=int, default=100, help="patients in a history")
    parser.add_argument("--jobs", type=int, default=CORES)
    parser.add_argument("--subsets", type=int, default=20, help="random images of a moment")
    parser.add_argument("--again", type=int, default=5, help="recoveries of a life to cut again")
    parser.add_argument("--stride", type=int, default=1, help="fail every n-th disk operation")
    parser.add_argument("--fuzz-seconds", type=float, default=600.0)
    parser.add_argument("--rounds", type=int, default=250, help="kills of the real program")
    options = parser.parse_args(argv)
    proof, found = Proof(options, KEPT / _fingerprint()), Found()
    for name in options.parts:
        found.add(PARTS[name](proof))
    return _print(found)


if __name__ == "__main__":
    raise SystemExit(main())
