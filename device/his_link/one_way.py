"""A one-way link: bytes in, what they mean to the desk, and every byte on to the old display.

Nothing goes back to the HIS (his-link §5): `send` has nobody to speak to. A decoder belongs to one
opening of a port or one connection, so that half a command of before never meets what comes after.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from device.domain.line import Said
from device.domain.replies import Reply
from device.his_link.dialects import Decoder, Dialect, Site

OnSaid = Callable[[tuple[Said, ...]], None]


class Port(Protocol):
    """A serial port whose rate the HIS may switch."""

    def write(self, data: bytes) -> None:
        """Queue bytes; dropped where no port is open."""
        ...

    def set_baudrate(self, baudrate: int) -> None:
        """Go on at this rate."""
        ...


class OneWayLink:
    """Stands where `HisLink` stands, and hears only."""

    def __init__(
        self, dialect: Dialect, site: Site, on_said: OnSaid, clock: Callable[[], float]
    ) -> None:
        self._dialect = dialect
        self._site = site
        self._on_said = on_said
        self._clock = clock
        self.ports: tuple[Port, ...] = ()
        """Those that follow a switch of the rate: the line and the tee."""
        self.tee: Port | None = None
        self._listeners: list[Listener] = []

    def attach(self) -> "Listener":
        """Return who takes the bytes of a line that has just been opened."""
        decoder = self._dialect.make(self._site)
        decoder.feed(b"", self._clock())  # what comes in mid-word is known by the time since now
        listener = Listener(self, decoder)
        self._listeners.append(listener)
        return listener

    def send(self, connection: int, reply: Reply, re: int | None = None) -> None:
        """Nobody hears it: results are on the glass only."""

    def connections(self) -> Sequence[int]:
        """The open lines."""
        return range(1, len(self._listeners) + 1)

    def silent(self, connection: int) -> bool:  # noqa: ARG002  the port's signature
        """A line never speaks for itself: nobody takes the desk from it."""
        return False

    def close(self) -> None:
        """Forget every line."""
        self._listeners.clear()

    def take(self, decoder: Decoder, data: bytes) -> None:
        """Pass the bytes on, then say what they mean."""
        if self.tee:
            self.tee.write(data)
        decoded = decoder.feed(data, self._clock())
        for rate in (d.baudrate for d in decoded if d.baudrate):
            for port in self.ports:
                port.set_baudrate(rate)
        said = tuple(d.said for d in decoded if d.said)
        if said:
            self.say(said)

    def say(self, said: tuple[Said, ...]) -> None:
        """Tell the desk."""
        self._on_said(said)

    def forget(self, listener: "Listener") -> None:
        """One line is gone."""
        if listener in self._listeners:
            self._listeners.remove(listener)


class Listener:
    """Takes the bytes of one line."""

    def __init__(self, link: OneWayLink, decoder: Decoder) -> None:
        self._link = link
        self._decoder = decoder

    def data_received(self, data: bytes) -> None:
        """Bytes arrived."""
        self._link.take(self._decoder, data)

    def closed(self) -> None:
        """The line is gone."""
        self._link.forget(self)
