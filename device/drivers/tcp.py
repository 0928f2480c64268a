"""TCP byte streams: a server for the HIS link, and the HIS's side of one.

A stream never blocks the loop and never grows without bound: one read takes at most two kilobytes,
so that a flood is shared out between the loop's other work, and a peer that does not read is cut
off when its buffer is full.
"""

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import Callable, Collection
from typing import Protocol

log = logging.getLogger(__name__)

READ_BYTES = 512  # a flood of one-byte signals costs the loop a few ms a read, no more
WRITE_LIMIT_BYTES = 65536  # unsent: eight of the longest frames; then the peer is cut off
KEEP_ALIVE_S = 10  # his-link §1
KEEP_ALIVE_PROBE_S = 2  # between the probes after that
KEEP_ALIVE_PROBES = 3  # unanswered ones until the peer is taken for gone
CONNECT_TIMEOUT_S = 3.0  # on a hospital's own network a host answers in milliseconds


class Receiver(Protocol):
    """Who takes what a stream brings."""

    def data_received(self, data: bytes) -> None:
        """Bytes arrived, never empty."""
        ...

    def closed(self) -> None:
        """The stream is gone; called once."""
        ...


class TcpStream(asyncio.BufferedProtocol):
    """One open connection: `domain.ports.ByteStream`, with the peer's address."""

    def __init__(self, on_open: Callable[["TcpStream"], Receiver]) -> None:
        self._on_open = on_open
        self._receiver: Receiver | None = None
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray(READ_BYTES)
        self.peer = ""
        """The address it came from or went to, without port."""

    def write(self, data: bytes) -> None:
        """Queue bytes; never blocks. A peer that leaves 64 KiB unread is cut off."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() + len(data) > WRITE_LIMIT_BYTES:
            log.warning("a TCP peer does not read: cut off")
            transport.abort()
            return
        transport.write(data)

    def close(self) -> None:
        """Close; the receiver's `closed` follows. What a stuck peer has not read is dropped."""
        transport = self._transport
        if transport is None:
            return
        if transport.get_write_buffer_size():
            transport.abort()
        else:
            transport.close()

    # -------------------------------------------------------------- called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Set the socket's options and ask the owner for a receiver."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        address = transport.get_extra_info("peername")
        self.peer = str(address[0]) if address else ""
        _set_options(transport.get_extra_info("socket"))
        self._receiver = self._on_open(self)

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002  asyncio's signature
        """Return the one small buffer every read goes into."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Pass on what was read."""
        assert self._receiver is not None
        if self._transport is not None and not self._transport.is_closing():
            self._receiver.data_received(bytes(self._buffer[:nbytes]))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  closed is closed
        """Tell the receiver."""
        self._transport = None
        if self._receiver is not None:
            self._receiver.closed()


def named_or_local(peers: Collection[str]) -> Callable[[str], bool]:
    """Return a `may_connect` for `[his] allow_plain`: the named addresses and this machine."""
    return lambda peer: peer in peers or ipaddress.ip_address(peer.partition("%")[0]).is_loopback


class TcpServer:
    """Listens; `on_connection(stream)` returns who receives. Port 0 takes any free port.

    `may_connect(peer address)` False: closed before anything is read, see `named_or_local`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        on_connection: Callable[[TcpStream], Receiver],
        *,
        may_connect: Callable[[str], bool] | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._on_connection = on_connection
        self._may_connect = may_connect or (lambda _peer: True)
        self._server: asyncio.Server | None = None
        self._streams: set[TcpStream] = set()

    async def start(self) -> None:
        """Listen; OSError if the address cannot be had."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: TcpStream(self._opened), self._host, self._port
        )

    @property
    def address(self) -> tuple[str, int]:
        """Host and port as bound."""
        assert self._server is not None, "not started"
        host, port = self._server.sockets[0].getsockname()[:2]
        return str(host), int(port)

    async def aclose(self) -> None:
        """Stop listening and close every connection."""
        if self._server is None:
            return
        self._server.close()
        for stream in list(self._streams):
            stream.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._server.wait_closed(), CONNECT_TIMEOUT_S)

    def _opened(self, stream: TcpStream) -> Receiver:
        if not self._may_connect(stream.peer):
            log.warning("a TCP peer that is not allowed was refused")
            stream.close()
            return _Nobody()
        self._streams.add(stream)
        return _Watched(self._on_connection(stream), lambda: self._streams.discard(stream))


class _Nobody:
    def data_received(self, data: bytes) -> None:
        pass

    def closed(self) -> None:
        pass


class _Watched:
    """A receiver whose end is also told to the server."""

    def __init__(self, receiver: Receiver, ended: Callable[[], None]) -> None:
        self._receiver = receiver
        self._ended = ended
        self.data_received = receiver.data_received

    def closed(self) -> None:
        self._ended()
        self._receiver.closed()


async def connect(
    host: str, port: int, receiver: Receiver, *, timeout_s: float = CONNECT_TIMEOUT_S
) -> TcpStream:
    """Return an open connection; OSError (TimeoutError is one) if nobody answers."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(timeout_s):
        _, stream = await loop.create_connection(lambda: TcpStream(lambda _: receiver), host, port)
    return stream


def _set_options(sock: socket.socket) -> None:
    options = [
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEP_ALIVE_S),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEP_ALIVE_PROBE_S),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEP_ALIVE_PROBES),
    ]
    with contextlib.suppress(OSError):  # the peer may be gone already; then the options are moot
        for level, name, value in options:
            sock.setsockopt(level, name, value)
