"""One end of one connection, fed with bytes, messages and time. No I/O."""

from device.his_link.frames import Decoder
from device.his_link.session.model import (
    Deliver,
    Effect,
    Effects,
    Event,
    Line,
    Message,
    Now,
    Phase,
    Probe,
    Reseal,
    Seal,
    Send,
    State,
    Tick,
)
from device.his_link.session.rules import step

SILENT_AFTER_S = 10.0  # unanswered ENQs make a peer silent (his-link §3.12)


class Session:
    """One end of one connection: bytes, messages and time in, effects out."""

    def __init__(self, line: Line) -> None:
        self.state = State(line)
        self._decoder = Decoder(line.body_limit)

    def receive(self, data: bytes, now_s: float) -> Effects:
        """Take bytes from the line. A chunk is acknowledged whole before any of it is worked on."""
        effects: list[Effect] = []
        for event in self._decoder.feed(data, now_s):
            effects += self._step(event, now_s)
        return tuple(sorted(effects, key=_is_delivery))

    def send(self, messages: tuple[Message, ...], now_s: float) -> Effects:
        """Queue messages; dropped whole while the line is down. Too much waiting closes TCP."""
        return self._step(Send(messages), now_s)

    def reseal(self, seal: Seal, now_s: float) -> Effects:
        """Seal what leaves from here on with this."""
        return self._step(Reseal(seal), now_s)

    def tick(self, now_s: float) -> Effects:
        """Let time pass."""
        return self._step(Tick(), now_s)

    def probe(self, now_s: float) -> Effects:
        """Ask whether the peer is there."""
        return self._step(Probe(), now_s)

    def silent(self, now_s: float) -> bool:
        """Whether the peer has left every ENQ of the last ten seconds unanswered."""
        asked = self.state.asked_at_s
        return asked is not None and now_s - asked >= SILENT_AFTER_S

    def wake_at_s(self, now_s: float) -> float | None:
        """When `tick` is due, None = never. Until then only bytes or messages change anything."""
        if self.state.phase is Phase.DOWN:
            return self.state.enq_at_s
        if self.state.out is None:
            return None
        if self._decoder.receiving(now_s):
            return self._decoder.silent_at
        return now_s + self.state.out.ack_by_s - self._now(now_s).calm_s

    def _now(self, now_s: float) -> Now:
        return Now(now_s, now_s - self._decoder.frames_s(now_s))

    def _step(self, event: Event, now_s: float) -> Effects:
        self.state, effects = step(self.state, event, self._now(now_s))
        return effects


def _is_delivery(effect: Effect) -> bool:
    return isinstance(effect, Deliver)
