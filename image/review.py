"""No maintainer script is run, so each was read: a changed one stops the build until read again."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

from image.debian import Package
from image.tools import BuildError

FILE = Path(__file__).parent / "maintainer_scripts.toml"
SCRIPTS = ("preinst", "postinst")
NUMBERS = re.compile(r"\d[\w.+~:-]*")  # a security update changes versions, seldom what is done
SHOWN = 16  # hex digits


def digest(scripts: Iterable[str]) -> str:
    """Return what tells two readings apart: the words, less comments, blanks and versions."""
    lines = (line.strip() for script in scripts for line in script.splitlines())
    words = "\n".join(line for line in lines if line and not line.startswith("#"))
    return sha256(NUMBERS.sub("N", words).encode()).hexdigest()[:SHOWN]


def plain_name(name: str) -> str:
    """Return a package's name with N for the kernel's version in it."""
    return re.sub(r"-\d[\w.+]*", "-N", name) if name.startswith("linux-image-") else name


def found(packages: Iterable[Package]) -> dict[str, str]:
    """Return the digest of every package that has a script."""
    scripts = {one.name: [one.script(name) for name in SCRIPTS] for one in packages}
    return {plain_name(name): digest(texts) for name, texts in scripts.items() if any(texts)}


def read(file: Path = FILE) -> dict[str, str]:
    """Return the digests that were reviewed."""
    table = tomllib.loads(file.read_text())
    return {name: entry["digest"] for name, entry in table.items()}


def unread(present: Mapping[str, str], reviewed: Mapping[str, str]) -> list[str]:
    """Return one line for each package whose scripts nobody has read as they are now."""
    return [
        f"{name}: {'changed' if name in reviewed else 'new'}, digest {value}"
        for name, value in sorted(present.items())
        if reviewed.get(name) != value
    ]


def check(packages: Iterable[Package]) -> None:
    """BuildError if a script is new or changed."""
    lines = unread(found(packages), read())
    if lines:
        advice = "read these scripts (dpkg-deb --info FILE postinst), have finish.py do what a card"
        raise BuildError("\n".join([f"{advice} needs, then list them in {FILE.name}:", *lines]))
