"""Frames: `STX SEQ BODY ETX CRC` and the signals between them (his-link §1). No I/O, no clock.

Resynchronisation in one sentence: an STX always begins a frame, wherever it stands; nothing else
that goes wrong costs more than the frame it went wrong in.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

STX, ETX, ENQ, ACK, NAK = 0x02, 0x03, 0x05, 0x06, 0x15

TCP_BODY_BYTES = 8192  # the longest BODY on TCP
SERIAL_BODY_BYTES = 1024  # and on a serial line: one second at 9600 Bd
SILENCE_S = 1.0  # discards a partial frame or signal; never ends a frame
LAST_SEQ = 0xFF  # then 01 again; 00 is no frame's
SEQ_CHARS = 2
CRC_CHARS = 4

ENQ_BYTES = bytes([ENQ])
NAK_BYTES = bytes([NAK]) + b"00"
HERE_BYTES = bytes([ACK]) + b"00"  # the answer to ENQ

_OPENERS = re.compile(rb"[\x02\x05\x06\x15]")
_FRAME_ENDS = re.compile(rb"[\x02\x03]")
_HEX = frozenset(b"0123456789ABCDEFabcdef")
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_CRC_POLYNOMIAL = 0xA001


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame with a good SEQ and CRC. The body names patients and holds codes: no `repr`."""

    seq: int
    body: bytes = field(repr=False)
    raw: bytes = field(repr=False)
    """Everything after STX, as it was sent: what makes two frames byte-equal."""


@dataclass(frozen=True, slots=True)
class BadFrame:
    """A frame to be answered NAK. `why`: crc | seq | too_long."""

    why: str


@dataclass(frozen=True, slots=True)
class Ack:
    """`06` and two hex digits; SEQ 0 answers an ENQ."""

    seq: int


@dataclass(frozen=True, slots=True)
class Nak:
    """`15` and two hex digits."""


@dataclass(frozen=True, slots=True)
class Enq:
    """One byte: are you there."""


Event = Frame | BadFrame | Ack | Nak | Enq


def _crc_row(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ (_CRC_POLYNOMIAL if value & 1 else 0)
    return value


_CRC_TABLE = tuple(_crc_row(value) for value in range(256))


def crc16(data: Iterable[int]) -> int:
    """Return CRC-16/MODBUS: reflected 0xA001, initial FFFF; `123456789` gives 4B37."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc


def encode(seq: int, body: bytes) -> bytes:
    """Return the frame's bytes; the caller keeps the body within its line's limit."""
    assert 0 < seq <= LAST_SEQ
    assert not has_forbidden(body)
    covered = b"%02X%b\x03" % (seq, body)
    return b"\x02%b%04X" % (covered, crc16(covered))


def ack(seq: int) -> bytes:
    """Return the three bytes that acknowledge a frame."""
    return b"\x06%02X" % seq


def next_seq(seq: int) -> int:
    """Return the SEQ after this one; 0 stands for none yet."""
    return seq % LAST_SEQ + 1


def has_forbidden(body: bytes) -> bool:
    """Whether a byte below 0x20 other than Tab, LF and CR stands in the body."""
    return _FORBIDDEN.search(body) is not None


class Decoder:
    """Any bytes in, events out. Holds at most one body, and never raises.

    Bytes are examined in one of four places: between frames, in SEQ and BODY, in the CRC, or after
    an ACK or NAK byte. `now` is monotonic seconds and is taken for the whole chunk.
    """

    def __init__(self, body_limit: int) -> None:
        self._content_limit = body_limit + SEQ_CHARS
        self._opener = 0  # STX, ACK, NAK, or 0 between frames
        self._content = bytearray()  # SEQ and BODY
        self._digits = bytearray()  # of the CRC, or after ACK and NAK
        self._in_crc = False
        self._opened_at = 0.0
        self._heard_at = 0.0
        self._frames_s = 0.0  # total time ended frames took to come in

    def receiving(self, now: float) -> bool:
        """Whether a frame is coming in: begun, not ended, and not silent for a second."""
        return self._opener == STX and now < self.silent_at

    @property
    def silent_at(self) -> float:
        """When what has begun will be discarded if nothing more comes."""
        return (self._heard_at if self._opener == STX else self._opened_at) + SILENCE_S

    def frames_s(self, now: float) -> float:
        """Seconds spent so far while a frame was coming in: the ACK timer stands still then."""
        if self._opener != STX:
            return self._frames_s
        return self._frames_s + min(now, self.silent_at) - self._opened_at

    def feed(self, data: bytes, now: float) -> list[Event]:
        """Return what the bytes amount to, in order."""
        events: list[Event] = []
        if self._opener and now >= self.silent_at:
            self._leave(self.silent_at)
        at = 0
        while at < len(data):
            at = self._advance(data, at, now, events)
        if data:
            self._heard_at = now
        return events

    def _advance(self, data: bytes, at: int, now: float, events: list[Event]) -> int:
        """Examine from `at` on; return where to go on. Every call moves or changes the place."""
        if not self._opener:
            return self._between(data, at, now, events)
        if self._opener != STX:
            return self._after_signal(data, at, now, events)
        if self._in_crc:
            return self._crc(data, at, now, events)
        return self._inside(data, at, now, events)

    def _between(self, data: bytes, at: int, now: float, events: list[Event]) -> int:
        found = _OPENERS.search(data, at)
        if found is None:
            return len(data)
        opener = data[found.start()]
        if opener == ENQ:
            events.append(Enq())
        else:
            self._enter(opener, now)
        return found.end()

    def _after_signal(self, data: bytes, at: int, now: float, events: list[Event]) -> int:
        if data[at] not in _HEX:
            self._leave(now)
            return at  # looked at afresh
        self._digits.append(data[at])
        if len(self._digits) == SEQ_CHARS:
            events.append(Ack(int(self._digits, 16)) if self._opener == ACK else Nak())
            self._leave(now)
        return at + 1

    def _inside(self, data: bytes, at: int, now: float, events: list[Event]) -> int:
        found = _FRAME_ENDS.search(data, at)
        end = found.start() if found else len(data)
        room = self._content_limit - len(self._content)
        if end - at > room:
            events.append(BadFrame("too_long"))
            self._leave(now)
            return at + room + 1
        self._content += data[at:end]
        if found is None:
            return end
        if data[end] == STX:
            self._leave(now)
            return end
        self._in_crc = True
        return end + 1

    def _crc(self, data: bytes, at: int, now: float, events: list[Event]) -> int:
        if data[at] not in _HEX:
            if data[at] != STX:  # another STX discards a partial frame without a word
                events.append(BadFrame("crc"))
            self._leave(now)
            return at
        self._digits.append(data[at])
        if len(self._digits) == CRC_CHARS:
            events.append(self._finished())
            self._leave(now)
        return at + 1

    def _finished(self) -> Frame | BadFrame:
        covered = bytes(self._content) + bytes([ETX])
        if crc16(covered) != int(self._digits, 16):
            return BadFrame("crc")
        chars = covered[:SEQ_CHARS]
        seq = int(chars, 16) if _HEX.issuperset(chars) else 0
        if not seq:
            return BadFrame("seq")
        return Frame(seq, bytes(self._content[SEQ_CHARS:]), covered + bytes(self._digits))

    def _enter(self, opener: int, now: float) -> None:
        self._opener = opener
        self._opened_at = self._heard_at = now

    def _leave(self, at: float) -> None:
        if self._opener == STX:
            self._frames_s += at - self._opened_at
        self._opener = 0
        self._in_crc = False
        self._content.clear()
        self._digits.clear()
