"""The session: every state meets every event, then the stories of his-link §1."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.his_link import frames
from device.his_link.frames import Ack, BadFrame, Enq, Frame, Nak
from device.his_link.session import (
    ACK_WAIT_S,
    ENQ_EVERY_S,
    QUEUE_BYTES,
    SILENT_AFTER_S,
    TCP_LINE,
    Acknowledged,
    Back,
    Close,
    Deliver,
    Effects,
    Event,
    Here,
    Line,
    Lost,
    Message,
    Now,
    Out,
    Phase,
    Probe,
    Reseal,
    Send,
    Sent,
    Session,
    State,
    Tick,
    Write,
    rules,
    serial_line,
    step,
    tcp_line,
)

SERIAL_LINE = serial_line(9600)
QUESTION = frames.encode(1, b'{"type":"status"}')
ANSWER = Message(b'{"a":1}', token="answer", re=1)
OUT_RAW = frames.encode(7, b"out")


@dataclass(frozen=True)
class Scytale:
    """A seal that can be read by eye: the counter and the SEQ before the body."""

    counter: int = 0

    def seal(self, seq: int, body: bytes) -> tuple[Scytale, bytes]:
        return Scytale(self.counter + 1), b"%d/%02X/%b" % (self.counter + 1, seq, body)


STATES = {
    "tcp idle": State(TCP_LINE),
    "tcp waiting": State(
        TCP_LINE, Phase.WAITING, 7, Out(Message(b"out", "out"), OUT_RAW, 7, 1, 100.0)
    ),
    "tcp third send": State(
        TCP_LINE, Phase.WAITING, 7, Out(Message(b"out", "out"), OUT_RAW, 7, 3, 100.0)
    ),
    "tcp closed": State(TCP_LINE, Phase.CLOSED),
    "serial third send": State(
        SERIAL_LINE, Phase.WAITING, 7, Out(Message(b"out", "out"), OUT_RAW, 7, 3, 100.0)
    ),
    "serial down": State(SERIAL_LINE, Phase.DOWN, enq_at_s=100.0),
}
EVENTS: dict[str, Event] = {
    "frame": Frame(1, b"{}", b"01{}"),
    "bad frame": BadFrame("crc"),
    "enq": Enq(),
    "ack 7": Ack(7),
    "ack 6": Ack(6),
    "ack 0": Ack(0),
    "nak": Nak(),
    "send": Send((Message(b"new", "new"),)),
    "tick": Tick(),  # at 100 s: due
    "probe": Probe(),
    "reseal": Reseal(Scytale()),
}
ACKED, NAKED = Write(b"\x0601"), Write(b"\x1500")
HERE, ASK = Write(b"\x0600"), Write(b"\x05")
DELIVERED = Deliver(1, b"{}")
NEW_AS_1 = (Write(frames.encode(1, b"new")), Sent("new", 1))
RESENT = Write(OUT_RAW)

# (state, event): (phase after, effects)
WALK: dict[tuple[str, str], tuple[Phase, Effects]] = {
    **{(state, "reseal"): (STATES[state].phase, ()) for state in STATES},
    ("tcp idle", "frame"): (Phase.IDLE, (ACKED, DELIVERED)),
    ("tcp idle", "bad frame"): (Phase.IDLE, (NAKED,)),
    ("tcp idle", "enq"): (Phase.IDLE, (HERE,)),
    ("tcp idle", "ack 7"): (Phase.IDLE, ()),
    ("tcp idle", "ack 6"): (Phase.IDLE, ()),
    ("tcp idle", "ack 0"): (Phase.IDLE, (Here(),)),
    ("tcp idle", "nak"): (Phase.IDLE, ()),
    ("tcp idle", "send"): (Phase.WAITING, NEW_AS_1),
    ("tcp idle", "tick"): (Phase.IDLE, ()),
    ("tcp idle", "probe"): (Phase.IDLE, (ASK,)),
    ("tcp waiting", "frame"): (Phase.WAITING, (ACKED, DELIVERED)),
    ("tcp waiting", "bad frame"): (Phase.WAITING, (NAKED,)),
    ("tcp waiting", "enq"): (Phase.WAITING, (HERE,)),
    ("tcp waiting", "ack 7"): (Phase.IDLE, (Acknowledged("out"),)),
    ("tcp waiting", "ack 6"): (Phase.WAITING, ()),
    ("tcp waiting", "ack 0"): (Phase.WAITING, (Here(),)),
    ("tcp waiting", "nak"): (Phase.WAITING, (RESENT,)),
    ("tcp waiting", "send"): (Phase.WAITING, ()),
    ("tcp waiting", "tick"): (Phase.WAITING, (RESENT,)),
    ("tcp waiting", "probe"): (Phase.WAITING, (ASK,)),
    ("tcp third send", "frame"): (Phase.WAITING, (ACKED, DELIVERED)),
    ("tcp third send", "bad frame"): (Phase.WAITING, (NAKED,)),
    ("tcp third send", "enq"): (Phase.WAITING, (HERE,)),
    ("tcp third send", "ack 7"): (Phase.IDLE, (Acknowledged("out"),)),
    ("tcp third send", "ack 6"): (Phase.WAITING, ()),
    ("tcp third send", "ack 0"): (Phase.WAITING, (Here(),)),
    ("tcp third send", "nak"): (Phase.CLOSED, (Close(),)),
    ("tcp third send", "send"): (Phase.WAITING, ()),
    ("tcp third send", "tick"): (Phase.CLOSED, (Close(),)),
    ("tcp third send", "probe"): (Phase.WAITING, (ASK,)),
    **{("tcp closed", event): (Phase.CLOSED, ()) for event in EVENTS},
    ("serial third send", "frame"): (Phase.WAITING, (ACKED, DELIVERED)),
    ("serial third send", "bad frame"): (Phase.WAITING, (NAKED,)),
    ("serial third send", "enq"): (Phase.WAITING, (HERE,)),
    ("serial third send", "ack 7"): (Phase.IDLE, (Acknowledged("out"),)),
    ("serial third send", "ack 6"): (Phase.WAITING, ()),
    ("serial third send", "ack 0"): (Phase.WAITING, (Here(),)),
    ("serial third send", "nak"): (Phase.DOWN, (Lost(),)),
    ("serial third send", "send"): (Phase.WAITING, ()),
    ("serial third send", "tick"): (Phase.DOWN, (Lost(),)),
    ("serial third send", "probe"): (Phase.WAITING, (ASK,)),
    ("serial down", "frame"): (Phase.IDLE, (Back(), ACKED, DELIVERED)),
    ("serial down", "bad frame"): (Phase.DOWN, (NAKED,)),
    ("serial down", "enq"): (Phase.IDLE, (Back(), HERE)),
    ("serial down", "ack 7"): (Phase.IDLE, (Back(),)),
    ("serial down", "ack 6"): (Phase.IDLE, (Back(),)),
    ("serial down", "ack 0"): (Phase.IDLE, (Back(), Here())),
    ("serial down", "nak"): (Phase.IDLE, (Back(),)),
    ("serial down", "send"): (Phase.DOWN, ()),
    ("serial down", "tick"): (Phase.DOWN, (ASK,)),
    ("serial down", "probe"): (Phase.DOWN, (ASK,)),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("event", EVENTS)
def test_every_state_meets_every_event(state: str, event: str) -> None:
    after, effects = step(STATES[state], EVENTS[event], Now(100.0, 100.0))
    assert (after.phase, effects) == WALK[state, event]
    assert (after.out is not None) == (after.phase is Phase.WAITING)


@pytest.mark.parametrize("state", STATES)
def test_ticking_before_the_time_does_nothing(state: str) -> None:
    assert step(STATES[state], Tick(), Now(99.9, 99.9)) == (STATES[state], ())


def written(effects: Effects) -> list[bytes]:
    return [effect.data for effect in effects if isinstance(effect, Write)]


def test_an_unacknowledged_frame_goes_three_times_then_tcp_is_closed() -> None:
    s = Session(TCP_LINE)
    [first] = written(s.send((ANSWER,), 0.0))
    assert s.wake_at_s(0.0) == pytest.approx(2.0)
    assert s.tick(1.9) == ()
    assert written(s.tick(2.0)) == [first]
    assert s.wake_at_s(2.0) == pytest.approx(4.0)
    assert written(s.tick(4.0)) == [first]
    assert s.tick(6.0) == (Close(),)
    assert s.wake_at_s(6.0) is None
    assert s.send((ANSWER,), 7.0) == ()


def test_a_serial_line_stays_open_and_asks_every_five_seconds() -> None:
    s = Session(serial_line(115200))
    now = 0.0
    s.send((ANSWER,), now)
    lost: Effects = ()
    while Lost() not in lost:
        now = s.wake_at_s(now) or pytest.fail("no timer")
        lost = s.tick(now)
    assert now == pytest.approx(3 * ACK_WAIT_S, abs=0.1)
    for _ in range(3):
        due = s.wake_at_s(now) or pytest.fail("no timer")
        assert due == pytest.approx(now + ENQ_EVERY_S)
        now = due
        assert written(s.tick(now)) == [b"\x05"]
    assert s.receive(b"\x0600", now + 1) == (Back(), Here())
    assert written(s.send((ANSWER,), now + 1)) != []


@pytest.mark.parametrize("line", [serial_line(1200), tcp_line(1200)], ids=["serial", "behind TCP"])
def test_the_wait_counts_from_the_last_byte_on_a_slow_line(line: Line) -> None:
    s = Session(line)
    s.send((Message(b"x" * 1000),), 0.0)
    leaves_at_s = len(frames.encode(1, b"x" * 1000)) * 10 / 1200
    assert leaves_at_s > 8
    assert s.wake_at_s(0.0) == pytest.approx(leaves_at_s + ACK_WAIT_S)


def test_the_wait_stands_still_while_a_frame_is_coming_in() -> None:
    s = Session(TCP_LINE)
    [first] = written(s.send((ANSWER,), 0.0))
    s.receive(QUESTION[:5], 1.5)  # half a second of the wait is left
    for now in (2.3, 3.1, 3.9):
        s.receive(QUESTION[5:6], now)
        assert s.wake_at_s(now) == pytest.approx(now + frames.SILENCE_S)
        assert s.tick(now + 0.5) == ()
    s.receive(QUESTION[8:], 4.0)
    assert s.wake_at_s(4.0) == pytest.approx(4.5)
    assert s.tick(4.4) == ()
    assert written(s.tick(4.5)) == [first]


def test_silence_in_a_frame_sets_the_wait_going_again() -> None:
    s = Session(TCP_LINE)
    [first] = written(s.send((ANSWER,), 0.0))
    s.receive(QUESTION[:5], 1.0)
    assert s.wake_at_s(1.0) == pytest.approx(2.0)
    assert s.tick(2.0) == ()
    assert s.wake_at_s(2.0) == pytest.approx(3.0)
    assert written(s.tick(3.0)) == [first]


def test_one_frame_is_under_way_at_a_time_and_order_is_kept() -> None:
    s = Session(TCP_LINE)
    first, second = Message(b"1", "1"), Message(b"2", "2")
    assert written(s.send((first, second), 0.0)) == [frames.encode(1, b"1")]
    effects = s.receive(b"\x0601", 0.1)
    assert effects == (Acknowledged("1"), Write(frames.encode(2, b"2")), Sent("2", 2))
    assert s.receive(b"\x0601", 0.2) == ()
    assert s.receive(b"\x0602", 0.3) == (Acknowledged("2"),)


def test_a_nak_storm_costs_three_sends() -> None:
    s = Session(TCP_LINE)
    s.send((ANSWER,), 0.0)
    effects = s.receive(b"\x1500" * 1000, 0.1)
    assert len(written(effects)) == 2
    assert effects[-1] == Close()


def test_seq_wraps_from_ff_to_01() -> None:
    s = Session(TCP_LINE)
    seqs = []
    for _ in range(256):
        [_, sent] = s.send((Message(b"x"),), 0.0)
        assert isinstance(sent, Sent)
        seqs.append(sent.seq)
        s.receive(frames.ack(sent.seq), 0.0)
    assert seqs == [*range(1, 256), 1]


# ------------------------------------------------------------------ repeats


def test_a_repeat_is_acknowledged_and_not_delivered() -> None:
    s = Session(TCP_LINE)
    effects = s.receive(QUESTION + QUESTION, 0.0)
    assert effects == (ACKED, ACKED, Deliver(1, b'{"type":"status"}'))
    assert s.receive(QUESTION, 3.0) == (ACKED,)


def test_after_its_answer_was_written_the_same_frame_is_a_new_request() -> None:
    s = Session(TCP_LINE)
    s.receive(QUESTION, 0.0)
    s.send((ANSWER,), 0.1)
    assert len(s.receive(QUESTION, 0.2)) == 2


def test_an_answer_that_waits_in_the_queue_is_not_written_yet() -> None:
    s = Session(TCP_LINE)
    s.send((Message(b"unasked"),), 0.0)
    s.receive(QUESTION, 0.0)
    s.send((ANSWER,), 0.1)
    assert s.receive(QUESTION, 0.2) == (ACKED,)
    s.receive(b"\x0601", 0.3)
    assert len(s.receive(QUESTION, 0.4)) == 2


def test_only_the_last_good_frame_is_repeated() -> None:
    s = Session(TCP_LINE)
    other = frames.encode(1, b'{"type":"last"}')
    s.receive(QUESTION, 0.0)
    s.receive(other, 0.1)
    assert Deliver(1, b'{"type":"status"}') in s.receive(QUESTION, 0.2)


def test_a_bad_frame_between_does_not_end_the_repeat() -> None:
    s = Session(TCP_LINE)
    s.receive(QUESTION, 0.0)
    s.receive(QUESTION[:-1] + b"0", 0.1)
    assert s.receive(QUESTION, 0.2) == (ACKED,)


def test_an_answer_dropped_on_a_dead_line_leaves_no_deaf_spot() -> None:
    state = replace(STATES["serial third send"], unanswered=(1, QUESTION[1:]))
    down, _ = step(state, Tick(), Now(100.0, 100.0))
    _, effects = step(down, Frame(1, b"{}", QUESTION[1:]), Now(101.0, 101.0))
    assert Deliver(1, b"{}") in effects


# ------------------------------------------------------------------ progress


def progress(id_: str) -> Message:
    return Message(b"progress " + id_.encode(), about=id_, once=True)


def test_progress_is_sent_once_and_not_waited_for() -> None:
    s = Session(TCP_LINE)
    s.send((progress("A"),), 0.0)
    assert s.wake_at_s(0.0) is None
    assert written(s.send((Message(b"result", about="A"),), 0.1)) == [frames.encode(2, b"result")]
    assert s.receive(b"\x0601", 0.2) == ()


def test_a_waiting_result_replaces_waiting_progress_of_its_id() -> None:
    s = Session(TCP_LINE)
    s.send((Message(b"under way"),), 0.0)
    for message in (progress("A"), progress("B"), progress("A"), Message(b"result", about="A")):
        s.send((message,), 0.1)
    s.send((progress("A"),), 0.1)
    assert [m.body for m in s.state.queue] == [b"progress B", b"result"]


# ------------------------------------------------------------------ bounds and liveness


def test_too_much_waiting_closes_tcp_and_is_dropped_on_serial() -> None:
    big = Message(b"x" * 1000)
    for line, effects in ((TCP_LINE, (Close(),)), (SERIAL_LINE, ())):
        s = Session(line)
        s.send((big,), 0.0)
        for _ in range(QUEUE_BYTES // 1000):
            assert s.send((big,), 0.0) == ()
        assert s.send((big,), 0.0) == effects
        assert sum(len(m.body) for m in s.state.queue) <= QUEUE_BYTES


def test_a_peer_is_silent_after_ten_seconds_of_unanswered_enq() -> None:
    s = Session(TCP_LINE)
    assert not s.silent(1000.0)
    s.probe(0.0)
    s.probe(5.0)
    assert not s.silent(9.9)
    assert s.silent(SILENT_AFTER_S)
    s.receive(b"\x0600", 10.5)
    assert not s.silent(30.0)


def test_a_hundred_thousand_acks_are_nothing() -> None:
    s = Session(TCP_LINE)
    assert s.receive(b"\x0601" * 100_000, 0.0) == ()


def test_nothing_printed_holds_a_body() -> None:
    secret = b"zhangsan"
    state, effects = step(State(TCP_LINE), Frame(1, secret, secret), Now(0.0, 0.0))
    assert "zhangsan" not in repr(effects)
    state, more = step(state, Send((Message(secret, secret),)), Now(0.0, 0.0))
    assert state.unanswered
    assert state.out
    assert "zhangsan" not in repr((state, effects, more[0], Frame(1, secret, secret)))


def test_every_event_has_a_rule() -> None:
    assert set(rules._RULES) == {type(event) for event in EVENTS.values()}


moves = st.one_of(
    st.binary(max_size=6),
    st.sampled_from([QUESTION, QUESTION[:7], b"\x0601", b"\x0602", b"\x0600", b"\x1500", b"\x05"]),
    st.builds(Send, st.tuples(st.builds(Message, st.just(b"x"), st.none(), st.just(1)))),
    st.sampled_from([Tick(), Probe()]),
)


@given(
    st.sampled_from([TCP_LINE, SERIAL_LINE]),
    st.lists(st.tuples(moves, st.floats(0, 4)), max_size=30),
)
def test_whatever_happens_the_promises_hold(
    line: Line, story: list[tuple[bytes | Send | Tick | Probe, float]]
) -> None:
    s, now = Session(line), 0.0
    sends: dict[bytes, int] = {}
    for move, pause_s in story:
        now += pause_s
        effects = s.receive(move, now) if isinstance(move, bytes) else s._step(move, now)
        for data in written(effects):
            sends[data] = sends.get(data, 0) + (data[0] == frames.STX)
        state = s.state
        assert (state.out is not None) == (state.phase is Phase.WAITING)
        assert (state.phase is Phase.CLOSED) <= line.closes
        assert (state.phase is Phase.DOWN) <= (not line.closes)
        assert state.phase is Phase.WAITING or not state.queue
        due = s.wake_at_s(now)
        assert (due is None) == (state.phase in {Phase.IDLE, Phase.CLOSED})
    assert all(count <= 3 for count in sends.values())


# ------------------------------------------------------------------ a sealed line

DELIVERED_STATUS = Deliver(1, b'{"type":"status"}')
SEALED_LINE = replace(TCP_LINE, sealed=True)
HELLO = Message(b"hello", unsealed=True)


def test_a_body_is_sealed_with_the_seq_it_leaves_with_and_a_resend_is_the_same_bytes() -> None:
    s = Session(SEALED_LINE)
    s.reseal(Scytale(), 0.0)
    [first] = written(s.send((Message(b"one"), Message(b"two")), 0.0))
    assert first == frames.encode(1, b"1/01/one")
    assert written(s.tick(2.0)) == [first]
    assert written(s.receive(b"\x0601", 2.1)) == [frames.encode(2, b"2/02/two")]


def test_what_waits_when_the_session_changes_leaves_under_the_new_one() -> None:
    s = Session(SEALED_LINE)
    s.reseal(Scytale(), 0.0)
    s.send((Message(b"one"), Message(b"two")), 0.0)
    s.reseal(Scytale(70), 0.0)
    assert written(s.tick(2.0)) == [frames.encode(1, b"1/01/one")]
    assert written(s.receive(b"\x0601", 2.1)) == [frames.encode(2, b"71/02/two")]


def test_without_a_seal_only_the_first_words_leave() -> None:
    s = Session(SEALED_LINE)
    assert s.send((Message(b"secret"),), 0.0) == ()
    assert written(s.send((HELLO,), 0.0)) == [frames.encode(1, b"hello")]
    s.reseal(Scytale(), 0.0)
    assert written(s.receive(b"\x0601", 0.1)) == []
    assert written(s.send((HELLO,), 0.0)) == [frames.encode(2, b"hello")]


def test_on_a_sealed_line_an_equal_frame_is_a_repeat_for_ever() -> None:
    s = Session(SEALED_LINE)
    s.reseal(Scytale(), 0.0)
    assert DELIVERED_STATUS in s.receive(QUESTION, 0.0)
    s.send((ANSWER,), 0.0)
    s.receive(b"\x0601", 0.1)
    assert s.receive(QUESTION, 0.2) == (Write(b"\x0601"),)
    other = frames.encode(2, b'{"type":"status"}')
    assert Deliver(2, b'{"type":"status"}') in s.receive(other, 0.3)


def test_a_sealed_serial_line_that_was_down_still_knows_a_repeat() -> None:
    s = Session(replace(SERIAL_LINE, sealed=True))
    s.reseal(Scytale(), 0.0)
    s.receive(QUESTION, 0.0)
    s.send((ANSWER,), 0.0)
    for at_s in (2.1, 4.2, 6.3):
        s.tick(at_s)
    assert s.state.phase is Phase.DOWN
    assert s.receive(QUESTION, 7.0) == (Back(), Write(b"\x0601"))
