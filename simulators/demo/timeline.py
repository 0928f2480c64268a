"""The way of one payment, as arrows between four lanes with milliseconds since it began."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import IntEnum

MAX_ENTRIES = 150  # of one payment; a payer who thinks for a minute makes about sixty


class Lane(IntEnum):
    """Who stands where, from the left."""

    HIS = 1
    BOX = 2
    PHONE = 3
    PROVIDER = 4


@dataclass(frozen=True, slots=True)
class Entry:
    """One arrow, or a note if both ends are the same lane. `tone`: ok, bad, wait or empty."""

    ms: int
    origin: Lane
    target: Lane
    text: str
    tone: str = ""


class Timeline:
    """Collects entries; `on_change` after each."""

    def __init__(
        self, on_change: Callable[[], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._on_change = on_change
        self._now = now
        self._began = now()
        self._entries: list[Entry] = []

    def begin(self) -> None:
        """Start over: the next entry is at 0 ms."""
        self._began = self._now()
        self._entries.clear()
        self._on_change()

    def add(self, origin: Lane, target: Lane, text: str, tone: str = "") -> None:
        """Write down what happened now."""
        if len(self._entries) == MAX_ENTRIES:
            del self._entries[1]  # the first one shows how it began
        ms = round((self._now() - self._began) * 1000)
        self._entries.append(Entry(ms, origin, target, text, tone))
        self._on_change()

    def section(self) -> dict[str, object]:
        """Everything, ready for JSON."""
        return {"entries": [asdict(entry) for entry in self._entries]}
