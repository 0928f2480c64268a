"""One assembler for every scanner: characters with their times in, whole codes out. Pure.

Rules (host-links-and-scanners §2.1, §2.3, §2.5):
- CR, LF and Tab end a code; an empty code is nothing, so CR LF is one end.
- A keyboard scanner's code broken by a gap is thrown away: a scan is never glued to the remains of
  the last one.
- After an overrun of the kernel's buffer a *shortened* code ends in a proper Enter: everything up
  to and including the next end is thrown away.
- An AIM identifier (`]Q1`) in front is taken off.
- What is not letters and digits is no code. Which code it is, the domain decides.
"""

import re
from dataclasses import dataclass

TERMINATORS = frozenset("\r\n\t")
KEY_GAP_S = 0.25  # scanners pace keys at 8 to 50 ms; slower is a hand, or the next scan
SILENCE_S = 0.1  # ends a serial scan: at 1200 Bd a character takes 9 ms
REPEAT_S = 1.5  # a double trigger, or a scanner in presentation mode, reads one code twice
MOST_CHARS = 64  # payer codes have 16 to 24, medical codes 28, an identity number 18
AIM_PREFIX = re.compile(r"\][A-Za-z][0-9A-Za-z]")
CODE = re.compile(r"[0-9A-Za-z]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Scan:
    """A whole code; `first_s` is the monotonic time of its first key or byte."""

    text: str
    first_s: float

    def __repr__(self) -> str:
        """Leave the code out: it is as good as money for a minute (M19)."""
        return f"Scan({len(self.text)} characters)"


@dataclass(frozen=True, slots=True)
class Garbled:
    """A scan that was thrown away: `overrun`, `letters`, `too_long` or `unplugged`."""

    why: str


Result = Scan | Garbled | None


class ScanAssembler:
    """The buffer of one scanner. `gap_s` None: characters may come as slowly as they like."""

    def __init__(self, gap_s: float | None) -> None:
        self._gap_s = gap_s
        self._chars: list[str] = []
        self._first_s = self._last_s = 0.0
        self._spoiled = ""  # why everything up to the next end is thrown away
        self._repeat = 0  # of the last code given out: a salted hash, not the code
        self._repeat_until_s = 0.0

    @property
    def partial(self) -> bool:
        """Whether a code has begun and not ended."""
        return bool(self._chars or self._spoiled)

    def char(self, char: str, at_s: float) -> Result:
        """Take one character, with the monotonic time its key went down."""
        self._drop_after_gap(at_s)
        self._last_s = at_s
        if char in TERMINATORS:
            return self.end(at_s)
        if self._spoiled:
            return None
        if not self._chars:
            self._first_s = at_s
        self._chars.append(char)
        if len(self._chars) > MOST_CHARS + len("]Q1"):
            self._spoil("too_long")
        return None

    def end(self, at_s: float) -> Result:
        """Take the end of a code: a terminator, or silence on a serial line."""
        spoiled, text = self._spoiled, "".join(self._chars)
        self._reset()
        if spoiled:
            return Garbled(spoiled)
        if not text:
            return None
        return self._checked(AIM_PREFIX.sub("", text, count=1) if text[0] == "]" else text, at_s)

    def overrun(self) -> None:
        """Keys were lost: nothing is believed until the next end has passed."""
        self._spoil("overrun")

    def unplugged(self) -> Result:
        """Drop what has begun."""
        partial = self.partial
        self._reset()
        return Garbled("unplugged") if partial else None

    def _checked(self, text: str, at_s: float) -> Result:
        if len(text) > MOST_CHARS:
            return Garbled("too_long")
        if not CODE.fullmatch(text):
            return Garbled("letters")
        if hash(text) == self._repeat and self._first_s < self._repeat_until_s:
            return None
        self._repeat, self._repeat_until_s = hash(text), at_s + REPEAT_S
        return Scan(text, self._first_s)

    def _drop_after_gap(self, at_s: float) -> None:
        """An overrun outlasts a gap: the lost keys may be those that would have shown it."""
        late = self._gap_s is not None and at_s - self._last_s > self._gap_s
        if late and self._spoiled != "overrun":
            self._reset()

    def _spoil(self, why: str) -> None:
        self._reset()
        self._spoiled = why

    def _reset(self) -> None:
        self._chars.clear()
        self._spoiled = ""
