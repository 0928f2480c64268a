"""Switching a box to another configuration in one step (M23).

    paybox.toml -> set-7-2KQ4BZ3A/paybox.toml      a symbolic link, replaced by rename
    set-7-2KQ4BZ3A/{paybox.toml,box.key,...}       written and synced whole before that

A power cut at any point leaves the link as it was, or pointing at a set that is whole. Relative
paths in `paybox.toml` are relative to the set, so its key files go with it.
"""

import json
import os
import shutil
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from device import config
from device.domain.screens import Refusal
from device.errors import BundleRefused, ConfigError
from device.provisioning.bundle import CONFIG_NAME, RECORD_NAME, TRUST_NAME, Bundle, Title

SETS = "set-*"
OWNER_FOLDER, OWNER_FILE = 0o700, 0o600
LARGEST_RECORD = 4096  # bytes


class Disk(Protocol):
    """The few things a switch does to the disk, each with what makes it last."""

    def make_folder(self, path: Path) -> None:
        """Make one folder, for the owner alone."""

    def write(self, path: Path, data: bytes) -> None:
        """Make a file with these bytes, for the owner alone, and sync it."""

    def link(self, path: Path, target: str) -> None:
        """Make a symbolic link."""

    def replace(self, source: Path, target: Path) -> None:
        """Rename over what is there, in one step."""

    def sync_folder(self, path: Path) -> None:
        """Make the names in a folder last."""

    def remove(self, path: Path) -> None:
        """Remove a file, link or folder, if it is there."""


class RealDisk:
    """The machine's. What root makes belongs to the folder's owner: the firmware is to read it."""

    def make_folder(self, path: Path) -> None:
        """See `Disk`."""
        path.mkdir(mode=OWNER_FOLDER)
        _hand_over(path)

    def write(self, path: Path, data: bytes) -> None:
        """See `Disk`."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_FILE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            _hand_over(path)
            os.fsync(file.fileno())

    def link(self, path: Path, target: str) -> None:
        """See `Disk`."""
        path.symlink_to(target)
        _hand_over(path)

    def replace(self, source: Path, target: Path) -> None:
        """See `Disk`."""
        source.replace(target)

    def sync_folder(self, path: Path) -> None:
        """See `Disk`."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: Path) -> None:
        """See `Disk`."""
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _hand_over(path: Path) -> None:
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def write_whole(path: Path, data: bytes, disk: Disk) -> None:
    """Make or replace one file: after a power cut it is as it was, or whole."""
    part = path.with_name(path.name + ".new")
    disk.remove(part)
    disk.write(part, data)
    disk.replace(part, path)
    disk.sync_folder(path.parent)


def installed(file: Path) -> tuple[Title | None, str]:
    """Return title and digest of the bundle that a configuration came from; None, "" if by hand."""
    try:
        with (file.resolve().parent / RECORD_NAME).open("rb") as record:
            fields = json.loads(record.read(LARGEST_RECORD))
        return Title.from_bytes(json.dumps(fields["title"]).encode()), str(fields["digest"])
    except (OSError, ValueError, KeyError, TypeError, BundleRefused):
        return None, ""


def trusted(file: Path, first: Path) -> bytes:
    """Return the site's public key: the one a box was given last, else the card's (`first`).

    ConfigError if there is none.
    """
    given = file.resolve().parent / TRUST_NAME
    return config.read_key(given if installed(file)[0] and given.exists() else first)


def install(file: Path, bundle: Bundle, digest: str, disk: Disk) -> None:
    """Switch `file` to a bundle. BundleRefused: nothing was changed."""
    staged = file.parent / f"set-{bundle.title.version}-{digest[:8]}"
    try:
        _write_set(staged, bundle, digest, disk)
        _check(staged / CONFIG_NAME, file)
        _switch(file, staged, disk)
    except OSError as error:
        raise BundleRefused(Refusal.DISK, error.strerror or "") from None
    with suppress(OSError):  # only room: the next switch tries again
        _clear(file, staged, disk)


def _write_set(staged: Path, bundle: Bundle, digest: str, disk: Disk) -> None:
    disk.remove(staged)  # what an earlier cut left
    disk.make_folder(staged)
    for name, data in sorted(bundle.files.items()):
        disk.write(staged / name, data)
    title = json.loads(bundle.title.to_bytes())
    disk.write(staged / RECORD_NAME, json.dumps({"title": title, "digest": digest}).encode())
    disk.sync_folder(staged)
    disk.sync_folder(staged.parent)


def _switch(file: Path, staged: Path, disk: Disk) -> None:
    link = file.with_name(file.name + ".new")
    disk.remove(link)
    disk.link(link, f"{staged.name}/{CONFIG_NAME}")
    disk.replace(link, file)
    disk.sync_folder(file.parent)


def _clear(file: Path, staged: Path, disk: Disk) -> None:
    """Keep the set in use and the newest of the others: a technician may want to look."""
    sets = [path for path in file.parent.glob(SETS) if path != staged]
    for path in sorted(sets, key=lambda path: path.stat().st_mtime)[:-1]:
        disk.remove(path)


def _check(new: Path, file: Path) -> None:
    settings = check_for_a_box(new, lambda why: BundleRefused(Refusal.INVALID, why))
    try:
        current = config.load(file)
    except ConfigError:
        return  # the first one, or one that did not work anyway
    if _identity(settings) != _identity(current):
        raise BundleRefused(Refusal.OTHER_BOX, "[box] desk, desk_code or key_file differ")


def _identity(settings: config.Config) -> tuple[str, str, bytes]:
    """What enters every order number: with another one the box would be another desk."""
    box = settings.box
    return box.desk, box.desk_code, config.read_key(box.key_file)


def check_for_a_box(file: Path, refuse: Callable[[str], Exception]) -> config.Config:
    """Return the configuration; what it raises is made by `refuse` from one line."""
    try:
        settings = config.load(file)
        config.read_key(settings.box.key_file)
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except ConfigError as error:
        raise refuse(str(error)) from None
    if not Path(tables["box"]["data_dir"]).is_absolute():
        raise refuse(f"{file}: [box] data_dir: must be absolute, it outlives this configuration")
    return settings
