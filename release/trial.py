"""A release as a stranger gets it: built from the tree, installed by pip, started."""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

VERSIONS = ("3.11", "3.12", "3.13")
TRIED = (
    ("paybox", "--version"),
    ("paybox", "simulate", "--seeds", "1..1", "--payments", "5", "--jobs", "1"),
    ("paybox-center", "--help"),
)
"""What must work from the wheel alone: the command, desk and gateways, the centre."""
MINUTES = 10


class Failed(Exception):
    """A step of the release; the message is what it said last."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that is here."""

    version: str
    program: Path


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Return what a command says; `Failed` if it fails."""
    done = subprocess.run(  # noqa: S603  our own commands
        list(map(str, command)),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60 * MINUTES,
        check=False,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))}\n{done.stdout[-800:]}{done.stderr[-1600:]}")
    return done.stdout


def build(root: Path, target: Path) -> tuple[Path, Path]:
    """Make the wheel and the sdist; return them."""
    run(sys.executable, "-m", "build", "--outdir", target, root)
    [wheel], [source] = target.glob("*.whl"), target.glob("*.tar.gz")
    return wheel, source


def interpreters() -> Iterator[Interpreter]:
    """Yield one Python of each version that is on this machine."""
    for version in VERSIONS:
        for program in _candidates(version):
            try:
                said = run(program, "-c", "import sys, venv; print(sys.version.split()[0])").strip()
            except (Failed, OSError):
                continue
            if said.startswith(f"{version}."):
                yield Interpreter(said, program)
                break


def _candidates(version: str) -> Iterator[Path]:
    yield Path(sys.executable)
    found = shutil.which(f"python{version}")
    yield from [Path(found)] if found else []
    yield from sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))


def install(interpreter: Interpreter, package: Path, place: Path) -> Path:
    """Install the package with the centre into an environment of its own; return its bin."""
    if interpreter.program == Path(sys.executable):
        venv.create(place, with_pip=True)
    else:
        run(interpreter.program, "-m", "venv", place)
    run(place / "bin/python", "-m", "pip", "install", "--quiet", f"{package}[center]")
    return place / "bin"


def start(programs: Path, place: Path) -> str:
    """Run each command of `TRIED`, away from the tree; return what the first said."""
    said = [run(programs / name, *more, cwd=place) for name, *more in TRIED]
    return said[0].strip()
