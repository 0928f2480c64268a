"""Split a stream into commands by a table: a prefix of bytes, then an argument.

A byte that begins no command is text. A command that breaks off is given up after a second of
silence; one whose argument grows too long, at once: its first byte is then skipped, and what
follows is looked at afresh.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from device.domain.line import Said
from device.domain.money import parse_yuan

SILENCE_S = 1.0  # a program writes a command in one go; 20 bytes take 0.7 s at 300 baud


@dataclass(frozen=True, slots=True)
class Command:
    """One line of a table: what it begins with, what belongs to it, what it is called."""

    prefix: bytes
    name: str
    argument: int = 0
    """Bytes that follow the prefix."""
    until: bytes = b""
    """Or: everything up to this byte, at most `limit` bytes."""
    limit: int = 64


@dataclass(frozen=True, slots=True)
class Decoded:
    """Bytes that were understood: what they are, and what they mean, if anything."""

    raw: bytes
    name: str
    """In Chinese, for `paybox tap`; empty = plain text or bytes that nobody knows."""
    said: Said | None = None
    baudrate: int | None = None
    """The program asks the display to go on at this rate."""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """A command with its argument, or one byte of text (`command` None)."""

    raw: bytes
    command: Command | None
    argument: bytes = b""


class Splitter:
    """Cuts the stream into tokens; keeps at most one unfinished command."""

    def __init__(self, table: Sequence[Command]) -> None:
        self._table = sorted(table, key=lambda c: -len(c.prefix))
        self._rest = b""
        self._fed_s = 0.0

    def feed(self, data: bytes, now_s: float) -> Iterator[Token]:
        """Yield what is complete."""
        if self._rest and now_s - self._fed_s > SILENCE_S:
            self._rest = b""
        self._fed_s = now_s
        self._rest += data
        while self._rest:
            token = self._next()
            if token is None:
                return
            self._rest = self._rest[len(token.raw) :]
            yield token

    def _next(self) -> Token | None:
        """Return what the rest begins with; None while it may still become a command."""
        rest = self._rest
        for command in self._table:
            if rest.startswith(command.prefix):
                end = _end(command, rest)
                if end is None:
                    return None
                if end:
                    argument = rest[len(command.prefix) : end - len(command.until)]
                    return Token(rest[:end], command, argument)
            elif command.prefix.startswith(rest):
                return None
        return Token(rest[:1], None)


def _end(command: Command, rest: bytes) -> int | None:
    """Where the command ends; None = not here yet, 0 = it is none."""
    start = len(command.prefix)
    if not command.until:
        end = start + command.argument
        return end if len(rest) >= end else None
    found = rest.find(command.until, start, start + command.limit + 1)
    if found >= 0:
        return found + len(command.until)
    return None if len(rest) <= start + command.limit else 0


def fen_of(text: str) -> int | None:
    """Return fen of yuan as programs print them (`12`, `12.5`, `1,234.56`, `-3.00`, `.5`).

    None for an exponent, more than two decimals, or anything else: a wrong guess is money.
    """
    plain = text.strip().replace(",", "")
    sign, plain = (-1, plain[1:]) if plain.startswith("-") else (1, plain)
    whole, point, cents = plain.partition(".")
    plain = (whole.lstrip("0") or "0") + (point + cents if cents else "")
    if not whole and not cents:
        return None
    try:
        return sign * parse_yuan(plain)
    except ValueError:
        return None
