"""LED8N and its kin: eight digits and four lamps (单价 总计 收款 找零).

The lamp says what the number is, and comes before it or after it. Both are known in practice, and a
burst of bytes shows which: it begins with a lamp or with a number. A lamp that comes alone, long
after a number, never makes that number an amount due.
"""

from device.domain.line import Meaning, Said, due
from device.his_link.dialects.commands import Command, Decoded, Splitter, Token, fen_of

BURST_S = 1.0  # one redraw is shorter than this even at 300 baud, two are further apart

CLEAR, NUMBER, LAMP, LAMPS, BAUD = "清屏", "数字", "指示灯", "指示灯组", "切换波特率"

TABLE = (
    Command(b"\x1b\x40", CLEAR),
    Command(b"\x0c", CLEAR),
    Command(b"\x18", CLEAR),
    Command(b"\x1b\x51\x41", NUMBER, until=b"\r", limit=16),
    *(
        Command(lamp + b"\x1b\x51\x41", NUMBER, until=b"\r", limit=16)
        for lamp in (b"1", b"2", b"3", b"4")
    ),
    Command(b"\x1b\x73", LAMP, argument=1),
    Command(b"\x02\x4c", LAMPS, argument=4),
    Command(b"\x02\x42", BAUD, argument=1),
    Command(b"\x02\x4d", "开钱箱"),
    Command(b"\x1f\x50", "致谢灯", argument=1),
    Command(b"\x0d", "光标复位"),
)
"""Source: LED8N manual; the bare `1`..`4` before ESC Q A: Ejeton VFD8C; `1F 50`: Wintec CD110."""

LAMP_NAMES = ("灭", "单价", "总计", "收款", "找零")
TOTAL, COLLECT, CHANGE = 2, 3, 4
RATES = {b"0": 9600, b"1": 4800, b"2": 2400, b"3": 1200, b"4": 600, b"5": 300}


class Led8n:
    """Pairs lamps with numbers."""

    def __init__(self) -> None:
        self._splitter = Splitter(TABLE)
        self._lamp = 0
        self._number: Said | None = None
        """What the number of this burst would mean under the lamp 总计."""
        self._lamp_first = False
        self._token_s = -BURST_S

    def feed(self, data: bytes, now_s: float) -> list[Decoded]:
        """Return what is complete now."""
        return [self._decode(token, now_s) for token in self._splitter.feed(data, now_s)]

    def _decode(self, token: Token, now_s: float) -> Decoded:
        kind = token.command.name if token.command else ""
        if kind == CLEAR:
            self._number = None
            return Decoded(token.raw, kind, Said(Meaning.CLEAR))
        if kind == BAUD:
            return Decoded(token.raw, kind, baudrate=RATES.get(token.argument))
        if kind in {LAMP, LAMPS}:
            return self._on_lamp(token, kind, now_s)
        if kind == NUMBER:
            return self._on_number(token, now_s)
        return Decoded(token.raw, kind, text="" if kind else token.raw.decode("latin-1"))

    def _on_lamp(self, token: Token, kind: str, now_s: float) -> Decoded:
        lamp = _lamp(token.argument) if kind == LAMP else _lamps(token.argument)
        if lamp is None:
            return Decoded(token.raw, "")
        self._begin(now_s, lamp_first=True)
        self._lamp = lamp
        return Decoded(token.raw, f"{kind} {LAMP_NAMES[lamp]}", self._lit())

    def _lit(self) -> Said | None:
        if self._lamp in {COLLECT, CHANGE}:
            return Said(Meaning.CASH)
        return self._number if self._lamp == TOTAL and not self._lamp_first else None

    def _on_number(self, token: Token, now_s: float) -> Decoded:
        assert token.command
        bare = _lamp(token.command.prefix[:1])  # b"\x1b" is none
        self._begin(now_s, lamp_first=bare is not None)
        self._lamp = self._lamp if bare is None else bare
        text = token.argument.decode("latin-1")
        fen = fen_of(text)
        self._number = Said(Meaning.NOTHING) if fen is None else due(fen)
        said = {TOTAL: self._number, COLLECT: Said(Meaning.CASH), CHANGE: Said(Meaning.CASH)}
        name = f"{NUMBER} {text}" if fen is not None else ""
        return Decoded(token.raw, name, said.get(self._lamp), text=text)

    def _begin(self, now_s: float, *, lamp_first: bool) -> None:
        """Note the time; a burst begins after silence, and forgets the number before it."""
        if now_s - self._token_s > BURST_S:
            self._lamp_first, self._number = lamp_first, None
        self._token_s = now_s


def _lamp(argument: bytes) -> int | None:
    """Return the lamp of one byte, `0`..`4` or 00..04; None for any other."""
    value = argument[0]
    value = value - ord("0") if value >= ord("0") else value
    return value if value < len(LAMP_NAMES) else None


def _lamps(argument: bytes) -> int | None:
    """Return the lamp of four digits (price, total, collect, change): the last one that is lit.

    None for anything but `0` and `1`: what is not understood lights nothing.
    """
    if set(argument) - set(b"01"):
        return None
    return argument.rfind(b"1") + 1
