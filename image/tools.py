"""The build machine's own programs, and the Debian package of each."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

PACKAGES = {
    "cpio": "cpio",
    "debugfs": "e2fsprogs",
    "depmod": "kmod",
    "dpkg-deb": "dpkg",
    "fdtput": "device-tree-compiler",
    "ldconfig": "libc-bin",
    "mcopy": "mtools",
    "mke2fs": "e2fsprogs",
    "mkfs.erofs": "erofs-utils",
    "mkfs.vfat": "dosfstools",
    "mmdebstrap": "mmdebstrap",
    "sfdisk": "fdisk",
    "systemctl": "systemd",
    "systemd-sysusers": "systemd",
}
SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TOLD = 20  # lines of a failed program's last words


class BuildError(Exception):
    """The image cannot be built; the text says what to do about it."""


def missing(names: Iterable[str] = PACKAGES) -> list[str]:
    """Return the Debian packages that this machine lacks."""
    absent = {PACKAGES[name] for name in names if not shutil.which(name, path=SEARCHED)}
    return sorted(absent)


def run(
    *command: str | Path,
    stdin: str = "",
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run one program and return what it printed. BuildError with its last words if it failed."""
    plain = {
        "PATH": SEARCHED,
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "HOME": os.environ.get("HOME", "/"),
    }
    done = subprocess.run(  # noqa: S603  programs of this machine, named in this package
        [str(word) for word in command],
        check=False,
        cwd=cwd,
        input=stdin,
        text=True,
        capture_output=True,
        env=plain | dict(environment or {}),
    )
    if done.returncode:
        words = (done.stdout + done.stderr).splitlines()[-TOLD:]
        raise BuildError("\n".join([f"{command[0]} failed ({done.returncode}):", *words]))
    return done.stdout
