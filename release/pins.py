"""Whether what is pinned is known to be bad, as far as this machine can ask.

pip-audit asks PyPI's advisories. Where those cannot be reached, only the index is asked which pins
are no longer the newest: that finds what is old, not what is bad, and the table says so.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from release.bill import NO_PART
from release.trial import Failed, run

PATIENCE_S = 120


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was asked, and what came of it."""

    asked: str
    found: tuple[str, ...]
    """A line for each pin that is known to be bad, or that is not the newest."""
    bad: bool = False


def check(requirements: Path, programs: Path) -> Verdict:
    """Ask the advisories; if nobody answers, the index. `programs`: of the installed release."""
    try:
        done = subprocess.run(  # noqa: S603  our own command
            [
                *(sys.executable, "-m", "pip_audit", "--format", "json", "--no-deps"),
                *("--disable-pip", "--requirement", str(requirements)),
            ],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        advised = _advised(json.loads(done.stdout))
    except (OSError, ValueError, subprocess.TimeoutExpired):
        advised = None
    return advised or _newest(programs)


def _advised(told: dict[str, list[dict[str, Any]]]) -> Verdict | None:
    """Return what the advisories say; None if they answered about no pin at all.

    pip-audit calls it a success when it could look nothing up.
    """
    pins = told["dependencies"]
    answered = [one for one in pins if "skip_reason" not in one]
    if not answered:
        return None
    found = tuple(
        f"{one['name']} {one['version']}: {flaw['id']}"
        for one in answered
        for flaw in one.get("vulns", ())
    )
    asked = f"PyPI's advisories about {len(answered)} of {len(pins)} pins"
    return Verdict(asked, found, bad=bool(found))


def _newest(programs: Path) -> Verdict:
    asked = "the index (no advisories could be reached): which are not the newest"
    try:
        said = run(programs / "python", "-m", "pip", "list", "--outdated", "--format", "json")
    except Failed:
        return Verdict("nobody: neither advisories nor index could be reached", ())
    old = [row for row in json.loads(said) if row["name"] not in NO_PART]
    return Verdict(
        asked, tuple(f"{r['name']} {r['version']}, newest {r['latest_version']}" for r in old)
    )
