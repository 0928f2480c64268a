"""Wakes when something in a folder of devices appears or gets its permissions (inotify).

Three calls of the C library by ctypes: what happened does not matter, only that one looks again.
(asyncinotify would do, but looks its library up by running `ldconfig` at import, see
docs/decisions/0001.)
"""

import asyncio
import contextlib
import ctypes
import os
from collections.abc import Callable
from pathlib import Path

CREATE, ATTRIB = 0x100, 0x4  # a node appears before udev has set its permissions
READ_BYTES = 4096


class FolderWatch:
    """`arm()` before each look at the folder: what changes after it calls `changed` on the loop."""

    def __init__(self, folder: Path, changed: Callable[[], None]) -> None:
        self._folder = folder
        self._changed = changed
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd >= 0:
            asyncio.get_running_loop().add_reader(self._fd, self._read)

    def arm(self) -> None:
        """Watch the folder; while it is missing (no such device at all), the nearest above it."""
        folder = next(f for f in (self._folder, *self._folder.parents) if f.is_dir())
        if self._fd >= 0:  # without inotify the caller's own looks must do
            self._libc.inotify_add_watch(self._fd, os.fsencode(folder), CREATE | ATTRIB)

    def close(self) -> None:
        """Stop watching."""
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._fd, READ_BYTES):
                pass
        self._changed()
