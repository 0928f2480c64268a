"""TCP streams over the loopback: options, bounds, hostile peers."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable

import pytest

from device.drivers import tcp
from device.drivers.tcp import READ_BYTES, WRITE_LIMIT_BYTES, TcpServer, TcpStream


class Desk:
    """Keeps every stream and what it brought; echoes if told to."""

    def __init__(self) -> None:
        self.streams: list[TcpStream] = []
        self.received: list[bytearray] = []
        self.chunks: list[int] = []
        self.closed_count = 0
        self.echo = False

    def opened(self, stream: TcpStream) -> "Ear":
        self.streams.append(stream)
        self.received.append(bytearray())
        return Ear(self, len(self.streams) - 1)


class Ear:
    def __init__(self, desk: Desk, number: int) -> None:
        self.desk = desk
        self.number = number

    def data_received(self, data: bytes) -> None:
        self.desk.received[self.number] += data
        self.desk.chunks.append(len(data))
        if self.desk.echo:
            self.desk.streams[self.number].write(data)

    def closed(self) -> None:
        self.desk.closed_count += 1


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  the other end is a kernel socket
            await asyncio.sleep(0.002)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def server(desk: Desk) -> AsyncIterator[TcpServer]:
    server = TcpServer("127.0.0.1", 0, desk.opened)
    await server.start()
    yield server
    await server.aclose()


class Client(Desk):
    """The other end: one stream."""

    async def connect(self, server: TcpServer) -> TcpStream:
        self.received.append(bytearray())
        stream = await tcp.connect(*server.address, Ear(self, 0))
        self.streams.append(stream)
        return stream


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    client = Client()
    yield client
    for stream in client.streams:
        stream.close()


async def test_bytes_pass_both_ways(server: TcpServer, desk: Desk, client: Client) -> None:
    desk.echo = True
    stream = await client.connect(server)
    stream.write(b"\x05")
    await until(lambda: client.received[0] == b"\x05")
    assert desk.streams[0].peer == stream.peer == "127.0.0.1"


async def test_any_free_port_is_told(server: TcpServer) -> None:
    host, port = server.address
    assert host == "127.0.0.1"
    assert port > 0


async def test_a_taken_port_is_an_os_error(server: TcpServer, desk: Desk) -> None:
    other = TcpServer(*server.address, desk.opened)
    with pytest.raises(OSError, match="Address already in use"):
        await other.start()
    await other.aclose()


async def test_small_writes_go_at_once_and_dead_peers_are_found(
    server: TcpServer, desk: Desk, client: Client
) -> None:
    for stream in (await client.connect(server), desk.streams[0]):
        assert stream._transport is not None
        sock = stream._transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10


async def test_closing_either_end_is_told_once_at_both(
    server: TcpServer, desk: Desk, client: Client
) -> None:
    stream = await client.connect(server)
    await until(lambda: len(desk.streams) == 1)
    stream.close()
    stream.close()
    await until(lambda: desk.closed_count == 1 and client.closed_count == 1)
    stream.write(b"to nobody")
    desk.streams[0].write(b"to nobody")
    desk.streams[0].close()
    assert (desk.closed_count, client.closed_count) == (1, 1)


async def test_nobody_listening_is_an_os_error(client: Client) -> None:
    server = TcpServer("127.0.0.1", 0, client.opened)
    await server.start()
    address = server.address
    await server.aclose()
    with pytest.raises(OSError, match="Connect call failed"):
        await tcp.connect(*address, Ear(client, 0))


async def test_stopping_closes_every_connection(
    server: TcpServer, desk: Desk, client: Client
) -> None:
    await client.connect(server)
    await until(lambda: len(desk.streams) == 1)
    await server.aclose()
    await until(lambda: client.closed_count == 1)


async def test_a_flood_is_read_in_small_pieces(
    server: TcpServer, desk: Desk, client: Client
) -> None:
    stream = await client.connect(server)
    await until(lambda: len(desk.streams) == 1)
    for _ in range(20):
        stream.write(b"\x05" * 50_000)
        await asyncio.sleep(0)
    await until(lambda: len(desk.received[0]) >= 50_000)
    assert max(desk.chunks) <= READ_BYTES


async def test_who_does_not_read_is_cut_off_and_nobody_waits(server: TcpServer, desk: Desk) -> None:
    with socket.create_connection(server.address) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await until(lambda: len(desk.streams) == 1)
        started_s = time.monotonic()
        transport = desk.streams[0]._transport
        assert transport is not None
        for _ in range(2000):
            desk.streams[0].write(b"x" * 8000)
            assert transport.get_write_buffer_size() <= WRITE_LIMIT_BYTES
        assert time.monotonic() - started_s < 1.0
        await until(lambda: desk.closed_count == 1)


async def test_closing_does_not_wait_for_who_does_not_read(server: TcpServer, desk: Desk) -> None:
    with socket.create_connection(server.address) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await until(lambda: len(desk.streams) == 1)
        transport = desk.streams[0]._transport
        assert transport is not None
        while not transport.get_write_buffer_size():
            desk.streams[0].write(b"x" * 8000)
        desk.streams[0].close()
        await until(lambda: desk.closed_count == 1)


async def test_a_hundred_connections_that_come_and_go_leave_nothing(
    server: TcpServer, desk: Desk
) -> None:
    peers = [socket.create_connection(server.address) for _ in range(100)]
    await until(lambda: len(desk.streams) == 100)
    for peer in peers:
        peer.close()
    await until(lambda: desk.closed_count == 100)
    assert not server._streams


def test_only_named_peers_and_this_machine_may_connect() -> None:
    may_connect = tcp.named_or_local(["10.1.2.3"])
    peers = ["10.1.2.3", "127.0.0.1", "::1", "10.1.2.4", "fe80::1%eth0"]
    assert [may_connect(peer) for peer in peers] == [True, True, True, False, False]


async def test_who_may_not_connect_is_closed_unread(desk: Desk) -> None:
    server = TcpServer("127.0.0.1", 0, desk.opened, may_connect=lambda _peer: False)
    await server.start()
    reader, writer = await asyncio.open_connection(*server.address)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    assert desk.streams == []
    await server.aclose()
