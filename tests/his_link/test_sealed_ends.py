"""A sealed link at work: strangers, wrong keys, restarts of either side, what a thief can do."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from device.clock import SystemClock
from device.domain.replies import Result
from device.drivers.streams import open_stream
from device.drivers.tcp import TcpServer
from device.his_link import frames
from device.his_link.calls import NoAnswer
from device.his_link.frames import Decoder, Frame
from device.his_link.handshake import HELLO_REQUIRED, BoxEnd, HisEnd
from device.his_link.host import Client
from device.his_link.link import HELLO_S, MAX_STRANGERS, HisLink
from device.his_link.seal import HIS_TO_BOX, DeskKey, Seal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from device.his_link.messages import Codec
    from tests.his_link.conftest import Hands, MemoryStream, TinyDesk

KEY = bytes(range(32))
OTHER = bytes(32)
END = BoxEnd(DeskKey.of(KEY))
STATUS = b'{"type":"status"}'
HELLO = b'{"type":"hello","v":1}'


@pytest.fixture
def sealed(codec: Codec, desk: TinyDesk, hands: Hands) -> HisLink:
    """Return a sealed link whose time the test moves."""
    desk.link = HisLink(
        codec, desk.on_request, desk.on_connection, hands, call_later=hands.call_later, end=END
    )
    return desk.link


class Thief:
    """Raw frames on a stream in memory, with the key where it is meant to have it."""

    def __init__(self, link: HisLink, stream: MemoryStream, kind: str = "tcp") -> None:
        self.stream = stream
        self.receiver = link.attach(stream, kind)  # type: ignore[arg-type]  # tcp or serial
        self.seal: Seal
        self._heard = Decoder(frames.TCP_BODY_BYTES)

    def say(self, seq: int, body: bytes) -> list[bytes]:
        """Send a frame, acknowledge what comes, return its bodies."""
        return self.send(frames.encode(seq, body))

    def send(self, raw: bytes) -> list[bytes]:
        self.receiver.data_received(raw)
        bodies: list[bytes] = []
        while events := self._heard.feed(b"".join(self.stream.taken()), 0.0):
            for event in events:
                if isinstance(event, Frame):
                    bodies.append(event.body)
                    self.receiver.data_received(frames.ack(event.seq))
        return bodies

    def hello(self, seq: int, nonce: bytes = bytes(16), key: bytes = KEY) -> dict[str, Any]:
        """Say an unsealed hello; keep what to seal with."""
        _, hello = HisEnd(DeskKey.of(key)).hello(nonce)
        [body] = self.say(seq, json.dumps(hello).encode())
        answer: dict[str, Any] = json.loads(body)
        if answer["type"] == "hello_ok":
            to_box, _ = DeskKey.of(key).directions(nonce, bytes.fromhex(answer["nonce"]))
            self.seal = Seal(to_box, HIS_TO_BOX)
        return answer

    def sealed(self, seq: int, body: bytes) -> bytes:
        """Return a frame that opens."""
        self.seal, sealed = self.seal.seal(seq, body)
        return frames.encode(seq, sealed)


def test_the_desk_hears_of_a_connection_only_when_its_first_body_opens(
    sealed: HisLink, desk: TinyDesk, new_stream: Callable[[], MemoryStream]
) -> None:
    thief = Thief(sealed, new_stream())
    assert [json.loads(b) for b in thief.say(1, STATUS)] == [HELLO_REQUIRED]
    assert thief.hello(2)["type"] == "hello_ok"
    assert (desk.opened, desk.requests, sealed.connections()) == ([], [], [])
    [body] = thief.send(thief.sealed(3, STATUS))
    assert body.startswith(b"E1.")
    assert (desk.opened, sealed.connections()) == ([(1, True)], [1])
    thief.receiver.closed()
    assert desk.opened == [(1, True), (1, False)]


def test_the_unsealed_words_carry_nothing_else(
    sealed: HisLink, new_stream: Callable[[], MemoryStream]
) -> None:
    thief = Thief(sealed, new_stream())
    assert thief.hello(1).keys() == {"type", "v", "nonce", "proof"}
    assert thief.hello(2, key=OTHER) == HELLO_REQUIRED
    assert thief.say(3, b"<hello><v>1</v></hello>") == [
        b"<error><code>hello_required</code></error>"
    ]


def test_a_plain_message_after_the_session_began_is_refused_too(
    sealed: HisLink, desk: TinyDesk, new_stream: Callable[[], MemoryStream]
) -> None:
    thief = Thief(sealed, new_stream())
    thief.hello(1)
    thief.send(thief.sealed(2, HELLO))
    asked = len(desk.requests)
    assert [json.loads(b) for b in thief.say(3, b'{"type":"cancel","id":"T1"}')] == [HELLO_REQUIRED]
    assert len(desk.requests) == asked


def test_a_frame_sent_again_is_acknowledged_and_one_replayed_later_is_refused(
    sealed: HisLink, desk: TinyDesk, new_stream: Callable[[], MemoryStream]
) -> None:
    thief = Thief(sealed, new_stream())
    thief.hello(1)
    query = thief.sealed(2, b'{"type":"query","id":"T1"}')
    assert len(thief.send(query)) == 1
    assert thief.send(query) == []
    thief.send(thief.sealed(3, STATUS))
    assert [json.loads(b) for b in thief.send(query)] == [HELLO_REQUIRED]
    assert len(desk.requests) == 2


def test_a_his_that_comes_back_on_the_same_cable_says_hello_anew(
    sealed: HisLink, desk: TinyDesk, new_stream: Callable[[], MemoryStream]
) -> None:
    thief = Thief(sealed, new_stream(), "serial")
    thief.hello(1)
    thief.send(thief.sealed(2, HELLO))
    thief.hello(1, b"\x05" * 16)
    assert thief.send(thief.sealed(2, STATUS))[0].startswith(b"E1.")
    assert desk.opened == [(1, True)]


def test_what_the_desk_says_before_anybody_is_known_goes_nowhere(
    sealed: HisLink, new_stream: Callable[[], MemoryStream]
) -> None:
    stream = new_stream()
    sealed.attach(stream)
    sealed.send(1, Result("T1", 1, 1, "paid"))
    assert stream.taken() == []


def test_strangers_are_few_and_stay_short(
    sealed: HisLink, desk: TinyDesk, hands: Hands, new_stream: Callable[[], MemoryStream]
) -> None:
    his = Thief(sealed, new_stream())
    his.hello(1)
    his.send(his.sealed(2, HELLO))
    strangers = [new_stream() for _ in range(MAX_STRANGERS + 3)]
    for stream in strangers:
        sealed.attach(stream)
    assert [s.is_closed for s in strangers] == [True] * 3 + [False] * MAX_STRANGERS
    hands.advance(HELLO_S)
    assert all(s.is_closed for s in strangers)
    assert not his.stream.is_closed
    assert desk.opened == [(1, True)]


def test_of_those_who_hold_the_key_a_fifth_is_closed(
    sealed: HisLink, new_stream: Callable[[], MemoryStream]
) -> None:
    known = [Thief(sealed, new_stream()) for _ in range(5)]
    for one in known:
        one.hello(1)
        one.send(one.sealed(2, HELLO))
    assert [one.stream.is_closed for one in known] == [False] * 4 + [True]
    assert sealed.connections() == [1, 2, 3, 4]


# ------------------------------------------------------------------ the HIS's end, over TCP


@pytest.fixture
async def server(codec: Codec, desk: TinyDesk) -> AsyncIterator[TcpServer]:
    desk.link = HisLink(codec, desk.on_request, desk.on_connection, SystemClock(), end=END)
    server = TcpServer("127.0.0.1", 0, desk.link.attach)
    await server.start()
    yield server
    desk.link.close()
    await server.aclose()


def address(server: TcpServer) -> str:
    return "tcp://{}:{}".format(*server.address)


async def test_a_his_with_another_key_is_told_at_once(server: TcpServer) -> None:
    with pytest.raises(NoAnswer, match="does not take this key"):
        await Client.connect(address(server), open_stream, key=OTHER)


async def test_a_his_with_a_key_does_not_believe_a_box_without_one(
    codec: Codec, desk: TinyDesk, server: TcpServer
) -> None:
    desk.link = HisLink(codec, desk.on_request, desk.on_connection, SystemClock())
    server._on_connection = desk.link.attach
    with pytest.raises(NoAnswer, match="does not prove"):
        await Client.connect(address(server), open_stream, key=KEY)


async def test_a_his_without_a_key_is_told_that_hello_is_required(server: TcpServer) -> None:
    his = await Client.connect(address(server), open_stream)
    his.post("status")
    assert await his.unasked() == HELLO_REQUIRED
    his.close()


async def test_when_the_box_forgets_the_session_the_question_is_asked_again(
    server: TcpServer, desk: TinyDesk
) -> None:
    his = await Client.connect(address(server), open_stream, key=KEY)
    assert (await his.request("status"))["type"] == "status_result"
    assert desk.link is not None
    [peer] = desk.link._peers.values()
    for n in range(3):
        peer._end = END
        asked = [his.request("query", {"id": f"Q{n}{m}"}) for m in range(3)]
        answers = await asyncio.gather(*asked)
        assert [a["id"] for a in answers] == [f"Q{n}{m}" for m in range(3)]
    his.close()


async def test_a_hello_required_by_nobody_costs_one_hello_and_no_answer(
    server: TcpServer,
) -> None:
    his = await Client.connect(address(server), open_stream, key=KEY)
    his.on_message(1, json.dumps(HELLO_REQUIRED).encode())
    assert (await his.request("query", {"id": "T1"}))["id"] == "T1"
    his.on_message(1, b'{"type":"result","id":"T1","status":"paid","revision":9}')
    assert (await his.request("query", {"id": "T2"}))["id"] == "T2"
    assert his._unasked.empty()
    his.close()
