"""A keyboard scanner read from evdev: grabbed, unplugged and plugged again at any moment.

The kernel's buffer holds 64 events and one scan is 114, so the loop may never block; if keys are
lost all the same, the shortened code is thrown away (host-links-and-scanners §2.1). The reader is
`add_reader` and `read()`: cancelling python-evdev's own async reader loses a key (§2.2).
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial

from device.drivers.input_nodes import EV_KEY, Event, Node, fault_of, find_nodes
from device.drivers.key_decoder import KeyDecoder
from device.drivers.scan_assembler import KEY_GAP_S, ScanAssembler
from device.drivers.scan_sink import ScanSink
from device.errors import HardwareError

log = logging.getLogger(__name__)

POLL_S = 2.0  # between two looks for a missing scanner
SETTLE_S = 0.3  # nodes of a composite scanner appear one after the other: all are to be grabbed
EV_SYN, SYN_REPORT, SYN_DROPPED = 0, 0, 3


class Keyboard:
    """One node with its own modifier state and buffer: two scanners never mix their keys."""

    def __init__(self, node: Node, sink: ScanSink) -> None:
        self.node = node
        self._sink = sink
        self._decoder = KeyDecoder()
        self._assembler = ScanAssembler(KEY_GAP_S)
        self._skipping = False  # until the next report: what stands before it is incomplete

    def open(self) -> None:
        """Grab, forget what was typed before, take the state of the keys. OSError if refused."""
        self.node.grab()
        with contextlib.suppress(BlockingIOError):
            while list(self.node.read()):
                pass
        self._resynchronise()

    def read(self) -> None:
        """Take all that is waiting; OSError (ENODEV) if the scanner is gone."""
        with contextlib.suppress(BlockingIOError):
            for event in self.node.read():
                self._event(event)

    def unplugged(self) -> None:
        """Drop the part of a code."""
        self._sink.take(self._assembler.unplugged())

    def _event(self, event: Event) -> None:
        if event.type == EV_SYN:
            self._sync(event.code)
        elif event.type == EV_KEY and not self._skipping:
            key = self._decoder.key(event.code, event.value, event.sec + event.usec / 1e6)
            if key:
                self._sink.take(self._assembler.char(*key))

    def _sync(self, code: int) -> None:
        if code == SYN_DROPPED:
            log.warning("scanner: keys were lost")
            self._skipping = True
            self._assembler.overrun()
        elif code == SYN_REPORT and self._skipping:
            self._skipping = False
            self._resynchronise()

    def _resynchronise(self) -> None:
        held, caps = self.node.held()
        self._decoder.reset(held, caps=caps)


class EvdevScanner:
    """`run()` holds the scanner for as long as the task lives; a missing one is a state."""

    def __init__(
        self, match: str, sink: ScanSink, find: Callable[[str], list[Node]] = find_nodes
    ) -> None:
        self._match = match
        self._sink = sink
        self._find = find
        self._keyboards: list[Keyboard] = []
        self._lost = asyncio.Event()
        self._settled = True  # at the start it has been plugged in for long
        self.fault = "扫码器尚未打开"

    @property
    def online(self) -> bool:
        """Whether a scanner is held."""
        return bool(self._keyboards)

    async def run(self) -> None:
        """Look for the scanner, hold it, look again when it is gone."""
        try:
            while True:
                self._lost.clear()
                pause_s = self._open()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._lost.wait(), pause_s)
        finally:
            self._lose()

    def _open(self) -> float | None:
        """Try to hold the scanner; return when to try again, None = never while it is held."""
        try:
            nodes = self._find(self._match)
        except HardwareError as fault:
            self._settled = False
            self._say(str(fault))
            return POLL_S
        if not self._settled:
            self._settled = True
            _close(nodes)
            return SETTLE_S
        return None if self._hold(nodes) else POLL_S

    def _hold(self, nodes: list[Node]) -> bool:
        keyboards = [Keyboard(node, self._sink) for node in nodes]
        try:
            for keyboard in keyboards:
                keyboard.open()
        except OSError as error:  # never read ungrabbed: a code would be typed into the console
            _close(nodes)
            self._say(fault_of(error))
            return False
        self._keyboards = keyboards
        self._say("")
        loop = asyncio.get_running_loop()
        for keyboard in keyboards:
            loop.add_reader(keyboard.node.fd, partial(self._read, keyboard))
        self._sink.on_online(self.online)
        return True

    def _read(self, keyboard: Keyboard) -> None:
        try:
            keyboard.read()
        except OSError:
            self._lose()

    def _lose(self) -> None:
        """Also what is left of a composite device is closed: it comes back as a whole."""
        keyboards, self._keyboards = self._keyboards, []
        if not keyboards:
            return
        loop = asyncio.get_running_loop()
        for keyboard in keyboards:
            loop.remove_reader(keyboard.node.fd)
            keyboard.unplugged()
        _close([keyboard.node for keyboard in keyboards])
        self._say("扫码器已拔出")
        self._sink.on_online(self.online)
        self._lost.set()

    def _say(self, fault: str) -> None:
        if fault and fault != self.fault:  # once, not at each look
            log.warning("scanner: %s", fault)
        self.fault = fault


def _close(nodes: list[Node]) -> None:
    for node in nodes:
        with contextlib.suppress(OSError):  # closing lets go of the grab
            node.close()
