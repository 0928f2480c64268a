"""What each end does about frames: acknowledge, resend, give up, ask again (his-link §1). No I/O.

Read the rules as prose. A good frame is acknowledged at once and delivered, unless it repeats the
last one whose answer has not been written. A bad one is refused with NAK. Our own messages go out
one at a time: written, then waited for; no ACK in two seconds, or a NAK, and the same bytes go
again, three sends in all. Then TCP is closed, and a serial line counts as *down*: it asks ENQ every
five seconds and is *up* again at the first sign of life. What was queued is dropped then; the desk
keeps what matters and offers it again (his-link §3.6).

On a sealed line (§4) a body is sealed under the SEQ it leaves with, and a frame equal to the last
good one is always a repeat. Bodies name patients and hold codes: no `repr` here shows one.

`step(state, event, now) -> (state, effects)` is the whole rule book; `Session` feeds it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple, Protocol, Self

from device.his_link import frames
from device.his_link.frames import Ack, BadFrame, Decoder, Enq, Frame, Nak

ACK_WAIT_S = 2.0  # from the last byte written; three times this is a cashier's patience
SENDS = 3  # of the same bytes
ENQ_EVERY_S = 5.0  # on a serial line that is down, and to a peer whose silence matters
SILENT_AFTER_S = 10.0  # unanswered ENQs make a peer silent (his-link §3.12)
TIMER_SLACK_S = 0.001  # a timer may fire a hair early: then it is due all the same
QUEUE_BYTES = 131072  # waiting to be sent: a `hello_ok` of a thousand ids fits
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

# ------------------------------------------------------------------ the rules


def step(state: State, event: Event, now: Now) -> Step:
    """Return the state after the event and what is to be done, in order."""
    if state.phase is Phase.CLOSED:
        return state, ()
    if isinstance(event, _SIGNS_OF_LIFE):
        return _alive(state, event, now)
    return _RULES[type(event)](state, event, now)


def _alive(state: State, event: Event, now: Now) -> Step:
    back: Effects = ()
    if state.phase is Phase.DOWN:
        state, back = replace(state, phase=Phase.IDLE), (Back(),)
    if state.asked_at_s is not None:
        state = replace(state, asked_at_s=None)
    state, effects = _RULES[type(event)](state, event, now)
    return state, back + effects


def _frame(state: State, event: Frame, now: Now) -> Step:
    state, acked = _write(state, frames.ack(event.seq), now)
    if state.unanswered is not None and state.unanswered[1] == event.raw:
        return state, acked
    state = replace(state, unanswered=(event.seq, event.raw))
    return state, (*acked, Deliver(event.seq, event.body))


def _bad_frame(state: State, _: BadFrame, now: Now) -> Step:
    return _write(state, frames.NAK_BYTES, now)


def _enq(state: State, _: Enq, now: Now) -> Step:
    return _write(state, frames.HERE_BYTES, now)


def _ack(state: State, event: Ack, now: Now) -> Step:
    out = state.out
    if event.seq == 0:
        return state, (Here(),)
    if out is None or event.seq != out.seq:
        return state, ()
    state, effects = _next(replace(state, phase=Phase.IDLE, out=None), now)
    return state, (Acknowledged(out.message.token), *effects)


def _nak(state: State, _: Nak, now: Now) -> Step:
    return _again(state, state.out, now) if state.out else (state, ())


def _send(state: State, event: Send, now: Now) -> Step:
    messages = event.messages
    if state.phase is Phase.DOWN or not _may_leave(state, messages):
        return _without(state, messages), ()
    if not _fits(state.queue, messages):
        return _give_up(state, now) if state.line.closes else (_without(state, messages), ())
    state = replace(state, queue=_queued(state.queue, messages))
    return _next(state, now) if state.phase is Phase.IDLE else (state, ())


def _may_leave(state: State, messages: tuple[Message, ...]) -> bool:
    """Nothing leaves a sealed line in plain but the first words of a session."""
    can_seal = state.seal is not None or not state.line.sealed
    return can_seal or all(m.unsealed for m in messages)


def _reseal(state: State, event: Reseal, _: Now) -> Step:
    return replace(state, seal=event.seal), ()


def _tick(state: State, _: Tick, now: Now) -> Step:
    if state.phase is Phase.DOWN and now.mono_s >= state.enq_at_s - TIMER_SLACK_S:
        state = replace(state, enq_at_s=now.mono_s + ENQ_EVERY_S)
        return _write(state, frames.ENQ_BYTES, now)
    if state.out and now.calm_s >= state.out.ack_by_s - TIMER_SLACK_S:
        return _again(state, state.out, now)
    return state, ()


def _probe(state: State, _: Probe, now: Now) -> Step:
    if state.asked_at_s is None:
        state = replace(state, asked_at_s=now.mono_s)
    return _write(state, frames.ENQ_BYTES, now)


_RULES: dict[type, Callable[..., Step]] = {
    Frame: _frame,
    BadFrame: _bad_frame,
    Enq: _enq,
    Ack: _ack,
    Nak: _nak,
    Send: _send,
    Reseal: _reseal,
    Tick: _tick,
    Probe: _probe,
}
_SIGNS_OF_LIFE = (Frame, Enq, Ack, Nak)  # not a bad frame: line noise makes those


def _next(state: State, now: Now) -> Step:
    """Send from the queue until a message must be waited for."""
    effects: Effects = ()
    while state.queue and state.out is None:
        message, queue = state.queue[0], state.queue[1:]
        state, sent = _first_send(replace(state, queue=queue), message, now)
        effects += sent
    return state, effects


def _first_send(state: State, message: Message, now: Now) -> Step:
    seq, seal, body = frames.next_seq(state.seq), state.seal, message.body
    if seal and not message.unsealed:
        seal, body = seal.seal(seq, body)
    raw = frames.encode(seq, body)
    state, written = _write(_without(replace(state, seq=seq, seal=seal), (message,)), raw, now)
    if not message.once:
        out = Out(message, raw, seq, 1, _ack_by(state, now))
        state = replace(state, phase=Phase.WAITING, out=out)
    return state, (*written, Sent(message.token, seq))


def _again(state: State, out: Out, now: Now) -> Step:
    if out.sends >= SENDS:
        return _give_up(state, now)
    state, written = _write(state, out.raw, now)
    out = replace(out, sends=out.sends + 1, ack_by_s=_ack_by(state, now))
    return replace(state, out=out), written


def _give_up(state: State, now: Now) -> Step:
    kept = state.unanswered if state.line.sealed else None
    state = replace(state, out=None, queue=(), unanswered=kept)
    if state.line.closes:
        return replace(state, phase=Phase.CLOSED), (Close(),)
    return replace(state, phase=Phase.DOWN, enq_at_s=now.mono_s + ENQ_EVERY_S), (Lost(),)


def _write(state: State, data: bytes, now: Now) -> Step:
    if state.line.byte_s:
        leaves_from_s = max(now.mono_s, state.written_by_s)
        written_by_s = leaves_from_s + len(data) * state.line.byte_s
        state = replace(state, written_by_s=written_by_s)
    return state, (Write(data),)


def _ack_by(state: State, now: Now) -> float:
    return now.calm_s + max(0.0, state.written_by_s - now.mono_s) + ACK_WAIT_S


def _without(state: State, messages: tuple[Message, ...]) -> State:
    """Forget the unanswered frame if one of these answers it, written or dropped for good."""
    waiting = None if state.line.sealed else state.unanswered
    if waiting and any(state.line.asks or m.re == waiting[0] for m in messages):
        return replace(state, unanswered=None)
    return state


def _fits(queue: tuple[Message, ...], messages: tuple[Message, ...]) -> bool:
    return sum(len(m.body) for m in (*queue, *messages)) <= QUEUE_BYTES


def _queued(queue: tuple[Message, ...], messages: tuple[Message, ...]) -> tuple[Message, ...]:
    about = {m.about for m in messages}
    kept = tuple(m for m in queue if not (m.once and m.about in about))
    waiting = {m.about for m in kept}
    return kept + tuple(m for m in messages if not (m.once and m.about in waiting))


def _is_delivery(effect: Effect) -> bool:
    return isinstance(effect, Deliver)


# ------------------------------------------------------------------ the session


class Session:
    """One end of one connection: bytes, messages and time in, effects out."""

    def __init__(self, line: Line) -> None:
        self.state = State(line)
        self._decoder = Decoder(line.body_limit)

    def receive(self, data: bytes, now_s: float) -> Effects:
        """Take bytes from the line. A chunk is acknowledged whole before any of it is worked on."""
        effects: list[Effect] = []
        for event in self._decoder.feed(data, now_s):
            effects += self._step(event, now_s)
        return tuple(sorted(effects, key=_is_delivery))

    def send(self, messages: tuple[Message, ...], now_s: float) -> Effects:
        """Queue messages; dropped whole while the line is down. Too much waiting closes TCP."""
        return self._step(Send(messages), now_s)

    def reseal(self, seal: Seal, now_s: float) -> Effects:
        """Seal what leaves from here on with this."""
        return self._step(Reseal(seal), now_s)

    def tick(self, now_s: float) -> Effects:
        """Let time pass."""
        return self._step(Tick(), now_s)

    def probe(self, now_s: float) -> Effects:
        """Ask whether the peer is there."""
        return self._step(Probe(), now_s)

    def silent(self, now_s: float) -> bool:
        """Whether the peer has left every ENQ of the last ten seconds unanswered."""
        asked = self.state.asked_at_s
        return asked is not None and now_s - asked >= SILENT_AFTER_S

    def wake_at_s(self, now_s: float) -> float | None:
        """When `tick` is due, None = never. Until then only bytes or messages change anything."""
        if self.state.phase is Phase.DOWN:
            return self.state.enq_at_s
        if self.state.out is None:
            return None
        if self._decoder.receiving(now_s):
            return self._decoder.silent_at
        return now_s + self.state.out.ack_by_s - self._now(now_s).calm_s

    def _now(self, now_s: float) -> Now:
        return Now(now_s, now_s - self._decoder.frames_s(now_s))

    def _step(self, event: Event, now_s: float) -> Effects:
        self.state, effects = step(self.state, event, self._now(now_s))
        return effects
