"""One assembler for every scanner: characters with their times in, whole codes out. Pure.

Rules (host-links-and-scanners §2.1, §2.3, §2.5):
- CR, LF and Tab end a code; an empty code is nothing, so CR LF is one end.
- A keyboard scanner that sends no end: a code that cannot go on (18 digits of WeChat) ends when no
  other key follows within 30 ms, one that could be whole ends after the longest pause between keys.
  Where a pause could also be a cut code, that is only believed of a scanner never seen to send an
  end.
- A keyboard scanner's code broken by a pause is thrown away: a scan is never glued to the remains
  of the last one. Pauses are counted from key-down to key-down, so a stuck key holds nothing up.
- After an overrun of the kernel's buffer a *shortened* code ends in a proper Enter: everything up
  to and including the next end is thrown away.
- An AIM identifier (`]Q1`) in front is taken off.
- What is not letters and digits is no code. Which code it is, the domain decides.
- What is thrown away is told once, at once.
"""

import re
from dataclasses import dataclass, field

from device.domain.payer_code import could_be_whole, is_full_length

TERMINATORS = {"\r": "CR", "\n": "LF", "\t": "Tab"}
KEY_GAP_S = 0.25  # scanners pace keys at 8 to 50 ms; slower is a hand, or the next scan
OVERRUN_GAP_S = 1.0  # the end of a scan may be among the lost keys: then a pause this long ends it
FULL_LENGTH_S = 0.03  # a key that follows a full-length code comes within this, or never
SLOWEST_PACE = 2.0  # times the widest pause of the same code, for scanners slower than that
SILENCE_S = 0.1  # ends a serial scan: at 1200 Bd a character takes 9 ms
REPEAT_S = 1.5  # a double trigger, or a scanner in presentation mode, reads one code twice
MOST_CHARS = 64  # payer codes have 16 to 24, medical codes 28, an identity number 18
AIM_PREFIX = re.compile(r"\][A-Za-z][0-9A-Za-z]")
CODE = re.compile(r"[0-9A-Za-z]+", re.ASCII)
SHIFTED_DIGITS = re.compile(r"[!@#$%^&*()]+")  # what a scanner set to a French keyboard sends


@dataclass(frozen=True, slots=True)
class Pace:
    """How the characters of one kind of scanner follow each other; seconds."""

    gap_s: float | None = None
    """A longer pause breaks a code; None: characters may come as slowly as they like."""
    silence_s: float | None = None
    """A pause that ends a code."""


KEYBOARD = Pace(gap_s=KEY_GAP_S)
SERIAL = Pace(silence_s=SILENCE_S)
WHOLE = Pace()  # lines and reports: the end is always said


@dataclass(frozen=True, slots=True)
class Scan:
    """A whole code; `first_s` is the monotonic time of its first key or byte."""

    text: str
    first_s: float
    last_s: float = field(default=0.0, compare=False)
    """The time of its last key or byte, the terminator included."""
    ended_by: str = field(default="", compare=False)
    """`CR`, `LF`, `Tab`, `length`, `silence` or `report`; for the technician."""

    def __repr__(self) -> str:
        """Leave the code out: it is as good as money for a minute (M19)."""
        return f"Scan({len(self.text)} characters)"


@dataclass(frozen=True, slots=True)
class Garbled:
    """A scan that was thrown away.

    `overrun`, `cut` (a pause), `letters`, `layout`, `stuck`, `too_long` or `unplugged`.
    """

    why: str


Result = Scan | Garbled | None


class ScanAssembler:
    """The buffer of one scanner."""

    def __init__(self, pace: Pace, most_chars: int = MOST_CHARS) -> None:
        self._pace = pace
        self._most_chars = most_chars
        self._chars: list[str] = []
        self._first_s = self._last_s = self._widest_s = 0.0
        self._spoiled = ""  # why everything up to the next end is thrown away
        self._sends_ends = False
        self._repeat = 0  # of the last code given out: a salted hash, not the code
        self._repeat_until_s = 0.0

    @property
    def deadline_s(self) -> float | None:
        """When what has begun ends by itself, unless `char` or `end` comes before."""
        if not self._chars and not self._spoiled:
            return None
        wait_s = self._pace.silence_s or self._patience_s()
        return None if wait_s is None else self._last_s + wait_s

    def char(self, char: str, at_s: float) -> Result:
        """Take one character, with the monotonic time its key went down."""
        broken = self._break_after_pause(at_s)
        if self._chars:
            self._widest_s = max(self._widest_s, at_s - self._last_s)
        self._last_s = at_s
        if char not in TERMINATORS:
            return self._append(char, at_s) or broken
        self._sends_ends = True
        return self.end(at_s, TERMINATORS[char]) or broken

    def end(self, at_s: float, by: str) -> Result:
        """Take the end of a code: a terminator, silence on a serial line, the end of a report."""
        spoiled, text = self._spoiled, "".join(self._chars)
        self._reset()
        if spoiled or not text:
            return None
        text = AIM_PREFIX.sub("", text, count=1) if text[0] == "]" else text
        return self._checked(text, at_s, by)

    def expire(self, at_s: float) -> Result:
        """Take that `deadline_s` has passed."""
        deadline_s = self.deadline_s
        if deadline_s is None or at_s < deadline_s:
            return None
        if self._pace.silence_s:
            return self.end(self._last_s, "silence")
        if self._spoiled:
            self._reset()
            return None
        if not self._ends_by_length():
            self._reset()
            return Garbled("cut")
        result = self.end(self._last_s, "length")
        self._spoiled = "tail"  # what follows after all belongs to this code, not to the next
        return result

    def overrun(self, at_s: float) -> Result:
        """Keys were lost: nothing is believed until the next end has passed."""
        self._last_s = at_s
        return self.spoil("overrun")

    def spoil(self, why: str) -> Result:
        """Throw away what has begun and everything up to the next end."""
        told = self._spoiled
        self._reset()
        self._spoiled = "overrun" if told == "overrun" else why
        return None if told else Garbled(why)

    def unplugged(self) -> Result:
        """Drop what has begun, and forget what this scanner was like."""
        partial = bool(self._chars)
        self._reset()
        self._sends_ends = False
        return Garbled("unplugged") if partial else None

    def _append(self, char: str, at_s: float) -> Result:
        if self._spoiled:
            return None
        if not self._chars:
            self._first_s = at_s
        self._chars.append(char)
        if len(self._chars) > self._most_chars + len("]Q1"):
            return self.spoil("too_long")
        return None

    def _checked(self, text: str, at_s: float, by: str) -> Result:
        if len(text) > self._most_chars:
            return Garbled("too_long")
        if not CODE.fullmatch(text):
            return Garbled("layout" if SHIFTED_DIGITS.fullmatch(text) else "letters")
        if hash(text) == self._repeat and self._first_s < self._repeat_until_s:
            return None
        self._repeat, self._repeat_until_s = hash(text), at_s + REPEAT_S
        return Scan(text, self._first_s, at_s, by)

    def _patience_s(self) -> float | None:
        """How long a keyboard scanner is waited for after its last key."""
        if self._pace.gap_s is None:
            return None
        if self._spoiled:
            return OVERRUN_GAP_S if self._spoiled == "overrun" else self._pace.gap_s
        if is_full_length(self._text()):
            return min(max(FULL_LENGTH_S, SLOWEST_PACE * self._widest_s), self._pace.gap_s)
        return self._pace.gap_s

    def _ends_by_length(self) -> bool:
        text = self._text()
        return is_full_length(text) or (could_be_whole(text) and not self._sends_ends)

    def _text(self) -> str:
        return AIM_PREFIX.sub("", "".join(self._chars), count=1)

    def _break_after_pause(self, at_s: float) -> Result:
        """A key after the deadline is not of this code, also where no timer came in between."""
        gap_s, deadline_s = self._pace.gap_s, self.deadline_s
        if gap_s is None or deadline_s is None or at_s <= deadline_s:
            return None
        result = self.expire(at_s)
        if at_s - self._last_s > gap_s and self._spoiled == "tail":
            self._reset()
        return result

    def _reset(self) -> None:
        self._chars.clear()
        self._spoiled = ""
        self._widest_s = 0.0
