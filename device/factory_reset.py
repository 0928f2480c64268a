"""Back to the factory state: payments, keys, settings and logs of the data partition are wiped.

1 told           the box stands still; nothing is lost that a person did not agree to lose
2 the mark       the single step after which the box is no more
3 the wipe       at the next start, before anything else runs: overwritten, removed, synced
4 no mark        the last step

A power cut before 2 leaves the box as it was. After it no firmware starts (`paybox.service` looks
for the mark), and each start begins the wipe anew until it is whole. What stays is named, so that
nothing is forgotten: which slot boots, and what was tried.
"""

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

MARK = "factory-reset"
DONE = "factory-reset-done"
"""Holds the SHA-256 sums of requests on the boot partition, which cannot be removed from there."""
MOST_DONE = 16  # remembered requests; a card sees one in a year
CHUNK = 1 << 16  # bytes overwritten at once


@dataclass(frozen=True, slots=True)
class Losses:
    """What would be lost with the journal."""

    open_payments: int = 0
    """Orders and refunds that are not at an answered end."""
    waiting: int = 0
    """Events that the statistics centre does not have."""
    unreadable: bool = False
    """The journal or the configuration cannot be read, so nobody knows."""

    def __bool__(self) -> bool:
        return bool(self.open_payments or self.waiting or self.unreadable)


def word(box_id: str, losses: Losses) -> str:
    """Return what a person types to agree: another one when something would be lost.

    `box_id` is empty if no configuration says it.
    """
    return f"{'LOSE' if losses else 'RESET'} {box_id}".strip()


class Disk(Protocol):
    """What a wipe does to the disk, each lasting when it returns, but for names: see `sync`."""

    def mark(self, path: Path) -> None:
        """Make an empty file, and its name last."""

    def overwrite(self, path: Path) -> None:
        """Write zeros over a file's bytes, and sync them."""

    def remove(self, path: Path) -> None:
        """Remove a file, a link or an empty folder."""

    def sync(self, folder: Path) -> None:
        """Make the names in a folder last."""


class RealDisk:
    """The machine's."""

    def mark(self, path: Path) -> None:
        """See `Disk`."""
        path.touch(mode=0o600)
        self.sync(path.parent)

    def overwrite(self, path: Path) -> None:
        """See `Disk`."""
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            left = os.fstat(descriptor).st_size
            while left:
                left -= file.write(bytes(min(CHUNK, left)))
            os.fsync(descriptor)

    def remove(self, path: Path) -> None:
        """See `Disk`."""
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()

    def sync(self, folder: Path) -> None:
        """See `Disk`."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def begin(data: Path, disk: Disk) -> None:
    """Take the single step: from now on each start wipes the data partition until it is empty."""
    disk.mark(data / MARK)


def has_begun(data: Path) -> bool:
    """Whether a wipe is due."""
    return (data / MARK).exists()


def finish(data: Path, kept: Collection[str], disk: Disk) -> int:
    """Wipe everything but the files `kept`; return how many files that were.

    The folders of the first level stay, empty: they are mounted, and have their owners. OSError
    leaves the mark, so that the next start tries again.
    """
    staying = {*kept, MARK}
    count = 0
    for path in sorted(path for path in data.iterdir() if path.name not in staying):
        for inner in _depth_first(path):
            count += _wipe(inner, disk)
        if path.is_dir() and not path.is_symlink():
            disk.sync(path)
        else:
            count += _wipe(path, disk)
    disk.sync(data)
    disk.remove(data / MARK)
    disk.sync(data)
    return count


def _depth_first(path: Path) -> Iterator[Path]:
    """Give what is in a folder, each folder after its contents; no link is followed."""
    if path.is_symlink() or not path.is_dir():
        return
    for inner in sorted(path.iterdir()):
        yield from _depth_first(inner)
        yield inner


def _wipe(path: Path, disk: Disk) -> int:
    """Remove one name, its bytes first; return whether it was a file."""
    is_file = path.is_file() and not path.is_symlink()
    if is_file:
        disk.overwrite(path)
    disk.remove(path)
    return int(is_file)
