"""The voice price announcer (语音报价器): strings such as `12.34J`, phrases, text rows.

Nothing on the wire says where a string ends but the letter itself, so a phrase code followed at
once by digits (`D1` then `2.34J`, or `D` then `12.34J`) is ambiguous: such an amount is not taken,
unless a pause or a terminator parted them. Nor is a number that follows bytes that nobody knows:
its first digits may be among them. Source of the strings: two large Chinese HIS.
"""

import re

from device.domain.line import Meaning, Said, due
from device.his_link.dialects.commands import SILENCE_S, Decoded, fen_of

LONGEST = 120  # bytes of one string: a text row with a name and an amount
PAUSE_S = 0.05  # between two calls of the vendor's DLL; inside a string a byte takes 1 ms

ROWS: tuple[tuple[bytes, bytes, str], ...] = (
    (b"&", b"$", "文字行"),
    (b"#", b"#", "文字"),
)
"""How a text row begins and ends. Its name may be a patient's: it is not shown."""

AMOUNTS = {
    "J": ("请付款", Meaning.DUE),
    "_P": ("请付款", Meaning.DUE),
    "Y": ("收您", Meaning.CASH),
    "_k": ("收您", Meaning.CASH),
    "Z": ("找零", Meaning.CASH),
    "_b": ("找零", Meaning.CASH),
    "G": ("退费", Meaning.NOTHING),
    "D1P": ("应收现金", Meaning.DUE),
    "E7P": ("补交", Meaning.DUE),
    "D2P": ("实收", Meaning.CASH),
    "EDP": ("退款", Meaning.NOTHING),
    "E1P": ("总费用", None),
    "E5P": ("总预交", None),
    "EBP": ("医保支付", None),
    "P": ("金额", None),
}
"""By what stands around the number: what is spoken, and what it means for the amount due."""

PHRASES = {
    "W": ("您好请稍等", Meaning.CLEAR),
    "F": ("复位", Meaning.CLEAR),
    "*": ("清屏", Meaning.CLEAR),
    "X": ("谢谢", None),
    "D": ("请当面点清", Meaning.CASH),
    "!": ("换行", None),
    **dict.fromkeys(("D1", "D2", "D5", "E1", "E5", "E7", "EB", "ED"), ("提示语", None)),
    **dict.fromkeys("abcdefghijklmnopqrstuvwx", ("提示语", None)),
    **dict.fromkeys(("$1", "$2", "$3"), ("选择行", None)),
}

CLEAR_ROW = b"&Sc$"
NUMBER = r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
AMOUNT = re.compile(rf"(?P<phrase>[DE][0-9A-F])?(?P<number>{NUMBER})(?P<letter>_[Pkb]|[JYZGP])")
UNFINISHED = re.compile(r"(?:D|E|\$|(?:[DE][0-9A-F])?-?[0-9]*\.?[0-9]*_?)")
"""What may still become an amount or a longer phrase."""
UNREADABLE = re.compile(r"[0-9][0-9.E+-]*(?:_[Pkb]|[JYZGP])")


class Announcer:
    """Cuts the stream into strings."""

    def __init__(self, terminator: bytes = b"", encoding: str = "gbk") -> None:
        self._ends = frozenset(b"\r\n\x00 \t" + terminator)
        self._encoding = encoding
        self._rest = b""
        self._fed_s = 0.0
        self._phrase = ""
        """A phrase that came by itself just before: it says what a `P` amount is."""
        self._torn = True
        """The bytes just before were not understood: a number may have lost its beginning."""

    def feed(self, data: bytes, now_s: float) -> list[Decoded]:
        """Return what is complete now. A pause ends a phrase that might have gone on."""
        found: list[Decoded] = []
        silent_s = now_s - self._fed_s
        whole = self._rest.decode("latin-1") in PHRASES
        if silent_s > SILENCE_S or (whole and silent_s > PAUSE_S):
            found += self._flush()
        if data and silent_s > PAUSE_S and not self._rest:
            self._torn = False
        self._fed_s = now_s
        for byte in data:
            found += self._take(bytes([byte]))
        return found

    def _take(self, byte: bytes) -> list[Decoded]:
        if byte[0] in self._ends:
            found = self._flush()
            self._torn = False
            return found
        self._rest += byte
        row = next((r for r in ROWS if self._rest.startswith(r[0])), None)
        if row:
            return self._row(row)
        text = self._rest.decode("latin-1")
        amount = AMOUNT.fullmatch(text)
        if amount:
            return [self._amount(amount)]
        if UNREADABLE.fullmatch(text):
            return [self._emit("", Said(Meaning.NOTHING))]
        if UNFINISHED.fullmatch(text):
            return []
        return self._phrase_or_skip(text)

    def _row(self, row: tuple[bytes, bytes, str]) -> list[Decoded]:
        begin, end, name = row
        if self._rest == CLEAR_ROW:
            return [self._emit("清屏", Said(Meaning.CLEAR))]
        if len(self._rest) > len(begin) and self._rest.endswith(end):
            return [self._emit(name)]
        return self._flush() if len(self._rest) > LONGEST else []

    def _amount(self, match: re.Match[str]) -> Decoded:
        phrase, letter = match["phrase"] or "", match["letter"]
        if self._torn or (phrase and letter != "P"):
            return self._emit("", Said(Meaning.NOTHING))
        about = phrase or (self._phrase if letter == "P" else "")
        name, meaning = AMOUNTS.get(about + letter, AMOUNTS["P"])
        fen = fen_of(match["number"])
        if fen is None:
            return self._emit("", Said(Meaning.NOTHING))
        said = due(fen) if meaning is Meaning.DUE else Said(meaning) if meaning else None
        return self._emit(f"{name} {match['number']}", said)

    def _phrase_or_skip(self, text: str) -> list[Decoded]:
        """The longest phrase at the beginning; else its first byte is nobody's."""
        length = next((n for n in (2, 1) if text[:n] in PHRASES), 0)
        raw, self._rest = self._rest[: length or 1], self._rest[length or 1 :]
        found = [self._known(text[:length], raw)]
        rest, self._rest = self._rest, b""
        for byte in rest:
            found += self._take(bytes([byte]))
        return found

    def _flush(self) -> list[Decoded]:
        """What waits is over: a phrase, or bytes that nobody knows."""
        raw, self._rest = self._rest, b""
        return [self._known(raw.decode("latin-1"), raw)] if raw else []

    def _known(self, text: str, raw: bytes) -> Decoded:
        """Name a phrase; what is none tears the stream."""
        name, meaning = PHRASES.get(text, ("", None))
        self._torn, self._phrase = not name, text if name else ""
        return Decoded(raw, f"{name} {text}" if name else "", Said(meaning) if meaning else None)

    def _emit(self, name: str, said: Said | None = None) -> Decoded:
        raw, self._rest, self._phrase, self._torn = self._rest, b"", "", False
        return Decoded(raw, name, said, text=raw.decode(self._encoding, "replace"))
