"""Releases to update to, made of the root that was built: a good one and some bad ones."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from device import config
from device.journal import versions
from device.update.make import SIGNING_NAME, Release, make
from device.update.manifest import BUNDLE_NAME
from image import REPOSITORY, card
from image.__main__ import KEYS
from image.layout import MIB
from image.python_code import SITE

DEVICE = f"{SITE}/device"
EPOCH = 1_780_000_000  # any: a release's time
STICK = 256 * MIB
SOUND = "0.2.0"


def sound(root: Path) -> None:
    """As the running one, with another version."""
    _edit(root, "__init__.py", lambda text: text.replace('"0.1.0"', f'"{SOUND}"'))


def no_firmware(root: Path) -> None:
    """A program that ends at once."""
    _edit(root, "__main__.py", lambda text: "raise SystemExit(1)\n" + text)


def no_system(root: Path) -> None:
    """Nothing to start: the kernel panics."""
    (root / "usr/lib/systemd/systemd").unlink()


def stick(built: Path, folder: Path, version: str, change: Callable[[Path], None]) -> Path:
    """Return a USB stick with this release on it, signed with the key that the image trusts."""
    root = folder / f"root-{version}"
    subprocess.run(["cp", "-a", built / "root", root], check=True)
    change(root)
    image = folder / f"{version}.erofs"
    card.root_image(root, image, EPOCH)
    shutil.rmtree(root)
    [modules] = (built / "root/usr/lib/modules").iterdir()
    key = config.read_key(REPOSITORY / KEYS / SIGNING_NAME)
    bundle = folder / BUNDLE_NAME
    make(image, bundle, key, Release(version, modules.name, versions.NAMES))
    image.unlink()
    return _fat(folder / f"stick-{version}", bundle)


def _fat(file: Path, bundle: Path) -> Path:
    with file.open("wb") as made:
        made.truncate(STICK)
    subprocess.run(["mkfs.vfat", "-n", "PAYBOX", file], check=True, capture_output=True)
    subprocess.run(["mcopy", "-i", file, bundle, "::"], check=True)
    bundle.unlink()
    return file


def _edit(root: Path, name: str, edit: Callable[[str], str]) -> None:
    """Change a module; its byte code is never looked up against it, so that goes."""
    path = root / DEVICE / name
    path.write_text(edit(path.read_text()))
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
        compiled.unlink()
