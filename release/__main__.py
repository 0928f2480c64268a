"""`make release`: build, install on every Python here, bill of materials, licences, pins."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from device import __version__
from release import bill, pins
from release.trial import Failed, build, install, interpreters, start

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
PINS = ROOT / "image/requirements.txt"


def release() -> Iterator[str]:
    """Yield a line for each thing that was made or tried."""
    for old in DIST.glob("*"):
        old.unlink()
    wheel, source = build(ROOT, DIST)
    for file in (wheel, source):
        yield f"{file.name:<40} {file.stat().st_size / 1024:,.0f} KiB"
    with tempfile.TemporaryDirectory(prefix="paybox-release-") as name:
        place = Path(name)
        programs = place
        for number, one in enumerate(interpreters()):
            programs = install(one, wheel, place / one.version)
            yield f"{'wheel on Python ' + one.version:<40} {start(programs, place)}"
            if not number:
                start(install(one, source, place / "sdist"), place)
                yield f"{'sdist on Python ' + one.version:<40} as well"
        yield from _papers(programs)


def _papers(programs: Path) -> Iterator[str]:
    [site] = programs.parent.glob("lib/python3.*/site-packages")
    parts = [*bill.VENDORED, *bill.installed(site)]
    bom, texts = DIST / f"paybox-{__version__}.cdx.json", DIST / "THIRD-PARTY.txt"
    bom.write_text(bill.document(parts, __version__, _epoch()), encoding="utf-8")
    texts.write_text("".join(bill.licences(parts, site, ROOT)), encoding="utf-8")
    yield f"{bom.name:<40} {len(parts)} parts"
    unknown = [part.name for part in parts if part.licence == "not said"]
    yield f"{texts.name:<40} licence not said: {', '.join(unknown) or 'none'}"
    verdict = pins.check(PINS, programs)
    yield f"pins: asked {verdict.asked}; {len(verdict.found)} found"
    yield from (f"  {line}" for line in verdict.found)
    if verdict.bad:
        raise Failed("a pin is known to be bad")


def _epoch() -> int:
    """When the newest commit was made: the same commit gives the same bill."""
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  git
    return int(done.stdout.strip() or 0)


def main() -> int:
    """Run from the command line: 1 if a step failed."""
    try:
        for line in release():
            print(line, flush=True)
    except Failed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
