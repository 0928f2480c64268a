"""`python -m image`: build the card and say what each step took."""

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from device.errors import ConfigError
from device.update.make import TRUST_NAME, keygen
from image import REPOSITORY, card, debian, figures, finish, initrd, python_code, review, sbom
from image.layout import MIB
from image.tools import BuildError, missing, run

KEYS = "release-keys"


@dataclass(frozen=True, slots=True)
class Build:
    """One build: where it works, and the two facts about the commit that go into the image."""

    folder: Path
    choice: debian.Choice
    version: str
    epoch: int
    """Seconds since 1970: the commit's time stands for every time in the image."""
    trust: Path
    """The public half of the key that signs updates."""

    @property
    def root(self) -> Path:
        """The root, as it grows."""
        return self.folder / "root"

    @property
    def kept(self) -> Path:
        """The package files."""
        return self.folder / "packages"

    def packages(self) -> list[debian.Package]:
        """Return what was unpacked."""
        return list(debian.packages(self.kept))


def _unpack(build: Build) -> None:
    choice = build.choice
    debian.unpack(choice, choice.packages, choice.architecture, build.root, build.kept)


def _initrd(build: Build) -> None:
    finish.index(build.root)  # the initrd needs the modules' order
    initrd.build(build.root, build.folder / "initrd", build.folder / "initrd.img", build.epoch)


def _boot(build: Build) -> None:
    files = build.folder / "boot"
    card.boot_files(build.root, build.choice, build.folder / "initrd.img", files)
    card.boot_image(files, build.folder / "boot.fat", build.epoch)


def _finish(build: Build) -> None:
    finish.take_out(build.root, build.choice, build.packages())
    finish.settle(build.root, build.version)
    finish.place_units(build.root)
    finish.trust(build.root, build.trust)
    finish.accounts(build.root)
    finish.index(build.root)


def _bill(build: Build) -> None:
    on_card = [one for one in build.packages() if one.name not in build.choice.left_out]
    text = sbom.bill(on_card, python_code.wheels(build.root), build.version, build.epoch)
    (build.folder / "sbom.json").write_text(text)


def _root(build: Build) -> None:
    card.root_image(build.root, build.folder / "root.erofs", build.epoch)


def _data(build: Build) -> None:
    card.data_image(build.folder / "data", build.folder / "data.ext4", build.epoch)


def _card(build: Build) -> None:
    parts = (build.folder / name for name in ("boot.fat", "root.erofs", "data.ext4"))
    card.assemble(build.folder / "paybox.img", *parts)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its name for the table, what it does, what it leaves to be measured."""

    name: str
    do: Callable[[Build], None]
    made: str = ""


STEPS = (
    Step("packages, unpacked", _unpack, "root"),
    Step("their scripts, reviewed", lambda build: review.check(build.packages())),
    Step("initrd", _initrd, "initrd.img"),
    Step("boot partition", _boot, "boot.fat"),
    Step("firmware and wheels", lambda build: python_code.install(build.root)),
    Step("root, finished", _finish, "root"),
    Step(
        "Python, compiled",
        lambda build: python_code.compile_all(build.root, build.folder / "compiler", build.choice),
        "root",
    ),
    Step("bill of materials", _bill, "sbom.json"),
    Step("root image", _root, "root.erofs"),
    Step("data partition", _data, "data.ext4"),
    Step("card", _card, "paybox.img"),
)


def main(arguments: Sequence[str]) -> int:
    """Build; exit code 1 with one clear text if it cannot be."""
    parser = argparse.ArgumentParser(prog="python -m image", description=__doc__)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "build/image")
    text = "folder of the key that signs updates; made if there is none (default: %(default)s)"
    parser.add_argument("--keys", metavar="DIR", type=Path, default=REPOSITORY / KEYS, help=text)
    chosen = parser.parse_args(arguments)
    folder: Path = chosen.out.resolve()
    started = time.monotonic()
    try:
        build = _prepared(folder, chosen.keys)
        for step in STEPS:
            began = time.monotonic()
            step.do(build)
            took = time.monotonic() - began
            size = f"{_size(folder / step.made) / MIB:8.1f} MiB" if step.made else ""
            print(f"{step.name:26}{took:6.1f} s {size}", flush=True)
    except BuildError as error:
        print(f"make image: {error}", file=sys.stderr)
        return 1
    figures.record(folder, "build_s", time.monotonic() - started)
    for name in ("root.erofs", "paybox.img"):
        print(f"{sha256((folder / name).read_bytes()).hexdigest()}  {folder / name}")
    return 0


def _prepared(folder: Path, keys: Path) -> Build:
    if absent := missing():
        raise BuildError(f"apt-get install {' '.join(absent)}")
    owner = run("id", "-u").strip()
    if owner != "0":
        raise BuildError("needs root, for the owners of files in the image: sudo make image")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    git = ("git", "-c", f"safe.directory={REPOSITORY}", "-C", REPOSITORY)
    version = run(*git, "describe", "--always", "--dirty").strip()
    epoch = int(run(*git, "log", "-1", "--format=%ct"))
    return Build(folder, debian.Choice.read(), version, epoch, _trust(keys))


def _trust(keys: Path) -> Path:
    """Return the public key; only `update.pub` is needed here, the other half is best elsewhere."""
    if not (keys / TRUST_NAME).exists():
        try:
            keygen(keys)
        except ConfigError as error:
            raise BuildError(str(error)) from None
    return keys / TRUST_NAME


def _size(path: Path) -> int:
    """Return bytes that take room on a disk: an image has holes."""
    found = path.rglob("*") if path.is_dir() else [path]
    return sum(one.lstat().st_blocks * 512 for one in found)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
