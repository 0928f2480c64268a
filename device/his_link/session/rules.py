"""What each end does about frames: acknowledge, resend, give up, ask again (his-link §1). No I/O.

Read the rules as prose. A good frame is acknowledged at once and delivered, unless it repeats the
last one whose answer has not been written. A bad one is refused with NAK. Our own messages go out
one at a time: written, then waited for; no ACK in two seconds, or a NAK, and the same bytes go
again, three sends in all. Then TCP is closed, and a serial line counts as *down*: it asks ENQ every
five seconds and is *up* again at the first sign of life. What was queued is dropped then; the desk
keeps what matters and offers it again (his-link §3.6).

On a sealed line (§4) a body is sealed under the SEQ it leaves with, and a frame equal to the last
good one is always a repeat.

`step(state, event, now) -> (state, effects)` is the whole rule book.
"""

from collections.abc import Callable
from dataclasses import replace

from device.his_link import frames
from device.his_link.frames import Ack, BadFrame, Enq, Frame, Nak
from device.his_link.session.model import (
    Acknowledged,
    Back,
    Close,
    Deliver,
    Effects,
    Event,
    Here,
    Lost,
    Message,
    Now,
    Out,
    Phase,
    Probe,
    Reseal,
    Send,
    Sent,
    State,
    Step,
    Tick,
    Write,
)

ACK_WAIT_S = 2.0  # from the last byte written; three times this is a cashier's patience
SENDS = 3  # of the same bytes
ENQ_EVERY_S = 5.0  # on a serial line that is down, and to a peer whose silence matters
TIMER_SLACK_S = 0.001  # a timer may fire a hair early: then it is due all the same
QUEUE_BYTES = 131072  # waiting to be sent: a `hello_ok` of a thousand ids fits


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
