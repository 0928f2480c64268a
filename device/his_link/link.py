"""The box's side of the HIS link: connections with numbers, requests in, replies out.

The shell around the session: it numbers the connections, turns bodies into requests, answers by
itself what is no request, and keeps every peer within its bounds. What a request means is the
desk's business (his-link §3).
"""

import logging
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from device.clock import Clock
from device.domain.ports import ByteStream, OnConnection, OnRequest
from device.domain.replies import ErrorReply, Progress, Reply
from device.domain.requests import Received, Request
from device.domain.words import Form
from device.his_link import answers
from device.his_link.body import Writing, form_of
from device.his_link.connection import Connection, LoopTimers, Timer
from device.his_link.messages import Codec
from device.his_link.session import ENQ_EVERY_S, TCP_LINE, Line, Message, serial_line

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 4  # his-link §3.12
QUESTIONS = 64  # asked ahead of the answers on one TCP connection: no HIS asks on without reading
QUESTIONS_BACK_S = 1.0  # one is forgiven each second: a pay may be answered by its cancel's answer
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
    ) -> None:
        self._codec = codec
        self.on_request = on_request
        self.on_connection = on_connection
        self.on_acknowledged = on_acknowledged or (lambda _connection, _reply: None)
        self._max_connections = max_connections
        self._clock = clock
        self._call_later = call_later or LoopTimers().call_later
        self._peers: dict[int, Peer] = {}
        self._last_number = 0
        self._probe_timer: Timer | None = None

    # -------------------------------------------------------------- for the streams

    def attach(
        self,
        stream: ByteStream,
        kind: Literal["tcp", "serial"] = "tcp",
        *,
        baudrate: int = DEFAULT_BAUDRATE,
    ) -> Receiver:
        """Take a newly opened stream (`tcp` or `serial`); its driver feeds the receiver.

        One connection too many is closed at once, unless another left ENQ unanswered for ten
        seconds: then that one goes.
        """
        self._last_number += 1
        line = TCP_LINE if kind == "tcp" else serial_line(baudrate)
        peer = Peer(self, self._last_number, stream, line, self._codec)
        if len(self._peers) >= self._max_connections and not self._drop_silent():
            log.warning("a HIS connection too many: closed")
            peer.connection.closed()
            stream.close()
            return peer
        self._peers[peer.number] = peer
        self.on_connection(peer.number, True)  # noqa: FBT003  the port's signature
        self._watch()
        return peer

    def close(self) -> None:
        """Close every stream; their drivers report it."""
        for peer in list(self._peers.values()):
            peer.stream.close()
            peer.closed()

    # -------------------------------------------------------------- for the desk

    def send(self, connection: int, reply: Reply, re: int | None = None) -> None:
        """Queue a reply; dropped if the connection is gone or its line down."""
        peer = self._peers.get(connection)
        if peer is not None:
            peer.send(reply, re)

    def connections(self) -> Sequence[int]:
        """The open connections whose line is up, oldest first."""
        return [number for number, peer in self._peers.items() if peer.connection.is_up]

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

    def forget(self, number: int) -> None:
        """Drop a connection whose stream is gone."""
        peer = self._peers.pop(number, None)
        if peer is None:
            return
        was_up = peer.connection.is_up
        peer.connection.closed()
        if was_up:
            self.on_connection(number, False)  # noqa: FBT003  the port's signature

    # -------------------------------------------------------------- who is still there

    def _watch(self) -> None:
        if self._probe_timer is None and len(self._peers) > 1:
            self._probe_timer = self.call_later(ENQ_EVERY_S, self._probe)

    def _probe(self) -> None:
        self._probe_timer = None
        if len(self._peers) > 1:
            for peer in list(self._peers.values()):
                peer.connection.probe()
        self._watch()

    def _drop_silent(self) -> bool:
        for peer in self._peers.values():
            if peer.connection.silent:
                log.warning("a silent HIS connection made room for a new one")
                peer.stream.close()
                peer.closed()
                return True
        return False


class Peer:
    """One connection of the link: its session, and what it may still ask."""

    def __init__(
        self, link: HisLink, number: int, stream: ByteStream, line: Line, codec: Codec
    ) -> None:
        self.number = number
        self.stream = stream
        self.connection = Connection(stream, line, link, self)
        self._link = link
        self._line = line
        self._codec = codec
        self._forms: dict[int, Form] = {}
        """Of the newest question under each SEQ: its answer is written like it."""
        self._questions = float(QUESTIONS)
        self._questions_at_s = link.monotonic()

    def data_received(self, data: bytes) -> None:
        """Take bytes from the stream."""
        self.connection.data_received(data)

    def closed(self) -> None:
        """End: the stream is gone."""
        self._link.forget(self.number)

    def send(self, reply: Reply, re: int | None) -> None:
        """Queue a reply's bodies."""
        if re is not None:
            self._questions += 1
        writing = Writing(self._codec.encoding, self._form(reply, re))
        bodies = answers.encode(reply, re, writing, self._line.body_limit)
        last = len(bodies) - 1
        about = getattr(reply, "id", "")
        once = isinstance(reply, Progress)
        self.connection.send(
            *(
                Message(body, reply if n == last else None, re, about, once)
                for n, body in enumerate(bodies)
            )
        )

    def _form(self, reply: Reply, re: int | None) -> Form:
        own: Form = getattr(reply, "form", Form.JSON)
        return own if re is None else self._forms.get(re, own)

    def on_message(self, seq: int, body: bytes) -> None:
        """Hand a request to the desk, or answer that it is none."""
        request = self._codec.parse(body)
        self._forms[seq] = form_of(body)
        if not self._may_ask(request):
            return
        if isinstance(request, ErrorReply):
            self.send(request, seq)
        else:
            self._link.on_request(self.number, seq, request)

    def on_sent(self, token: object, seq: int) -> None:
        """Nothing: replies are known by their id."""

    def on_acknowledged(self, token: object) -> None:
        """Pass on what the peer's link has."""
        if token is not None:
            self._link.on_acknowledged(self.number, token)  # type: ignore[arg-type]  # our token

    def on_here(self) -> None:
        """Nothing: the session keeps who answers ENQ, see `silent`."""

    def on_up(self, up: bool) -> None:  # noqa: FBT001  the state itself
        """Tell the desk that the serial line went down or came back."""
        log.warning("the HIS line is %s", "up" if up else "down")
        self._link.on_connection(self.number, up)

    def _may_ask(self, request: Request | ErrorReply) -> bool:
        if isinstance(request, Received) or not self._line.closes:
            return True
        now_s = self._link.monotonic()
        back = (now_s - self._questions_at_s) / QUESTIONS_BACK_S
        self._questions = min(QUESTIONS, self._questions + back) - 1
        self._questions_at_s = now_s
        if self._questions >= 0:
            return True
        log.warning("a HIS connection asks without reading: closed")
        self.stream.close()
        return False
