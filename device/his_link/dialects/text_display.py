"""Text displays: CD5220, ESC/POS and LK822. The amount is somewhere in the text.

The screen is kept as the display would show it, two or four rows, and the site's `amount_pattern`
is looked for in it. A screen that shows no amount due any more means that none is due.
"""

import re

from device.domain.line import Meaning, Said, due
from device.his_link.dialects.commands import Command, Decoded, Splitter, Token, fen_of

COLUMNS = 40  # bytes a row: 20 characters of 2 bytes, or a display twice as wide
ROWS = 4

CLEAR, UPPER, LOWER, CURSOR, HOME, WIPE_ROW = (
    "清屏",
    "上行文字",
    "下行文字",
    "光标",
    "光标归位",
    "清行",
)
TORN_BEFORE, TORN_AFTER = re.compile(r"[0-9][.,]?\Z|-\Z"), re.compile(r"[.,]?[0-9]")
"""Around an amount: the pattern took a part of `1,250.00` or of `-3.50`."""

Table = tuple[Command, ...]

COMMON: Table = (
    Command(b"\x0c", CLEAR),
    Command(b"\x1b\x40", CLEAR),
    Command(b"\x0b", HOME),
    Command(b"\x18", WIPE_ROW),
)
CD5220: Table = (
    *COMMON,
    Command(b"\x1b\x51\x41", UPPER, until=b"\r", limit=COLUMNS),
    Command(b"\x1b\x51\x42", LOWER, until=b"\r", limit=COLUMNS),
    Command(b"\x1b\x51\x44", "滚动文字", until=b"\r", limit=COLUMNS),
    Command(b"\x1b\x75\x41", UPPER, until=b"\r", limit=COLUMNS),
    Command(b"\x1b\x75\x42", LOWER, until=b"\r", limit=COLUMNS),
    Command(b"\x1b\x6c", CURSOR, argument=2),
    Command(b"\x1b\x3d", "选择外设", argument=1),
    Command(b"\x1f", CLEAR),
)
"""Source: Epson CD5220 mode, Firich, UTC; `1F` is UTC standard's clear."""
ESCPOS: Table = (
    *COMMON,
    Command(b"\x1f\x24", CURSOR, argument=2),
    Command(b"\x1f\x40", "复位"),
    Command(b"\x1f\x43", "光标显示", argument=1),
    Command(b"\x1b\x3d", "选择外设", argument=1),
)
"""Source: Epson DM-D."""
LK822: Table = (
    *COMMON,
    Command(b"\x1b\x43\x4c\x52", CLEAR),
    Command(b"\x1b\x6c", CURSOR, argument=2),
)
"""Source: a large Chinese HIS, which drives it itself: GBK text in four rows."""


class TextDisplay:
    """The rows of the display, and the amount in them."""

    def __init__(self, table: Table, pattern: str, encoding: str) -> None:
        self._splitter = Splitter(table)
        self._pattern = re.compile(pattern) if pattern else None
        self._encoding = encoding
        self._rows = _blank()
        self._x = self._y = 0
        self._shown: Said | None = None

    def feed(self, data: bytes, now_s: float) -> list[Decoded]:
        """Return what is complete now; neighbouring text is one piece."""
        found: list[Decoded] = []
        text = b""
        for token in self._splitter.feed(data, now_s):
            if token.command is None:
                self._write(token.raw)
                text += token.raw
                continue
            found += self._piece(text)
            text = b""
            found.append(self._command(token))
        return found + self._piece(text)

    @property
    def text(self) -> str:
        """What the display shows, row by row."""
        rows = (bytes(row).decode(self._encoding, "replace").rstrip() for row in self._rows)
        return "\n".join(rows).rstrip()

    def _piece(self, raw: bytes) -> list[Decoded]:
        if not raw:
            return []
        text = raw.decode(self._encoding, "replace")
        return [Decoded(raw, "", self._amount(), text=text)]

    def _command(self, token: Token) -> Decoded:
        assert token.command
        name, argument = token.command.name, token.argument
        if name == CLEAR:
            self._rows, self._x, self._y, self._shown = _blank(), 0, 0, None
            return Decoded(token.raw, name, Said(Meaning.CLEAR))
        if name in {UPPER, LOWER}:
            self._rows[name == LOWER] = bytearray(argument.ljust(COLUMNS))
            text = argument.decode(self._encoding, "replace")
            return Decoded(token.raw, f"{name} {text.strip()}", self._amount(), text=text)
        if name == CURSOR:
            self._x, self._y = min(argument[0] or 1, COLUMNS) - 1, min(argument[1] or 1, ROWS) - 1
        elif name == HOME:
            self._x = self._y = 0
        elif name == WIPE_ROW:
            self._rows[self._y][:] = b" " * COLUMNS
            self._x = 0
            return Decoded(token.raw, name, self._amount())
        return Decoded(token.raw, name)

    def _write(self, raw: bytes) -> None:
        """Put one byte at the cursor; what leaves the last row begins at the first again."""
        if raw == b"\r":
            self._x = 0
        elif raw == b"\n":
            self._y = (self._y + 1) % ROWS
        elif raw == b"\b":
            self._x = max(0, self._x - 1)
        elif raw >= b" ":
            if self._x == COLUMNS:
                self._x, self._y = 0, (self._y + 1) % ROWS
            self._rows[self._y][self._x] = raw[0]
            self._x += 1

    def _amount(self) -> Said | None:
        """What the whole screen says now; None while it never showed an amount."""
        match = self._pattern.search(self.text) if self._pattern else None
        fen = _fen(match) if match else None
        if fen is None:
            was, self._shown = self._shown, None
            return Said(Meaning.NOTHING) if was or match else None
        self._shown = due(fen)
        return self._shown


def _fen(match: re.Match[str]) -> int | None:
    """Return the amount that was found; None if it is a part of a longer number, or negative."""
    start, end = match.span(match.lastindex or 0)
    text = match.string
    torn = TORN_BEFORE.search(text, 0, start) or TORN_AFTER.match(text, end)
    return None if torn else fen_of(text[start:end])


def _blank() -> list[bytearray]:
    return [bytearray(b" " * COLUMNS) for _ in range(ROWS)]
