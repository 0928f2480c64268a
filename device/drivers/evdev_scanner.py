"""A keyboard scanner read from evdev: grabbed, unplugged and plugged again at any moment.

The kernel's buffer holds 64 events and one scan is 114, so the loop may never block; if keys are
lost all the same, the shortened code is thrown away (host-links-and-scanners §2.1). The reader is
`add_reader` and `read()`: cancelling python-evdev's own async reader loses a key (§2.2).
"""

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from device.drivers.input_nodes import EV_KEY, INPUT, Event, Node, find_nodes
from device.drivers.key_decoder import KeyDecoder
from device.drivers.plugged import PluggedScanner
from device.drivers.scan_assembler import KEYBOARD, MOST_CHARS, ScanAssembler
from device.drivers.scan_feed import CallAt, ScanFeed, call_at
from device.drivers.scan_sink import ScanSink

log = logging.getLogger(__name__)

EV_SYN, SYN_REPORT, SYN_DROPPED = 0, 0, 3


class Keyboard:
    """One node with its own modifier state and buffer: two scanners never mix their keys."""

    def __init__(
        self,
        node: Node,
        sink: ScanSink,
        most_chars: int = MOST_CHARS,
        call_at: CallAt = call_at,
    ) -> None:
        self.fd, self.name = node.fd, node.path
        self.node = node
        self._decoder = KeyDecoder()
        assembler = ScanAssembler(KEYBOARD, most_chars)
        self._feed = ScanFeed(assembler, sink, call_at, self._read_more)
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
        self._feed.unplugged()

    def close(self) -> None:
        """Close the node, which lets go of the grab."""
        self.node.close()

    def _read_more(self) -> None:
        with contextlib.suppress(OSError):  # the loop's own reader will see that it is gone
            self.read()

    def _event(self, event: Event) -> None:
        at_s = event.sec + event.usec / 1e6
        if event.type == EV_SYN:
            self._sync(event.code, at_s)
        elif event.type == EV_KEY and not self._skipping:
            self._key(event.code, event.value, at_s)

    def _key(self, code: int, value: int, at_s: float) -> None:
        key = self._decoder.key(code, value, at_s)
        if not key:
            return
        if self._decoder.stuck:
            self._feed.spoil("stuck")
        self._feed.char(*key)

    def _sync(self, code: int, at_s: float) -> None:
        if code == SYN_DROPPED:
            log.warning("scanner: keys were lost")
            self._skipping = True
            self._feed.overrun(at_s)
        elif code == SYN_REPORT and self._skipping:
            self._skipping = False
            self._resynchronise()

    def _resynchronise(self) -> None:
        held, caps = self.node.held()
        self._decoder.reset(held, caps=caps)


class EvdevScanner(PluggedScanner):
    """The keyboard scanner that `match` names."""

    def __init__(
        self,
        match: str,
        sink: ScanSink,
        find: Callable[[str], list[Node]] = find_nodes,
        folder: Path = INPUT,
        most_chars: int = MOST_CHARS,
    ) -> None:
        def keyboards() -> list[Keyboard]:
            return [Keyboard(node, sink, most_chars) for node in find(match)]

        super().__init__(folder, keyboards, sink.on_online)
