"""The HIS: the real client over byte streams that take time, break, and lose their last bytes."""

import contextvars
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from device.his_link.calls import Fields, NoAnswer
from device.his_link.host import Client
from simulators.world.box import SimBox
from simulators.world.chance import Stream
from simulators.world.loop import VirtualLoop

DELAY_S = 0.001  # one way on a hospital's own network
TAKES_OFFERS = 0.8  # of what is offered unasked is taken; the rest is offered again and again

if TYPE_CHECKING:
    from device.his_link.link import Receiver

OnSaid = Callable[[str, Fields], None]
"""Told of every message of the box: the connection's name and the fields."""


class _End:
    """One end of a cable: what is written here comes out there, in the other's life."""

    def __init__(self, loop: VirtualLoop, context: contextvars.Context) -> None:
        self._loop = loop
        self.context = context
        """In which the *other* end's receiver runs."""
        self.receiver: Receiver | None = None
        self.other: _End
        self.open = True

    def write(self, data: bytes) -> None:
        if self.open:
            self._loop.call_later(DELAY_S, self._deliver, data, context=self.context.copy())

    def close(self) -> None:
        """Both ends hear of it."""
        for end in (self, self.other):
            if end.open:
                end.open = False
                self._loop.call_soon(end.told, context=end.other.context.copy())

    def _deliver(self, data: bytes) -> None:
        if self.other.open and self.other.receiver is not None:
            self.other.receiver.data_received(data)

    def told(self) -> None:
        """This end hears that the cable is gone."""
        if self.receiver is not None:
            self.receiver.closed()


class TellingClient(Client):
    """The real client; everything the box says is told before anybody acts on it."""

    def __init__(self, name: str, on_said: OnSaid, on_astray: OnSaid) -> None:
        super().__init__()
        self.name = name
        self._on_said = on_said
        self._on_astray = on_astray

    def on_message(self, seq: int, body: bytes) -> None:
        """Tell, then act."""
        message = json.loads(body)
        self._on_said(self.name, message)
        call = self._calls.named(message)
        answered = call and call.answer.done() and not call.answer.cancelled()
        if "re" in message and (call is None or answered):
            self._on_astray(self.name, message)
        super().on_message(seq, body)


def connect(loop: VirtualLoop, box: SimBox, client: TellingClient) -> "_End":
    """Lay a cable between a box that is up and a client; return the client's end."""
    world = contextvars.copy_context()
    ours, theirs = _End(loop, box.life.context), _End(loop, world)
    ours.other, theirs.other = theirs, ours
    ours.receiver = client
    client.attach(ours)
    box.call(_plug, box, theirs)
    return ours


def _plug(box: SimBox, end: _End) -> None:
    if box.ready and end.open:
        end.receiver = box.link.attach(end)
    else:
        end.close()


@dataclass(slots=True)
class Asked:
    """One charge as the HIS wants it."""

    his_id: str
    try_: int
    amount_fen: int
    fields: Fields = field(repr=False)


class His:
    """The hospital's program at one desk: a connection that is kept up, and what was heard."""

    def __init__(
        self,
        loop: VirtualLoop,
        stream: Stream,
        on_said: OnSaid,
        on_astray: OnSaid,
        name: str = "his",
    ) -> None:
        self._loop = loop
        self._stream = stream
        self._on_said = on_said
        self._on_astray = on_astray
        """Told of an answer to what was not asked on that connection."""
        self.name = name
        self._connections = 0
        self.client: TellingClient | None = None
        self._cable: _End | None = None
        self.newest: dict[str, Fields] = {}
        """Bill -> the newest result or refund_result heard."""

    def connected(self) -> bool:
        """Whether the box can be asked."""
        return self.client is not None and self.client.is_open

    def connect(self, box: SimBox) -> None:
        """Lay a new cable to a box that is up."""
        self._connections += 1
        self.client = TellingClient(f"{self.name}-{self._connections}", self._hear, self._on_astray)
        self._cable = connect(self._loop, box, self.client)

    def unplug(self) -> None:
        """Break the connection."""
        if self._cable is not None:
            self._cable.close()
        self._cable = None

    def vanish(self) -> None:
        """The HIS's machine loses its power: the box hears nothing more, not even a close."""
        if self._cable is not None and self.client is not None:
            self._cable.receiver = None
            self.client.closed()
        self._cable = None

    def _hear(self, name: str, message: Fields) -> None:
        self._on_said(name, message)
        if message.get("type") in {"result", "refund_result"}:
            name = f"{message.get('business_date', '')} {message['id']}".strip()
            held = self.newest.get(name)
            if held is None or held["revision"] <= message["revision"]:
                self.newest[name] = message
            if "re" not in message and self._stream.happens(TAKES_OFFERS):
                self.received(message)

    async def ask(self, type_: str, fields: Fields, timeout_s: float = 10.0) -> Fields | None:
        """Return the answer, None if none came."""
        if self.client is None or not self.client.is_open:
            return None
        try:
            return await self.client.request(type_, fields, timeout_s=timeout_s)
        except NoAnswer:
            return None

    def received(self, message: Fields) -> None:
        """Say that a result was taken."""
        if self.client is not None and message.get("revision"):
            told: Fields = {
                k: message[k] for k in ("id", "revision", "business_date") if k in message
            }
            self.client.post("received", told)
