"""One connection of the link: its session, who is at the other end, and what it may still ask."""

import logging
import secrets
from collections.abc import Callable
from typing import Protocol

from device.domain.ports import ByteStream
from device.domain.replies import ErrorReply, Progress, Reply
from device.domain.requests import Received, Request
from device.domain.words import Form
from device.his_link import answers
from device.his_link.body import Writing, form_of
from device.his_link.connection import Connection, Timer
from device.his_link.handshake import BoxEnd, Say
from device.his_link.messages import Codec
from device.his_link.seal import NONCE_BYTES, plain_limit
from device.his_link.session import Line, Message

log = logging.getLogger(__name__)

QUESTIONS = 64  # asked ahead of the answers on one TCP connection: no HIS asks on without reading
QUESTIONS_BACK_S = 1.0  # one is forgiven each second: a pay may be answered by its cancel's answer


class Link(Protocol):
    """What a peer needs of its link."""

    def monotonic(self) -> float:
        """Seconds that only rise."""
        ...

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call once, later, on the loop."""
        ...

    def admit(self, peer: "Peer") -> bool:
        """Learn that a peer has shown who it is; False: there is no room, it was closed."""
        ...

    def asked(self, number: int, seq: int, request: Request) -> None:
        """Take a request."""
        ...

    def acknowledged(self, number: int, reply: Reply) -> None:
        """Learn that the peer's link has a reply."""
        ...

    def line_is(self, number: int, *, up: bool) -> None:
        """Learn that a serial line went down or came back."""
        ...

    def forget(self, number: int) -> None:
        """Drop a connection whose stream is gone."""
        ...


class Peer:
    """One connection. `known`: on a sealed link, its first body has opened."""

    def __init__(  # noqa: PLR0913  what it is made of; called in one place
        self,
        link: Link,
        number: int,
        stream: ByteStream,
        line: Line,
        codec: Codec,
        end: BoxEnd | None,
    ) -> None:
        self.number = number
        self.stream = stream
        self.known = end is None
        self.connection = Connection(stream, line, link, self)
        self._link = link
        self._line = line
        self._codec = codec
        self._end = end
        self._forms: dict[int, Form] = {}
        """Of the newest question under each SEQ: its answer is written like it."""
        self._questions = float(QUESTIONS)
        self._questions_at_s = link.monotonic()

    # -------------------------------------------------------------- called by the stream

    def data_received(self, data: bytes) -> None:
        """Take bytes from the stream."""
        self.connection.data_received(data)

    def closed(self) -> None:
        """End: the stream is gone."""
        self._link.forget(self.number)

    def shut(self) -> None:
        """Close the stream and end at once, whenever its driver reports it."""
        self.stream.close()
        self.closed()

    # -------------------------------------------------------------- called by the link

    def send(self, reply: Reply, re: int | None) -> None:
        """Queue a reply's bodies."""
        if re is not None:
            self._questions += 1
        writing = Writing(self._codec.encoding, self._form(reply, re))
        limit = self._line.body_limit
        bodies = answers.encode(reply, re, writing, plain_limit(limit) if self._end else limit)
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

    # -------------------------------------------------------------- called by the connection

    def on_message(self, seq: int, body: bytes) -> None:
        """Hand a request to the desk, or answer that it is none."""
        plain = body if self._end is None else self._opened(self._end, seq, body)
        if plain is None:
            return
        request = self._codec.parse(plain)
        self._forms[seq] = form_of(plain)
        if not self._may_ask(request):
            return
        if isinstance(request, ErrorReply):
            self.send(request, seq)
        else:
            self._link.asked(self.number, seq, request)

    def on_sent(self, token: object, seq: int) -> None:
        """Nothing: replies are known by their id."""

    def on_acknowledged(self, token: object) -> None:
        """Pass on what the peer's link has."""
        if token is not None:
            self._link.acknowledged(self.number, token)  # type: ignore[arg-type]  # our token

    def on_here(self) -> None:
        """Nothing: the session keeps who answers ENQ."""

    def on_up(self, up: bool) -> None:  # noqa: FBT001  the state itself
        """Tell the link that the serial line went down or came back."""
        self._link.line_is(self.number, up=up)

    # -------------------------------------------------------------- who it is, what it may

    def _opened(self, end: BoxEnd, seq: int, body: bytes) -> bytes | None:
        """Return what stands in a sealed body; None if it was a hello, or is answered with one."""
        self._end, taken = end.take(seq, body, secrets.token_bytes(NONCE_BYTES))
        if isinstance(taken, Say):
            words = Writing(form=form_of(body)).encode(taken.message)
            self.connection.send(Message(words, re=seq, unsealed=True))
            return None
        if taken.seal:
            self.connection.reseal(taken.seal)
        if not self.known and not self._link.admit(self):
            return None
        return taken.body

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
