"""The box's side: numbers, errors of its own, bounds, and the timers, without sleeping."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from device.domain.replies import HelloOk, Progress, Result
from device.domain.requests import Pay, Query, Received, Status
from device.domain.words import Form
from device.his_link import frames
from device.his_link.peer import QUESTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from device.his_link.link import HisLink, Receiver
    from tests.his_link.conftest import Hands, MemoryStream, TinyDesk

    NewStream = Callable[[], MemoryStream]

STATUS = frames.encode(1, b'{"type":"status"}')
QUERY = frames.encode(2, b'{"type":"query","id":"T1"}')
PAID = Result("T1", 1, 3, "paid", amount_fen=1234, out_trade_no="MZ03A")


def answered(stream: MemoryStream) -> list[dict[str, Any]]:
    return [json.loads(body) for body in stream.bodies()]


@pytest.fixture
def stream(new_stream: NewStream) -> MemoryStream:
    return new_stream()


@pytest.fixture
def receiver(link: HisLink, stream: MemoryStream) -> Receiver:
    return link.attach(stream)


def test_the_ack_leaves_before_the_request_is_worked_on(
    receiver: Receiver, stream: MemoryStream, desk: TinyDesk
) -> None:
    receiver.data_received(STATUS)
    ack, answer = stream.taken()
    assert ack == b"\x0601"
    assert b'"re":"01"' in answer
    assert desk.requests == [(1, 1, Status())]


def test_a_bad_message_is_answered_by_the_link_itself(
    receiver: Receiver, stream: MemoryStream, desk: TinyDesk
) -> None:
    receiver.data_received(frames.encode(10, b""))
    assert stream.written[0] == b"\x060A"
    [error] = answered(stream)
    assert (error["type"], error["re"], error["code"]) == ("error", "0A", "bad_message")
    assert desk.requests == []


def test_a_forbidden_byte_in_a_good_frame_is_acknowledged_then_bad_message(
    receiver: Receiver, stream: MemoryStream
) -> None:
    covered = b'01{"type":"status"\x00}\x03'
    receiver.data_received(b"\x02%b%04X" % (covered, frames.crc16(covered)))
    assert stream.written[0] == b"\x0601"
    assert answered(stream)[0]["code"] == "bad_message"


@pytest.mark.parametrize("type_", ["void", "PAY"])
def test_unknown_types_are_unsupported(
    receiver: Receiver, stream: MemoryStream, type_: str
) -> None:
    receiver.data_received(frames.encode(1, json.dumps({"type": type_, "id": "T1"}).encode()))
    assert [(e["code"], e["id"]) for e in answered(stream)] == [("unsupported", "T1")]


def test_an_unanswered_frame_goes_three_times_two_seconds_apart_then_tcp_is_closed(
    link: HisLink, receiver: Receiver, stream: MemoryStream, desk: TinyDesk, hands: Hands
) -> None:
    link.send(1, PAID)
    [first] = stream.taken()
    for _ in range(2):
        hands.advance(1.99)
        assert stream.taken() == []
        hands.advance(0.01)
        assert stream.taken() == [first]
    hands.advance(2.0)
    assert stream.is_closed
    receiver.closed()
    assert desk.opened == [(1, True), (1, False)]
    assert link.connections() == []
    assert hands.pending == 0


def test_an_acknowledged_reply_is_told(
    link: HisLink, receiver: Receiver, desk: TinyDesk, hands: Hands
) -> None:
    link.send(1, PAID)
    receiver.data_received(b"\x0602")
    assert desk.acknowledged == []
    receiver.data_received(b"\x0601")
    assert desk.acknowledged == [(1, PAID)]
    assert hands.pending == 0


def test_an_answer_in_pieces_is_told_once_when_the_last_is_there(
    link: HisLink, stream: MemoryStream, desk: TinyDesk
) -> None:
    receiver = link.attach(stream, "serial")
    hello = HelloOk("BOX-1", "MZ-03", "", undelivered=tuple(f"{n:064d}" for n in range(30)))
    link.send(1, hello, 5)
    seen: list[str] = []
    for seq in (1, 2, 3):
        assert desk.acknowledged == []
        [part] = answered(stream)
        assert part.get("more", False) == (seq < 3)
        seen += part["undelivered"]
        receiver.data_received(frames.ack(seq))
    assert tuple(seen) == hello.undelivered
    assert desk.acknowledged == [(1, hello)]


def test_enq_is_answered_while_a_frame_waits_for_its_ack(
    link: HisLink, receiver: Receiver, stream: MemoryStream
) -> None:
    link.send(1, PAID)
    stream.taken()
    receiver.data_received(b"\x05")
    assert stream.taken() == [b"\x0600"]


def test_progress_is_not_repeated(
    link: HisLink, receiver: Receiver, stream: MemoryStream, hands: Hands
) -> None:
    assert receiver
    link.send(1, Progress("T1", "armed"))
    hands.advance(60.0)
    assert len(stream.taken()) == 1
    assert not stream.is_closed


def test_a_repeat_is_delivered_once_and_a_later_same_frame_again(
    link: HisLink, receiver: Receiver, stream: MemoryStream, desk: TinyDesk
) -> None:
    desk.answers_now = False
    receiver.data_received(QUERY)
    receiver.data_received(QUERY)
    assert desk.requests == [(1, 2, Query("T1"))]
    assert stream.taken() == [b"\x0602", b"\x0602"]
    link.send(1, PAID, 2)
    receiver.data_received(QUERY)
    assert len(desk.requests) == 2


# ------------------------------------------------------------------ several connections


def test_a_fifth_connection_is_closed_and_a_free_place_is_given_again(
    link: HisLink, new_stream: NewStream, desk: TinyDesk
) -> None:
    streams = [new_stream() for _ in range(5)]
    receivers = [link.attach(stream) for stream in streams]
    assert [s.is_closed for s in streams] == [False] * 4 + [True]
    receivers[4].data_received(STATUS)
    receivers[4].closed()
    assert desk.requests == []
    assert link.connections() == [1, 2, 3, 4]
    receivers[1].closed()
    link.attach(new_stream())
    assert link.connections() == [1, 3, 4, 6]
    assert desk.opened[-2:] == [(2, False), (6, True)]


def test_a_connection_silent_to_enq_makes_room_for_a_fifth(
    link: HisLink, new_stream: NewStream, hands: Hands, desk: TinyDesk
) -> None:
    streams = [new_stream() for _ in range(4)]
    receivers = [link.attach(stream) for stream in streams]
    for _ in range(15):
        hands.advance(1.0)
        for receiver in (receivers[0], receivers[1], receivers[3]):
            receiver.data_received(b"\x0600")
    assert b"\x05" in streams[2].taken()
    assert [link.silent(n) for n in (1, 2, 3, 4)] == [False, False, True, False]
    link.attach(new_stream())
    assert streams[2].is_closed
    assert link.connections() == [1, 2, 4, 5]
    assert (3, False) in desk.opened


def test_a_single_connection_is_never_asked(
    receiver: Receiver, stream: MemoryStream, hands: Hands
) -> None:
    assert receiver
    hands.advance(3600.0)
    assert stream.taken() == []
    assert hands.pending == 0


def test_answers_go_only_where_they_were_asked(link: HisLink, new_stream: NewStream) -> None:
    one, two = new_stream(), new_stream()
    link.attach(one)
    link.attach(two).data_received(STATUS)
    assert one.taken() == []
    assert answered(two)[0]["type"] == "status_result"


def test_sending_to_nobody_is_dropped(link: HisLink) -> None:
    link.send(99, PAID)
    assert link.silent(99)


def test_closing_the_link_closes_every_stream(
    link: HisLink, new_stream: NewStream, desk: TinyDesk
) -> None:
    streams = [new_stream(), new_stream()]
    for stream in streams:
        link.attach(stream)
    link.close()
    assert all(stream.is_closed for stream in streams)
    assert link.connections() == []
    assert desk.opened[2:] == [(1, False), (2, False)]


# ------------------------------------------------------------------ a serial line


def test_a_dead_serial_line_is_told_as_closed_and_back_as_opened(
    link: HisLink, stream: MemoryStream, desk: TinyDesk, hands: Hands
) -> None:
    receiver = link.attach(stream, "serial", baudrate=115200)
    link.send(1, PAID)
    hands.advance(6.2)
    assert desk.opened == [(1, True), (1, False)]
    assert link.connections() == []
    assert not stream.is_closed
    stream.taken()
    link.send(1, PAID)
    hands.advance(10.1)
    assert stream.taken() == [b"\x05", b"\x05"]
    receiver.data_received(QUERY)
    assert desk.opened == [(1, True), (1, False), (1, True)]
    assert link.connections() == [1]
    assert stream.taken()[0] == b"\x0602"


def test_unplugging_a_dead_serial_line_is_not_told_twice(
    link: HisLink, stream: MemoryStream, desk: TinyDesk, hands: Hands
) -> None:
    receiver = link.attach(stream, "serial")
    link.send(1, PAID)
    hands.advance(10.0)
    receiver.closed()
    receiver.closed()
    assert desk.opened == [(1, True), (1, False)]
    assert hands.pending == 0


# ------------------------------------------------------------------ hostile peers


def test_who_asks_without_waiting_for_answers_is_closed(
    receiver: Receiver, stream: MemoryStream, desk: TinyDesk
) -> None:
    desk.answers_now = False
    for n in range(1000):
        receiver.data_received(frames.encode(n % 255 + 1, b'{"type":"query","id":"Q%d"}' % n))
    assert len(desk.requests) == QUESTIONS
    assert stream.is_closed


def test_a_question_now_and_then_that_gets_no_answer_of_its_own_is_forgiven(
    receiver: Receiver, stream: MemoryStream, desk: TinyDesk, hands: Hands
) -> None:
    desk.answers_now = False
    for n in range(10 * QUESTIONS):
        receiver.data_received(frames.encode(n % 255 + 1, b'{"type":"query","id":"Q%d"}' % n))
        hands.advance(1.0)
    assert len(desk.requests) == 10 * QUESTIONS
    assert not stream.is_closed


def test_who_is_answered_may_ask_on(
    receiver: Receiver, stream: MemoryStream, desk: TinyDesk
) -> None:
    for n in range(10 * QUESTIONS):
        receiver.data_received(frames.encode(n % 255 + 1, b'{"type":"query","id":"Q%d"}' % n))
        receiver.data_received(frames.ack(n % 255 + 1))
    assert len(desk.requests) == 10 * QUESTIONS
    assert not stream.is_closed


def test_receipts_are_not_counted_as_questions(
    receiver: Receiver, stream: MemoryStream, desk: TinyDesk
) -> None:
    for n in range(1, 1000):
        body = b'{"type":"received","id":"T1","revision":%d}' % n
        receiver.data_received(frames.encode(n % 255 + 1, body))
    assert desk.requests[-1] == (1, 999 % 255 + 1, Received("T1", 999))
    assert not stream.is_closed


def test_a_flood_of_bad_messages_without_acks_is_bounded(
    receiver: Receiver, stream: MemoryStream, hands: Hands
) -> None:
    for n in range(5000):
        receiver.data_received(frames.encode(n % 255 + 1, b"nonsense %d" % n))
        if stream.is_closed:
            break
    hands.advance(7.0)
    assert stream.is_closed


def test_nothing_after_the_end_is_worked_on(
    receiver: Receiver, desk: TinyDesk, hands: Hands
) -> None:
    receiver.closed()
    receiver.data_received(STATUS)
    assert desk.requests == []
    assert hands.pending == 0


def test_a_pay_reaches_the_desk_with_its_connection_and_seq(
    receiver: Receiver, stream: MemoryStream, desk: TinyDesk
) -> None:
    body = b'{"type":"pay","id":"T1","amount":"12.34","business":"registration"}'
    receiver.data_received(frames.encode(0xFE, body))
    [(connection, seq, request)] = desk.requests
    assert isinstance(request, Pay)
    assert (connection, seq, request.amount_fen) == (1, 0xFE, 1234)
    assert answered(stream)[0]["re"] == "FE"


# ------------------------------------------------------------------ the form of what is said


def test_an_answer_has_the_form_of_its_question(link: HisLink, new_stream: NewStream) -> None:
    stream = new_stream()
    receiver = link.attach(stream)
    receiver.data_received(frames.encode(1, b"<query><id>T1</id></query>"))
    [body] = stream.bodies()
    assert body.startswith(b"<result><re>01</re><id>T1</id>")
    receiver.data_received(b"\x0601" + frames.encode(2, b'{"type":"query","id":"T1"}'))
    assert stream.bodies()[0].startswith(b'{"type":"result","re":"02"')
    receiver.data_received(b"\x0602" + frames.encode(3, b"<nonsense"))
    assert stream.bodies()[0].startswith(b"<error><re>03</re><code>bad_message</code>")


def test_what_is_told_unasked_has_the_form_of_its_charge(
    link: HisLink, new_stream: NewStream
) -> None:
    stream = new_stream()
    link.attach(stream)
    link.send(1, Result("T1", 1, 1, "paid", form=Form.XML))
    assert stream.bodies()[0].startswith(b"<result><id>T1</id>")
