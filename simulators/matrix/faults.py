"""What a bad line does to the bytes that go over it, as a table; all is drawn from a seed."""

import asyncio
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

SHARE = 0.2  # of the frames and signals that are lost or changed
BITS_A_BYTE = 10
SLOW_BAUD = 1200

_UNITS = re.compile(rb"[\x02\x05\x06\x15][^\x02\x05\x06\x15]*|[^\x02\x05\x06\x15]+")


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of bad line. What is not set is good."""

    lost: float = 0.0
    """Share of the frames and signals that vanish."""
    changed: float = 0.0
    """Share of them in which one byte is another."""
    times: int = 1
    """How often each arrives."""
    byte_s: float = 0.0
    """What one byte takes; 0 = the chunk is passed on whole."""
    together: int = 1
    """How many such bytes arrive together, as out of a UART's buffer."""
    baudrate: int = 0
    """What both ends are told of the line's speed; 0 = a quick one."""
    cut_after: int | None = None
    """Bytes, of both directions together, after which the line breaks, once."""


FAULTS = {
    "whole": Fault(),
    "one byte at a time": Fault(byte_s=0.001),
    "20 % lost": Fault(lost=SHARE),
    "20 % changed": Fault(changed=SHARE),
    "everything twice": Fault(times=2),
    "1200 baud": Fault(byte_s=BITS_A_BYTE / SLOW_BAUD, together=8, baudrate=SLOW_BAUD),
}


class Line:
    """Both directions of one line under one fault. `broken` is called when it is cut.

    What is lost or changed is a frame or a signal; with `wrapped` nobody on the way can tell one
    from another, and it is what was written at once.
    """

    def __init__(
        self, fault: Fault, seed: int, broken: Callable[[], None], *, wrapped: bool = False
    ) -> None:
        self._fault = fault
        self._wrapped = wrapped
        self._chances = {way: random.Random(f"{seed} {way}") for way in ("up", "down")}  # noqa: S311  replayable
        self._left = fault.cut_after
        self._busy_s = {"up": 0.0, "down": 0.0}
        self._broken = broken
        self.carried = 0
        """Bytes that went in."""
        self.spoilt = 0
        """Frames and signals that were lost or changed."""

    def renewed(self) -> None:
        """Another connection: what still waited on the old one is in nobody's way."""
        self._busy_s = {"up": 0.0, "down": 0.0}

    def carry(self, way: str, data: bytes, deliver: Callable[[bytes], None]) -> None:
        """Take what one end wrote, deliver what arrives of it."""
        self.carried += len(data)
        if self._left is not None:
            data = self._up_to_the_cut(data)
        for unit in self._arriving(way, data):
            if self._fault.byte_s:
                self._slowly(way, unit, deliver)
            else:
                deliver(unit)
        if self._left == 0:
            self._left = None
            self._broken()

    def _up_to_the_cut(self, data: bytes) -> bytes:
        assert self._left is not None
        passed = data[: self._left]
        self._left -= len(passed)
        return passed

    def _arriving(self, way: str, data: bytes) -> Iterator[bytes]:
        chance, fault = self._chances[way], self._fault
        for unit in [data] if self._wrapped and data else _UNITS.findall(data):
            if chance.random() < fault.lost:
                self.spoilt += 1
            elif chance.random() < fault.changed:
                self.spoilt += 1
                at = chance.randrange(len(unit))
                yield unit[:at] + bytes([unit[at] ^ chance.randrange(1, 256)]) + unit[at + 1 :]
            else:
                yield unit * fault.times

    def _slowly(self, way: str, unit: bytes, deliver: Callable[[bytes], None]) -> None:
        loop = asyncio.get_running_loop()
        for at in range(0, len(unit), self._fault.together):
            piece = unit[at : at + self._fault.together]
            begins_s = max(self._busy_s[way], loop.time())
            self._busy_s[way] = begins_s + len(piece) * self._fault.byte_s
            loop.call_at(self._busy_s[way], deliver, piece)
