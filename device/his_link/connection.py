"""A session on a real byte stream: performs the effects and keeps the one timer it needs."""

import asyncio
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Protocol

from device.domain.ports import ByteStream
from device.his_link import session
from device.his_link.session import Effect, Effects, Line, Message, Seal, Session


class Timer(Protocol):
    """What `call_later` returns."""

    def cancel(self) -> None:
        """Do not call any more."""
        ...


class Timers(Protocol):
    """Time and timers; tests turn the hands themselves."""

    def monotonic(self) -> float:
        """Seconds that only rise."""
        ...

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call once, later, on the loop."""
        ...


class LoopTimers:
    """The running event loop's time and timers."""

    def monotonic(self) -> float:
        """Seconds on the loop's clock."""
        return asyncio.get_running_loop().time()

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call once, later, on the loop."""
        return asyncio.get_running_loop().call_later(delay_s, callback)


class Listener(Protocol):
    """The owner of a connection."""

    def on_message(self, seq: int, body: bytes) -> None:
        """Take a message; it is acknowledged already."""
        ...

    def on_sent(self, token: object, seq: int) -> None:
        """Learn the SEQ under which a message left."""
        ...

    def on_acknowledged(self, token: object) -> None:
        """Learn that the peer's link has a message."""
        ...

    def on_here(self) -> None:
        """Learn that the peer answered an ENQ."""
        ...

    def on_up(self, up: bool) -> None:  # noqa: FBT001  the state itself
        """Learn that a serial line went down or came back."""
        ...


class Connection:
    """One end of the protocol on one stream, until the stream is closed.

    Feed it with `data_received` and `closed`; everything else comes back through the listener.
    """

    def __init__(self, stream: ByteStream, line: Line, timers: Timers, listener: Listener) -> None:
        self._stream = stream
        self._timers = timers
        self._listener = listener
        self._session = Session(line)
        self._timer: Timer | None = None
        self._wake_at_s: float | None = None
        self._open = True

    @property
    def is_up(self) -> bool:
        """Whether messages can be sent: not closed, and a serial line not down."""
        return self._open and self._session.state.phase is not session.Phase.DOWN

    @property
    def silent(self) -> bool:
        """Whether the peer left every ENQ of the last ten seconds unanswered."""
        return self._session.silent(self._timers.monotonic())

    def data_received(self, data: bytes) -> None:
        """Take bytes from the stream."""
        if self._open:
            self._perform(self._session.receive(data, self._timers.monotonic()))

    def send(self, *messages: Message) -> None:
        """Queue the bodies of one message."""
        if self._open and messages:
            self._perform(self._session.send(messages, self._timers.monotonic()))

    def reseal(self, seal: Seal) -> None:
        """Seal what leaves from here on with this."""
        if self._open:
            self._perform(self._session.reseal(seal, self._timers.monotonic()))

    def probe(self) -> None:
        """Ask whether the peer is there; `silent` tells later."""
        if self._open:
            self._perform(self._session.probe(self._timers.monotonic()))

    def closed(self) -> None:
        """End: the stream is gone."""
        self._open = False
        self._set_timer(None)

    def _tick(self) -> None:
        self._timer = self._wake_at_s = None
        if self._open:
            self._perform(self._session.tick(self._timers.monotonic()))

    def _perform(self, effects: Effects) -> None:
        for is_write, group in groupby(effects, lambda effect: isinstance(effect, session.Write)):
            if is_write:  # one call: a flood of ENQ must not become a flood of system calls
                self._stream.write(b"".join(e.data for e in group if isinstance(e, session.Write)))
            else:
                self._tell(group)
        if self._open:
            self._set_timer(self._session.wake_at_s(self._timers.monotonic()))

    def _tell(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if self._open:
                self._tell_one(effect)

    def _tell_one(self, effect: Effect) -> None:
        match effect:
            case session.Deliver(seq, body):
                self._listener.on_message(seq, body)
            case session.Sent(token, seq):
                self._listener.on_sent(token, seq)
            case session.Acknowledged(token):
                self._listener.on_acknowledged(token)
            case session.Here():
                self._listener.on_here()
            case session.Close():
                self._stream.close()
            case session.Lost():
                self._listener.on_up(False)  # noqa: FBT003  see Listener
            case session.Back():
                self._listener.on_up(True)  # noqa: FBT003  see Listener

    def _set_timer(self, at_s: float | None) -> None:
        if at_s == self._wake_at_s:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._wake_at_s = None, at_s
        if at_s is not None:
            delay_s = max(0.0, at_s - self._timers.monotonic())
            self._timer = self._timers.call_later(delay_s, self._tick)
