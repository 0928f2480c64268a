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
SLOWEST_S = 64.0  # between two looks at a folder that is heard of anyway


class FolderWatch:
    """`arm()` before each look at the folder: what changes after it calls `changed` on the loop.

    `pause_s()` is how long to wait for that before the next look: `look_s`, and twice as long after
    each in vain. What is missing for a day is to wake nobody.
    """

    def __init__(self, folder: Path, changed: Callable[[], None], look_s: float) -> None:
        self._folder = folder
        self._changed = changed
        self._look_s = self._pause_s = look_s
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._watched: set[int] = set()
        if self._fd >= 0:
            asyncio.get_running_loop().add_reader(self._fd, self._read)

    def arm(self) -> None:
        """Watch the folder; while it is missing (no such device at all), the nearest above it."""
        folder = next(f for f in (self._folder, *self._folder.parents) if f.is_dir())
        if self._fd >= 0:  # without inotify the caller's own looks must do
            mask = CREATE | ATTRIB
            self._watched.add(self._libc.inotify_add_watch(self._fd, os.fsencode(folder), mask))

    def disarm(self) -> None:
        """What is wanted has been found: hear of nothing until `arm()`."""
        for number in self._watched:
            self._libc.inotify_rm_watch(self._fd, number)
        self._watched.clear()
        self._pause_s = self._look_s

    def pause_s(self) -> float:
        """Return how long to wait; without inotify always the shortest time."""
        pause_s = self._pause_s
        if self._fd >= 0:
            self._pause_s = max(pause_s, min(2 * pause_s, SLOWEST_S))
        return pause_s

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
        self._pause_s = self._look_s  # a node may be there some time before it can be opened
        self._changed()
