"""What goes over the HIS cable, cut into frames and signals (his-link §1).

Read for the page's console and for the headless stories: they take the last frame from here, apart
from what the HIS itself believes.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from simulators.demo.cable import Tap, Way

MAX_HELD_BYTES = 16384  # of one unfinished frame; the protocol allows 8192 (his-link §1)
MAX_KEPT_IDS = 4096  # newest answers by id; a demo desk has a few dozen

_PIECE = re.compile(
    rb"\x02(?P<seq>[0-9A-Fa-f]{2})(?P<body>[^\x02\x03]*)\x03[0-9A-Fa-f]{4}"
    rb"|(?P<ack>\x06[0-9A-Fa-f]{2})|(?P<nak>\x15[0-9A-Fa-f]{2})|(?P<enq>\x05)",
    re.DOTALL,
)
_UNFINISHED = re.compile(rb"\x02[^\x02]*\Z|[\x06\x15][0-9A-Fa-f]?\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame or control byte, as it went over the cable."""

    way: Way
    kind: str
    """frame | ack | nak | enq"""
    raw: bytes
    seq: str = ""
    body: bytes = b""

    @property
    def message(self) -> dict[str, object]:
        """The body as a JSON object; empty if it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


class Splitter:
    """Cuts a stream of bytes into what his-link §1 knows."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._rest = b""

    def feed(self, data: bytes) -> list[Seen]:
        """Return everything that is complete now."""
        text = self._rest + data
        seen = [self._seen(match) for match in _PIECE.finditer(text)]
        end = max((m.end() for m in _PIECE.finditer(text)), default=0)
        unfinished = _UNFINISHED.search(text, end)
        self._rest = unfinished[0][-MAX_HELD_BYTES:] if unfinished else b""
        return seen

    def _seen(self, match: re.Match[bytes]) -> Seen:
        kind = str(match.lastgroup)
        if kind == "body":
            return Seen(self._way, "frame", match[0], match["seq"].decode(), match["body"])
        return Seen(self._way, kind, match[0], match[0][1:].decode())


class HisTap:
    """Reads every connection of the HIS cable."""

    def __init__(self, on_seen: Callable[[Seen], None] = lambda _: None) -> None:
        self.answers: dict[str, dict[str, object]] = {}
        """The last answer that went to the HIS, by its id."""
        self._on_seen = on_seen

    def connection(self) -> Tap:
        """Return the reader of one new connection."""
        splitters = {way: Splitter(way) for way in Way}

        def read(way: Way, data: bytes) -> None:
            for seen in splitters[way].feed(data):
                self._note(seen)
                self._on_seen(seen)

        return read

    def _note(self, seen: Seen) -> None:
        message = seen.message
        if seen.way is Way.IN and message.get("type") in {"result", "refund_result", "error"}:
            self.answers[str(message.get("id", ""))] = message
            while len(self.answers) > MAX_KEPT_IDS:
                self.answers.pop(next(iter(self.answers)))
