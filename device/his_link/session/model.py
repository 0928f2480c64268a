"""What one end of a connection remembers, what happens to it, and what it does.

Bodies name patients and hold codes: no `repr` here shows one.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple, Protocol, Self

from device.his_link import frames

BITS_A_BYTE = 10  # start, eight, stop


@dataclass(frozen=True, slots=True)
class Line:
    """What the session must know of its line."""

    body_limit: int
    closes: bool
    """Given up by closing (TCP); else by counting as down (serial)."""
    byte_s: float = 0.0
    """Time one byte takes to leave; 0 where the kernel cannot tell."""
    asks: bool = False
    """The HIS's end: sending a new request ends the wait for repeats of the last frame."""
    sealed: bool = False
    """No body is sent but sealed; without a seal it is dropped."""


TCP_LINE = Line(frames.TCP_BODY_BYTES, closes=True)


def tcp_line(baudrate: int) -> Line:
    """Return the line of a TCP connection; `baudrate`: of the cable behind a converter, or 0."""
    return replace(TCP_LINE, byte_s=BITS_A_BYTE / baudrate) if baudrate else TCP_LINE


def serial_line(baudrate: int) -> Line:
    """Return the line of a serial port."""
    return Line(frames.SERIAL_BODY_BYTES, closes=False, byte_s=BITS_A_BYTE / baudrate)


class Seal(Protocol):
    """What bodies are sealed with (`seal.Seal`)."""

    def seal(self, seq: int, body: bytes) -> tuple[Self, bytes]:
        """Return the seal for the next body, and this one sealed."""
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """A body to send."""

    body: bytes = field(repr=False)
    token: object = field(default=None, repr=False)
    """Comes back in `Acknowledged`."""
    re: int | None = None
    """The SEQ it answers."""
    about: str = ""
    """The id it is about."""
    once: bool = False
    """Sent once, never repeated or waited for (progress); a waiting message about the same id
    replaces it."""
    unsealed: bool = False
    """Sent as it is on a sealed line too: the first words of a session."""


class Now(NamedTuple):
    """The time twice: `mono_s` runs on; `calm_s` stands still while a frame is coming in."""

    mono_s: float
    calm_s: float


class Phase(StrEnum):
    """What the sending half is doing."""

    IDLE = "idle"  # nothing of ours is under way
    WAITING = "waiting"  # a frame is out and not acknowledged
    DOWN = "down"  # serial: three sends unanswered; asking every five seconds
    CLOSED = "closed"  # over: nothing is sent or delivered any more


@dataclass(frozen=True, slots=True)
class Out:
    """The frame under way."""

    message: Message
    raw: bytes = field(repr=False)
    seq: int
    sends: int
    ack_by_s: float
    """On the calm clock."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything a session remembers."""

    line: Line
    phase: Phase = Phase.IDLE
    seq: int = 0
    """The last one given out."""
    out: Out | None = None
    queue: tuple[Message, ...] = ()
    unanswered: tuple[int, bytes] | None = field(default=None, repr=False)
    """SEQ and bytes of the last good frame while its answer has not been written; on a sealed line
    always."""
    seal: Seal | None = None
    """What bodies are sealed with from here on."""
    written_by_s: float = 0.0
    """When the last byte written will have left."""
    enq_at_s: float = 0.0
    """The next ENQ while down."""
    asked_at_s: float | None = None
    """When the first ENQ that is still unanswered was sent."""


# ------------------------------------------------------------------ events of our own side


@dataclass(frozen=True, slots=True)
class Send:
    """Queue a message, whole or not at all. One answer may be several bodies."""

    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Reseal:
    """A new session: what leaves from here on for the first time is sealed with this."""

    seal: Seal


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask ENQ: is this peer still there."""


Event = frames.Event | Send | Reseal | Tick | Probe

# ------------------------------------------------------------------ effects


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes to put on the line, after whatever is on its way."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Deliver:
    """A message arrived."""

    seq: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message left for the first time, under this SEQ."""

    token: object
    seq: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The peer's link has the message; whether its program has it, only `received` tells."""

    token: object


@dataclass(frozen=True, slots=True)
class Here:
    """The peer answered an ENQ."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The serial line is down."""


@dataclass(frozen=True, slots=True)
class Back:
    """The serial line is up again."""


Effect = Write | Deliver | Sent | Acknowledged | Here | Close | Lost | Back
Effects = tuple[Effect, ...]
Step = tuple[State, Effects]
