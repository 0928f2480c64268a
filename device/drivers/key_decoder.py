"""Key codes of a keyboard scanner to characters, by table (host-links-and-scanners §2.3).

Raw key codes of the US layout: what layout the host believes in does not matter. Keys count when
they go down; repeats of a held key never count. Keypad digits are always digits.

A key that is stuck down gives no second key-down: a code would lack that digit. Scanners let one
key go before the next but one goes down, so a key that is held longer is told (`stuck`).
"""

from collections.abc import Iterable

UP, DOWN, REPEAT = 0, 1, 2  # values of an EV_KEY event
KEY_CAPSLOCK = 58
SHIFTS, ALTS, CTRLS = frozenset({42, 54}), frozenset({56, 100}), frozenset({29, 97})
HELD = SHIFTS | ALTS | CTRLS
LED_CAPSL = 1

_ROWS = (
    (2, "1234567890-=", "!@#$%^&*()_+"),
    (16, "qwertyuiop[]", "QWERTYUIOP{}"),
    (30, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
    (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
    (57, " ", " "),
)
PLAIN = {first + i: char for first, row, _ in _ROWS for i, char in enumerate(row)}
SHIFTED = {first + i: char for first, _, row in _ROWS for i, char in enumerate(row)}
KEYPAD_DIGITS = dict(
    zip((82, 79, 80, 81, 75, 76, 77, 71, 72, 73), "0123456789", strict=True)
)  # KEY_KP0, KP1 ...
SAME_ALWAYS = {
    **KEYPAD_DIGITS,
    28: "\r",  # KEY_ENTER
    96: "\r",  # KEY_KPENTER
    101: "\n",  # KEY_LINEFEED
    15: "\t",  # KEY_TAB
    55: "*",
    74: "-",
    78: "+",
    83: ".",
    98: "/",
}
UNREADABLE = "\ufffd"  # stands for a character that no code holds, so that the scan is refused
MOST_ALT_DIGITS = 4  # Alt with 0xxx


class KeyDecoder:
    """Modifier state of one keyboard."""

    def __init__(self) -> None:
        self._held: set[int] = set()
        self._down: set[int] = set()  # other keys that are down
        self._newest = 0
        self.stuck = False
        """Whether a key older than its predecessor was down when the newest key went down."""
        self._caps = False
        self._alt_digits = ""
        self._alt_since_s = 0.0

    def reset(self, held: Iterable[int], *, caps: bool) -> None:
        """Take the state the device reports: at opening, and after lost events."""
        self._down = set(held) - HELD
        self._held = set(HELD.intersection(held))
        self._caps = caps
        self._alt_digits = ""

    def key(self, code: int, value: int, at_s: float) -> tuple[str, float] | None:
        """Return a character and the time its first key went down, or None."""
        if value == REPEAT:
            return None
        if code in HELD:
            return self._modifier(code, value, at_s)
        if value == UP:
            self._down.discard(code)
            return None
        return self._pressed(code, at_s)

    def _pressed(self, code: int, at_s: float) -> tuple[str, float] | None:
        self.stuck = bool(self._down - {self._newest, code})
        self._down.add(code)
        self._newest = code
        if code == KEY_CAPSLOCK:
            self._caps = not self._caps
            return None
        char = self._alt_digit(code) if self._held & ALTS else self._char(code)
        return (char, at_s) if char else None

    def _alt_digit(self, code: int) -> str | None:
        """Collect a digit of ALT mode; other keys with Alt held, or a digit too many, spoil it."""
        digit = KEYPAD_DIGITS.get(code)
        if digit is None:
            return UNREADABLE
        if len(self._alt_digits) > MOST_ALT_DIGITS:
            return None
        self._alt_digits += digit
        return UNREADABLE if len(self._alt_digits) > MOST_ALT_DIGITS else None

    def _modifier(self, code: int, value: int, at_s: float) -> tuple[str, float] | None:
        if value == DOWN:
            self._held.add(code)
            if code in ALTS:
                self._alt_digits, self._alt_since_s = "", at_s
            return None
        self._held.discard(code)
        if code in ALTS and 0 < len(self._alt_digits) <= MOST_ALT_DIGITS:
            return self._alt_char(), self._alt_since_s
        return None

    def _alt_char(self) -> str:
        """ALT mode: Alt held, the decimal code typed on the keypad, Alt released."""
        char = chr(int(self._alt_digits))
        self._alt_digits = ""
        return char if char.isascii() and (char.isprintable() or char in "\r\n\t") else UNREADABLE

    def _char(self, code: int) -> str | None:
        if code in SAME_ALWAYS:
            return SAME_ALWAYS[code]
        plain = PLAIN.get(code)
        if plain is None:
            return None
        if self._held & CTRLS:
            return _control(plain)
        shift = bool(self._held & SHIFTS) != (self._caps and plain.isalpha())
        return SHIFTED[code] if shift else plain


def _control(plain: str) -> str:
    """Ctrl-M, Ctrl-J and Ctrl-I are how some scanners send CR, LF and Tab."""
    return {"m": "\r", "j": "\n", "i": "\t"}.get(plain, UNREADABLE)
