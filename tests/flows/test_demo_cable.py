"""The HIS cable passes bytes on unchanged, shows them, and can be pulled out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from simulators.demo.cable import Cable, Way
from simulators.demo.his_tap import HisTap, Seen, Splitter

FRAME = b'\x0201{"type":"result","id":"T1","status":"paid"}\x03ABCD'
STREAM = b"\x00\x05\x0601" + FRAME + b"\x1500\x06FF"

GONE = (ConnectionError, asyncio.IncompleteReadError)


def kinds(seen: list[Seen]) -> list[str]:
    return [one.kind for one in seen]


def test_frames_and_signals_are_told_apart() -> None:
    seen = Splitter(Way.IN).feed(STREAM)

    assert kinds(seen) == ["enq", "ack", "frame", "nak", "ack"]
    assert seen[2].seq == "01"
    assert seen[2].message["status"] == "paid"


def test_a_byte_at_a_time_shows_the_same() -> None:
    splitter = Splitter(Way.IN)

    seen = [one for byte in STREAM for one in splitter.feed(bytes([byte]))]

    assert b"".join(one.raw for one in seen) == STREAM[1:]


def test_a_frame_that_breaks_off_is_left_at_the_next_one() -> None:
    seen = Splitter(Way.IN).feed(FRAME[:20] + FRAME)

    assert [one.raw for one in seen] == [FRAME]


async def hang_up(*writers: asyncio.StreamWriter) -> None:
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0)  # the transport is gone one turn of the loop later


class Box:
    """A box that answers every chunk with one frame."""

    def __init__(self) -> None:
        self.got = b""
        self.port = 0

    async def serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(100):
                self.got += data
                writer.write(FRAME)
        writer.transport.abort()


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    box = Box()
    server = await box.serve()
    yield box
    server.close()


@pytest.fixture
def tap() -> HisTap:
    return HisTap()


@pytest.fixture
async def cable(box: Box, tap: HisTap) -> AsyncIterator[Cable]:
    cable = Cable(tap.connection)
    cable.far_port = box.port
    await cable.start()
    yield cable
    await cable.stop()


async def test_bytes_go_both_ways_unchanged_and_the_answer_is_kept(
    box: Box, cable: Cable, tap: HisTap
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", cable.port)
    writer.write(b"\x05")

    assert await asyncio.wait_for(reader.readexactly(len(FRAME)), 5) == FRAME

    assert box.got == b"\x05"
    assert tap.answers["T1"]["status"] == "paid"
    await hang_up(writer)


async def test_a_pulled_cable_ends_the_connection_and_takes_no_new_one(cable: Cable) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", cable.port)
    writer.write(b"\x05")
    await asyncio.wait_for(reader.readexactly(len(FRAME)), 5)

    cable.plug(plugged=False)

    with pytest.raises(GONE):
        await asyncio.wait_for(reader.readexactly(1), 5)
    again, second = await asyncio.open_connection("127.0.0.1", cable.port)
    with pytest.raises(GONE):
        await asyncio.wait_for(again.readexactly(1), 5)
    await hang_up(writer, second)


async def test_without_a_box_there_is_nobody_at_the_other_end(cable: Cable) -> None:
    cable.far_port = None
    reader, writer = await asyncio.open_connection("127.0.0.1", cable.port)

    with pytest.raises(GONE):
        await asyncio.wait_for(reader.readexactly(1), 5)
    await hang_up(writer)


async def test_it_lies_at_the_port_that_was_asked_for_unless_that_is_taken() -> None:
    first, second, third = (Cable(HisTap(lambda _: None).connection) for _ in range(3))
    await first.start()
    await second.start(first.port)
    assert second.port not in {0, first.port}
    await first.stop()
    await third.start(first.port)
    assert third.port == first.port
    for cable in (second, third):
        await cable.stop()
