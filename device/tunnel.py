"""Whether anything comes back through the VPN.

A tunnel has no carrier: its interface stays up when the other end is gone. But the connections to
the providers are kept alive by the kernel, a packet a second each and as many answers
(`channels.http`); so when packets leave and none came in since the look before, the tunnel is down.
It stays down until something comes. Nothing is sent for this, and nobody is woken.
"""

from dataclasses import dataclass
from pathlib import Path

LEAST_SENT = 2  # in two intervals; one alone may be WireGuard's own keepalive, without an answer


@dataclass(frozen=True, slots=True)
class Counters:
    """Packets of an interface since it was made."""

    received: int
    sent: int


class Tunnel:
    """Watches one interface's counters; `look` at even intervals."""

    def __init__(self, interface: str, interfaces: Path) -> None:
        folder = interfaces / interface / "statistics"
        self._files = folder / "rx_packets", folder / "tx_packets"
        self._last: Counters | None = None
        self._before: Counters | None = None
        """The look before the last."""
        self.silent = False

    def look(self) -> None:
        """Compare with the look before; an interface that is made anew begins anew."""
        now, last, before = self._read(), self._last, self._before
        self._last, self._before = now, last
        if now is None or last is None or now.received != last.received:
            self.silent = False
        elif now.sent > last.sent and now.sent - (before or last).sent >= LEAST_SENT:
            self.silent = True

    def _read(self) -> Counters | None:
        try:
            received, sent = (int(file.read_text()) for file in self._files)
        except (OSError, ValueError):
            return None
        return Counters(received, sent)
