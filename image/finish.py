"""What the maintainer scripts would have done, and what makes a Debian root ours."""

import re
import shutil
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from device.app.update_command import TRUST
from image import REPOSITORY
from image.debian import Choice, Package
from image.tools import BuildError, run

UNITS = REPOSITORY / "systemd"
CERTIFICATES = "usr/share/ca-certificates"
LINKS = {  # alternatives and links of postinst scripts
    "etc/localtime": "/usr/share/zoneinfo/Asia/Shanghai",
    "etc/resolv.conf": "../run/systemd/resolve/resolv.conf",
    "etc/mtab": "../proc/self/mounts",
    "etc/os-release": "../usr/lib/os-release",
    "usr/bin/awk": "mawk",
    "usr/bin/pager": "more",
    "usr/bin/which": "which.debianutils",
}
COPIES = {  # first versions of files that no package owns
    "etc/passwd": "usr/share/base-passwd/passwd.master",
    "etc/group": "usr/share/base-passwd/group.master",
    "etc/nsswitch.conf": "usr/share/libc-bin/nsswitch.conf",
    "etc/profile": "usr/share/base-files/profile",
    "root/.profile": "usr/share/base-files/dot.profile",
}
TEXTS = {
    "etc/hostname": "paybox\n",
    "etc/hosts": "127.0.0.1 localhost paybox\n::1 localhost\n",
    "etc/machine-id": "",  # the initrd brings the box's own
    "etc/fstab": "# The initrd has mounted everything.\n",
    "etc/modules": "",
    "etc/motd": "",
    "etc/ssh/sshd_config": "Include /etc/ssh/sshd_config.d/*.conf\n",  # the rest is sshd's own
}
FOLDERS = ("boot/firmware", "data", "mnt", "opt", "srv", "var/mail", "var/log/journal")
SHADOW = 42  # the group that may read locked accounts


def take_out(root: Path, choice: Choice, packages: Iterable[Package]) -> None:
    """Remove what no box needs: packages of the installer, papers, modules of other hardware."""
    everything = list(packages)
    kept = {path for one in everything if one.name not in choice.left_out for path in one.paths()}
    for one in everything:
        if one.name in choice.left_out:
            for path in sorted(set(one.paths()) - kept, reverse=True):
                _remove(root / path, whole=False)
    for pattern in choice.removed:
        for found in sorted(root.glob(pattern)):
            _remove(found, whole=True)
    [modules] = (root / "usr/lib/modules").iterdir()
    kernel = modules / "kernel"
    spared = {file for name in choice.modules_kept for file in _files(kernel / name)}
    for name in choice.modules:
        for file in _files(kernel / name):
            if file not in spared:
                file.unlink()


def _files(path: Path) -> list[Path]:
    """Return a file, or all files of a folder."""
    return [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]


def _remove(path: Path, *, whole: bool) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir() and (whole or not any(path.iterdir())):
        shutil.rmtree(path)


def settle(root: Path, version: str) -> None:
    """Write the files that packages make when they are configured."""
    for name in FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name, source in COPIES.items():
        shutil.copyfile(root / source, root / name)
    for name, target in LINKS.items():
        _link(root / name, target)
    for name, text in TEXTS.items():
        (root / name).write_text(text)
    bundle = sorted((root / CERTIFICATES).rglob("*.crt"))
    together = "".join(file.read_text().rstrip() + "\n" for file in bundle)
    (root / "etc/ssl/certs/ca-certificates.crt").write_text(together)
    with (root / "usr/lib/os-release").open("a") as file:
        file.write(f"IMAGE_ID=paybox\nIMAGE_VERSION={version}\n")


def place_units(root: Path, folder: Path = UNITS) -> None:
    """Copy what `install.toml` lists, and switch units on and off as it says."""
    table = tomllib.loads((folder / "install.toml").read_text())
    check_list(table, folder)
    for name, destination in table["files"].items():
        target = root / destination.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, target)
        target.chmod(0o755 if (folder / name).stat().st_mode & 0o100 else 0o644)
    presets = [*(f"enable {name}" for name in table["enable"]), "disable *"]
    preset = root / "etc/systemd/system-preset/00-paybox.preset"
    preset.parent.mkdir(parents=True, exist_ok=True)
    preset.write_text("\n".join(presets) + "\n")
    run("systemctl", f"--root={root}", "preset-all")
    for name in table["mask"]:
        _link(root / "etc/systemd/system" / name, "/dev/null")
    names = root / "etc/nsswitch.conf"
    hosts = f"hosts: {table['nsswitch_hosts']}"
    names.write_text(re.sub(r"^hosts:.*$", hosts, names.read_text(), flags=re.MULTILINE))


def trust(root: Path, key: Path) -> None:
    """Put in the public key by which a box knows an update."""
    target = root / TRUST.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(key, target)


def check_list(table: Mapping[str, Any], folder: Path) -> None:
    """BuildError unless every file of the folder is in the list, and the other way round."""
    listed = set(table["files"])
    present = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    for name in sorted(listed ^ (present - {"install.toml"})):
        raise BuildError(
            f"systemd/install.toml: {name} is {'absent' if name in listed else 'not listed'}"
        )


def accounts(root: Path) -> None:
    """Make the users and groups of sysusers.d; every account is locked."""
    for file in sorted((root / "usr/lib/sysusers.d").glob("*.conf")):
        lines = file.read_text().splitlines(keepends=True)
        # `u!` (systemd 257: also expired) is not known to the systemd of Debian 12.
        file.write_text(
            "".join("u" + line[2:] if line.startswith("u!") else line for line in lines)
        )
    run("systemd-sysusers", f"--root={root}")
    for name in ("shadow", "gshadow"):
        file = root / "etc" / name
        entries = [line.split(":") for line in file.read_text().splitlines()]
        day = {2: ""} if name == "shadow" else {}
        file.write_text("".join(_locked(words, day) for words in entries))
        shutil.chown(file, 0, SHADOW)
        file.chmod(0o640)
    for name in ("passwd", "group", "shadow", "gshadow"):
        (root / f"etc/{name}-").unlink(missing_ok=True)


def _locked(words: list[str], fixed: dict[int, str]) -> str:
    """No password fits, and the day of the build is not in the file."""
    changed = [fixed.get(place, word) for place, word in enumerate(words)]
    changed[1] = "*"  # not "!": sshd would refuse a key as well
    return ":".join(changed) + "\n"


def index(root: Path) -> None:
    """Make the indexes: shared libraries, kernel modules."""
    run("ldconfig", "-r", root)
    (root / "var/cache/ldconfig/aux-cache").unlink(missing_ok=True)
    [modules] = (root / "usr/lib/modules").iterdir()
    run("depmod", "--basedir", root / "usr", modules.name)
    for folder in ("etc", "var"):  # systemd: nothing to catch up with
        (root / folder / ".updated").write_text("")


def _link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() or path.exists():
        path.unlink()
    path.symlink_to(target)
