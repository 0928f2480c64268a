"""TCP byte streams, plain or inside TLS: a server for the HIS link, and the HIS's side of one.

A stream never blocks the loop and never grows without bound: one read takes at most two kilobytes,
so that a flood is shared out between the loop's other work, and a peer that does not read is cut
off when its buffer is full. Peers are accepted one at a time and refused before a byte is read.
"""

import asyncio
import contextlib
import ipaddress
import logging
import socket
import ssl
from collections.abc import Callable, Collection
from typing import Any, Protocol

log = logging.getLogger(__name__)

READ_BYTES = 512  # a flood of one-byte signals costs the loop a few ms a read, no more
WRITE_LIMIT_BYTES = 65536  # unsent: eight of the longest frames; then the peer is cut off
KEEP_ALIVE_S = 10  # his-link §1
KEEP_ALIVE_PROBE_S = 2  # between the probes after that
KEEP_ALIVE_PROBES = 3  # unanswered ones until the peer is taken for gone
CONNECT_TIMEOUT_S = 3.0  # on a hospital's own network a host answers in milliseconds
HANDSHAKE_S = 5.0  # TLS: a HIS takes milliseconds, a slow PC a second
HANDSHAKES = 16  # under way at once; further peers are refused until one has ended
SHUTDOWN_S = 1.0  # TLS: how long a peer may take to say goodbye
ACCEPT_AGAIN_S = 0.5  # after the system had no descriptor left
SAY_EVERY_S = 10.0  # between two lines about refused peers: a flood must not fill the log
BACKLOG = 128  # connections that the kernel keeps until they are accepted, one at a time


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

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  asyncio's signature
        """Return the one small buffer every read goes into.

        A view, because asyncio's TLS reads record after record into slices of it, and a slice of a
        bytearray is a copy: all but the first record would be lost.
        """
        return memoryview(self._buffer)

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

    `may_connect(peer address)` False: closed before anything is read, see `named_or_local`. `tls`:
    a stream is a connection whose handshake has ended (`drivers.tls.server_context`).
    """

    def __init__(
        self,
        host: str,
        port: int,
        on_connection: Callable[[TcpStream], Receiver],
        *,
        may_connect: Callable[[str], bool] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._on_connection = on_connection
        self._may_connect = may_connect or (lambda _peer: True)
        self._tls = tls
        self.address = ("", 0)
        """Host and port as bound, once started."""
        self._sockets: list[socket.socket] = []
        self._handshakes: set[asyncio.Task[None]] = set()
        self._is_closing = False
        self._said_s = -SAY_EVERY_S
        self._streams: set[TcpStream] = set()
        self._all_gone = asyncio.Event()
        self._all_gone.set()

    async def start(self) -> None:
        """Listen; OSError if the address cannot be had."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(
            self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        try:
            for family, _, _, _, address in found:
                self._sockets.append(socket.socket(family, socket.SOCK_STREAM))
                _listen(self._sockets[-1], address)
        except OSError:
            await self.aclose()
            raise
        host, port = self._sockets[0].getsockname()[:2]
        self.address = (str(host), int(port))
        for sock in self._sockets:
            loop.add_reader(sock, self._accept, sock)

    async def aclose(self) -> None:
        """Stop listening and close every connection."""
        self._is_closing = True
        while self._sockets:
            sock = self._sockets.pop()
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()
        for task in self._handshakes:
            task.cancel()
        await asyncio.gather(*self._handshakes, return_exceptions=True)
        for stream in list(self._streams):
            stream.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all_gone.wait(), CONNECT_TIMEOUT_S)

    def _accept(self, listening: socket.socket) -> None:
        try:
            sock, address = listening.accept()
        except (BlockingIOError, ConnectionError):  # the peer was faster
            return
        except OSError:  # no descriptor left: trying at once would spin
            self._say("no TCP peer can be accepted now")
            self._rest(listening)
            return
        if not self._may_connect(str(address[0])):
            self._say("a TCP peer that is not allowed was refused")
            sock.close()
        elif len(self._handshakes) >= HANDSHAKES:
            self._say("too many handshakes at once: a TCP peer was refused")
            sock.close()
        else:
            self._begin(sock)

    def _say(self, what: str) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._said_s >= SAY_EVERY_S:
            self._said_s = now_s
            log.warning("%s", what)

    def _rest(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        loop.call_later(ACCEPT_AGAIN_S, self._go_on, listening)

    def _go_on(self, listening: socket.socket) -> None:
        if not self._is_closing:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _begin(self, sock: socket.socket) -> None:
        sock.setblocking(False)  # noqa: FBT003  the library's
        task = asyncio.create_task(self._open(sock))
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)
        task.add_done_callback(lambda _: sock.close() if task.cancelled() else None)

    async def _open(self, sock: socket.socket) -> None:
        """Make a stream of an accepted socket, after its handshake if there is one."""
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: TcpStream(self._opened),
                sock,
                ssl=self._tls,
                ssl_handshake_timeout=HANDSHAKE_S if self._tls else None,
                ssl_shutdown_timeout=SHUTDOWN_S if self._tls else None,
            )
        except OSError:  # ssl.SSLError is one
            self._say("a TLS handshake failed")

    def _opened(self, stream: TcpStream) -> Receiver:
        self._streams.add(stream)
        self._all_gone.clear()
        return _Watched(self._on_connection(stream), lambda: self._ended(stream))

    def _ended(self, stream: TcpStream) -> None:
        self._streams.discard(stream)
        if not self._streams:
            self._all_gone.set()


def _listen(sock: socket.socket, address: Any) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 has a socket of its own
    sock.bind(address)
    sock.listen(BACKLOG)
    sock.setblocking(False)  # noqa: FBT003  the library's


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
    host: str,
    port: int,
    receiver: Receiver,
    *,
    timeout_s: float = CONNECT_TIMEOUT_S,
    tls: ssl.SSLContext | None = None,
) -> TcpStream:
    """Return an open connection; OSError (TimeoutError is one) if nobody answers.

    With `tls` (`drivers.tls.client_context`) an OSError too if the host does not prove its name.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(timeout_s):
        _, stream = await loop.create_connection(
            lambda: TcpStream(lambda _: receiver),
            host,
            port,
            ssl=tls,
            ssl_shutdown_timeout=SHUTDOWN_S if tls else None,
        )
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
