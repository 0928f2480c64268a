"""The box's side of the HIS link: connections with numbers, requests in, replies out.

The shell around the peers: it numbers the connections and keeps them within their bounds. On a
sealed link the desk hears of a peer only when its first body has opened (his-link §4): a stranger
can neither take the desk nor keep a HIS out. What a request means is the desk's business (§3).
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, Protocol

from device.clock import Clock
from device.domain.ports import ByteStream, OnConnection, OnRequest
from device.domain.replies import Reply
from device.domain.requests import Request
from device.his_link.connection import LoopTimers, Timer
from device.his_link.handshake import BoxEnd
from device.his_link.messages import Codec
from device.his_link.peer import Peer
from device.his_link.session import ENQ_EVERY_S, serial_line, tcp_line

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 4  # his-link §3.12
MAX_STRANGERS = 16  # sealed: connections that have not shown who they are, the oldest goes first
HELLO_S = 10.0  # sealed: how long one may take to show it; a HIS takes milliseconds
SAY_EVERY_S = 10.0  # between two lines about closed connections: a flood must not fill the log
DEFAULT_BAUDRATE = 9600

CallLater = Callable[[float, Callable[[], None]], Timer]
"""Seconds from now and what to call; `LoopTimers().call_later` unless a test turns the hands."""
OnAcknowledged = Callable[[int, Reply], None]


class Receiver(Protocol):
    """What a stream's driver calls."""

    def data_received(self, data: bytes) -> None:
        """Bytes arrived."""
        ...

    def closed(self) -> None:
        """The stream is gone."""
        ...


class HisLink:
    """Up to four connections to the HIS. Implements `domain.ports.HisLink`; nothing here raises.

    `on_request(connection, seq, request)` may call `send` at once. `on_connection(connection,
    opened)` tells of TCP connections and opened ports, and of a serial line that went down or came
    back. `on_acknowledged(connection, reply)`: the peer's link has the reply (his-link §3.8).
    `end`: the link is sealed, and every connection begins with this.
    """

    def __init__(  # noqa: PLR0913  the callbacks, and what tests replace
        self,
        codec: Codec,
        on_request: OnRequest,
        on_connection: OnConnection,
        clock: Clock,
        *,
        on_acknowledged: OnAcknowledged | None = None,
        call_later: CallLater | None = None,
        max_connections: int = MAX_CONNECTIONS,
        end: BoxEnd | None = None,
    ) -> None:
        self._codec = codec
        self.on_request = on_request
        self.on_connection = on_connection
        self.on_acknowledged = on_acknowledged or (lambda _connection, _reply: None)
        self._max_connections = max_connections
        self._end = end
        self._clock = clock
        self._call_later = call_later or LoopTimers().call_later
        self._peers: dict[int, Peer] = {}
        self._last_number = 0
        self._probe_timer: Timer | None = None
        self._said_s = -SAY_EVERY_S

    # -------------------------------------------------------------- for the streams

    def attach(
        self,
        stream: ByteStream,
        kind: Literal["tcp", "serial"] = "tcp",
        *,
        baudrate: int | None = None,
    ) -> Receiver:
        """Take a newly opened stream (`tcp` or `serial`); its driver feeds the receiver.

        `baudrate`: of the serial port, or of the line behind a converter from TCP.

        One connection too many is closed at once, unless another left ENQ unanswered for ten
        seconds: then that one goes.
        """
        self._last_number += 1
        line = (
            tcp_line(baudrate or 0) if kind == "tcp" else serial_line(baudrate or DEFAULT_BAUDRATE)
        )
        line = replace(line, sealed=self._end is not None)
        peer = Peer(self, self._last_number, stream, line, self._codec, self._end)
        if peer.known:
            self.admit(peer)
        else:
            self._let_in(peer, closes=line.closes)
        return peer

    def _let_in(self, stranger: Peer, *, closes: bool) -> None:
        strangers = [peer for peer in self._peers.values() if not peer.known]
        if len(strangers) >= MAX_STRANGERS:
            strangers[0].shut()
        self._peers[stranger.number] = stranger
        if closes:
            self.call_later(HELLO_S, lambda: None if stranger.known else stranger.shut())

    def close(self) -> None:
        """Close every stream; their drivers report it."""
        for peer in list(self._peers.values()):
            peer.shut()

    # -------------------------------------------------------------- for the desk

    def send(self, connection: int, reply: Reply, re: int | None = None) -> None:
        """Queue a reply; dropped if the connection is gone or its line down."""
        peer = self._peers.get(connection)
        if peer is not None:
            peer.send(reply, re)

    def connections(self) -> Sequence[int]:
        """The open connections whose line is up, oldest first."""
        return [peer.number for peer in self._known if peer.connection.is_up]

    def silent(self, connection: int) -> bool:
        """Whether it left ENQ unanswered for ten seconds, so that another may take the desk.

        ENQ is asked only while there is another connection (his-link §3.12).
        """
        peer = self._peers.get(connection)
        return peer is None or peer.connection.silent

    # -------------------------------------------------------------- for the peers

    def monotonic(self) -> float:
        """Seconds that only rise."""
        return self._clock.monotonic()

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call once, later, on the loop."""
        return self._call_later(delay_s, callback)

    def admit(self, peer: Peer) -> bool:
        """Learn that a peer has shown who it is; False: there is no room, it was closed."""
        if len(self._known) >= self._max_connections and not self._drop_silent():
            self._say("a HIS connection too many: closed")
            self._peers.pop(peer.number, None)
            peer.connection.closed()
            peer.stream.close()
            return False
        peer.known = True
        self._peers[peer.number] = peer
        self.on_connection(peer.number, True)  # noqa: FBT003  the port's signature
        self._watch()
        return True

    def asked(self, number: int, seq: int, request: Request) -> None:
        """Hand a request to the desk."""
        self.on_request(number, seq, request)

    def acknowledged(self, number: int, reply: Reply) -> None:
        """Tell the desk that the peer's link has a reply."""
        self.on_acknowledged(number, reply)

    def line_is(self, number: int, *, up: bool) -> None:
        """Tell the desk that a serial line went down or came back."""
        log.warning("the HIS line is %s", "up" if up else "down")
        if self._peers[number].known:
            self.on_connection(number, up)

    def forget(self, number: int) -> None:
        """Drop a connection whose stream is gone."""
        peer = self._peers.pop(number, None)
        if peer is None:
            return
        was_up = peer.known and peer.connection.is_up
        peer.connection.closed()
        if was_up:
            self.on_connection(number, False)  # noqa: FBT003  the port's signature

    def _say(self, what: str) -> None:
        now_s = self.monotonic()
        if now_s - self._said_s >= SAY_EVERY_S:
            self._said_s = now_s
            log.warning("%s", what)

    @property
    def _known(self) -> list[Peer]:
        return [peer for peer in self._peers.values() if peer.known]

    # -------------------------------------------------------------- who is still there

    def _watch(self) -> None:
        if self._probe_timer is None and len(self._known) > 1:
            self._probe_timer = self.call_later(ENQ_EVERY_S, self._probe)

    def _probe(self) -> None:
        self._probe_timer = None
        if len(self._known) > 1:
            for peer in self._known:
                peer.connection.probe()
        self._watch()

    def _drop_silent(self) -> bool:
        for peer in self._known:
            if peer.connection.silent:
                log.warning("a silent HIS connection made room for a new one")
                peer.shut()
                return True
        return False
