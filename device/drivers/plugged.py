"""What may be unplugged and plugged again at any moment: looked for, held, looked for again.

Plugging in is heard of by inotify; a slow look is the backstop. The watch stands before the look,
so that nothing falls between the two. The nodes of a composite scanner appear one after the other,
and their permissions later still: each is held as soon as it can be, none is waited for.
"""

import asyncio
import contextlib
import errno
import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from device.drivers.folder_watch import FolderWatch
from device.errors import HardwareError, NotPluggedIn

log = logging.getLogger(__name__)

POLL_S = 2.0  # the backstop: between two looks for a scanner that is missing or refused


class Source(Protocol):
    """One descriptor of a scanner; every OSError means that it is gone or refused."""

    fd: int
    name: str
    """What the kernel calls its node, until it is unplugged."""

    def open(self) -> None:
        """Make it ours and forget what was waiting."""

    def read(self) -> None:
        """Take all that is waiting."""

    def unplugged(self) -> None:
        """Drop the part of a code."""

    def close(self) -> None:
        """Close it."""


class PluggedScanner:
    """`run()` holds the scanner for as long as the task lives; a missing one is a state.

    `find` opens every source of the scanner, or raises HardwareError with one clear line.
    """

    def __init__(
        self,
        folder: Path,
        find: Callable[[], Sequence[Source]],
        on_online: Callable[[bool], None],
    ) -> None:
        self._folder = folder
        self._find = find
        self._on_online = on_online
        self._sources: Sequence[Source] = ()
        self._changed = asyncio.Event()
        self.fault = "扫码枪尚未打开"
        self.missing = True
        """Whether there is none, as against one that is there and cannot be used."""

    @property
    def online(self) -> bool:
        """Whether a scanner is held."""
        return bool(self._sources)

    async def run(self) -> None:
        """Look for the scanner, hold it, look again when it is gone."""
        watch = FolderWatch(self._folder, self._changed.set, POLL_S)
        try:
            while True:
                watch.arm()
                self._changed.clear()
                self._look()
                await self._until_changed(watch)
        finally:
            watch.close()
            self._lose()

    async def _until_changed(self, watch: FolderWatch) -> None:
        """Nobody tells when another program lets go of a scanner: that is looked for steadily."""
        pause_s = None if self.online else watch.pause_s() if self.missing else POLL_S
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._changed.wait()

    def _look(self) -> None:
        """Hold what is there and is not held yet: a scanner, or one more node of it."""
        try:
            found = self._find()
        except HardwareError as fault:
            if not self.online:
                self._say(str(fault), missing=isinstance(fault, NotPluggedIn))
            return
        held = {source.name for source in self._sources}
        _close([source for source in found if source.name in held])
        self._hold([source for source in found if source.name not in held])

    def _hold(self, sources: Sequence[Source]) -> None:
        try:
            for source in sources:
                source.open()
        except OSError as error:  # never read ungrabbed: a code would be typed into the console
            _close(sources)
            self._say(fault_of(error), missing=False)
            return
        was_online, self._sources = self.online, [*self._sources, *sources]
        self.fault = ""
        loop = asyncio.get_running_loop()
        for source in sources:
            loop.add_reader(source.fd, partial(self._read, source))
        if not was_online:
            self._on_online(self.online)

    def _read(self, source: Source) -> None:
        try:
            source.read()
        except OSError:
            self._lose()

    def _lose(self) -> None:
        """Also what is left of a composite device is closed: it comes back as a whole."""
        sources, self._sources = self._sources, ()
        if not sources:
            return
        loop = asyncio.get_running_loop()
        for source in sources:
            loop.remove_reader(source.fd)
            source.unplugged()
        _close(sources)
        self._say("扫码枪已拔出", missing=True)
        self._on_online(self.online)
        self._changed.set()

    def _say(self, fault: str, *, missing: bool) -> None:
        if fault != self.fault:  # once, not at each look
            log.warning("scanner: %s", fault)
        self.fault, self.missing = fault, missing


BUSY = "扫码枪被其他程序占用"


def fault_of(error: OSError) -> str:
    """Return one line for the technician (Chinese, as the diagnosis shows it)."""
    if error.errno == errno.EBUSY:
        return BUSY
    if error.errno in {errno.EACCES, errno.EPERM}:
        return "没有权限打开扫码枪：运行用户须在 input 组"
    return f"扫码枪无法打开：{errno.errorcode.get(error.errno or 0, 'error')}"


def _close(sources: Sequence[Source]) -> None:
    for source in sources:
        with contextlib.suppress(OSError):  # closing lets go of the grab
            source.close()
