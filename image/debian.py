"""Debian packages: from the mirror that this machine uses, unpacked, none of their code run."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from image import REPOSITORY
from image.tools import BuildError, run

HERE = Path(__file__).parent
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
INDEX_FORMAT = "$(SITE) $(CODENAME)"
SUITES = ("", "-updates", "-security")


@dataclass(frozen=True, slots=True)
class Choice:
    """`packages.toml`: what is unpacked, and what of it is taken out again."""

    suite: str
    architecture: str
    components: tuple[str, ...]
    packages: tuple[str, ...]
    left_out: tuple[str, ...]
    removed: tuple[str, ...]
    modules: tuple[str, ...]
    modules_kept: tuple[str, ...]
    firmware: tuple[str, ...]
    boards: tuple[str, ...]

    @classmethod
    def read(cls, file: Path = HERE / "packages.toml") -> "Choice":
        """Read the file beside this one, and what the units ask for."""
        table = tomllib.loads(file.read_text())
        units = tomllib.loads((REPOSITORY / "systemd/install.toml").read_text())
        removed = table["removed"]
        return cls(
            table["suite"],
            table["architecture"],
            tuple(table["components"]),
            tuple(sorted({*table["packages"], *units["packages"]})),
            tuple(table["left_out"]),
            tuple(removed["paths"]),
            tuple(removed["modules"]),
            tuple(removed["modules_kept"]),
            tuple(removed["firmware"]),
            tuple(removed["boards"]),
        )


@dataclass(frozen=True, slots=True)
class Package:
    """One package as it came: for the review, the left-out files and the bill of materials."""

    file: Path
    name: str
    version: str
    source: str

    @property
    def digest(self) -> str:
        """Its SHA-256."""
        return sha256(self.file.read_bytes()).hexdigest()

    def script(self, name: str) -> str:
        """Return a maintainer script, "" if it has none."""
        listed = run("dpkg-deb", "--info", self.file)
        if not re.search(rf"^ .*\b{name}\b", listed, re.MULTILINE):
            return ""
        return run("dpkg-deb", "--info", self.file, name)

    def paths(self) -> list[str]:
        """Return its files and folders, without the leading slash, deepest last."""
        listed = run("dpkg-deb", "--contents", self.file).splitlines()
        return [line.split(" -> ")[0].split(maxsplit=5)[5][2:].rstrip("/") for line in listed]


def sources(indexes: Iterable[str], choice: Choice) -> list[str]:
    """Return apt source lines for the card's suite, from this machine's `SITE CODENAME` lines."""
    sites: dict[str, str] = {}
    for line in indexes:
        site, _, codename = line.partition(" ")
        suffix = "-" + codename.partition("-")[2] if "-" in codename else ""
        sites.setdefault(suffix, site)
    if "" not in sites:
        raise BuildError("apt knows no Debian mirror here: see /etc/apt/sources.list.d")
    words = " ".join(choice.components)
    return [
        f"deb [signed-by={KEYRING}] {sites[suffix]} {choice.suite}{suffix} {words}"
        for suffix in SUITES
        if suffix in sites
    ]


def mirror(choice: Choice) -> list[str]:
    """Return `sources` of this machine."""
    indexes = run("apt-get", "indextargets", "--format", INDEX_FORMAT, "Created-By: Packages")
    return sources(sorted(set(indexes.splitlines())), choice)


def unpack(choice: Choice, names: Iterable[str], architecture: str, root: Path, kept: Path) -> None:
    """Unpack packages and all they depend on into `root`; keep the package files in `kept`."""
    kept.mkdir(parents=True)
    run(
        *("mmdebstrap", "--mode=root", "--variant=extract", f"--architectures={architecture}"),
        f"--include={','.join(names)}",
        f'--extract-hook=cp "$1"/var/cache/apt/archives/*.deb "{kept}"/',
        '--aptopt=Acquire::Languages "none"',
        choice.suite,
        root,
        *mirror(choice),
    )


def packages(kept: Path) -> Iterator[Package]:
    """Yield what `unpack` kept, by name."""
    for file in sorted(kept.glob("*.deb")):
        wanted = ("${Package}", "${Version}", "${source:Package}")
        shown = run("dpkg-deb", "--show", f"--showformat={' '.join(wanted)}", file)
        yield Package(file, *shown.split(" "))
