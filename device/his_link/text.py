"""A body's bytes as text, and what no text of a message may hold (his-link §2).

What does not decode is marked, not lost at once: each piece becomes a character that no text has,
so that names may be forgiven and keys refused (`BROKEN`).
"""

import codecs
import re
from typing import Any, Final

from device.errors import PeerError

ENCODINGS = {"utf-8": "utf-8", "gbk": "gb18030"}
"""The configured word to Python's codec: sites say GBK and mean GB18030."""
MAX_DEPTH = 8  # our messages use three; a thousand would be an attack on the parser
MAX_INT_CHARS = 18  # below 2**63; no number of the contract comes near

FORGIVEN = frozenset({"title", "patient_name", "text", "reason"})
"""Texts for people: what is broken in them becomes U+FFFD. Elsewhere it is `bad_message`."""

_MARK: Final = "\U0010ffff"  # the last code point, a noncharacter for ever; XML may hold it
BROKEN = re.compile(f"[\ud800-\udfff{_MARK}\x00-\x1f\x7f]")
"""What no text of a message may hold: pieces that did not decode, escaped control characters."""


LINE_END = re.compile("\r\n|\r|\n")


class BadBody(PeerError):
    """The body is no message in either form as the contract wants it."""


def decode(body: bytes, encoding: str) -> str:
    """Return the text; each piece that does not decode is one mark."""
    return body.decode(ENCODINGS[encoding], errors="paybox-mark")


def checked(message: dict[str, Any]) -> dict[str, Any]:
    """Return the message with forgiven texts mended; BadBody if another text is broken.

    The lines of `text` (of `show`) may be broken by any line end: it becomes U+2028, which is no
    control character.
    """
    if isinstance(message.get("text"), str):
        message["text"] = LINE_END.sub("\u2028", message["text"])
    for name in FORGIVEN & message.keys():
        if isinstance(message[name], str):
            message[name] = BROKEN.sub("\ufffd", message[name])
    _check(message, MAX_DEPTH)
    return message


def _mark(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return _MARK, error.end


codecs.register_error("paybox-mark", _mark)


def _check(value: object, depth: int) -> None:
    """Refuse broken text and deep nesting anywhere, unknown fields too."""
    if isinstance(value, str):
        if BROKEN.search(value):
            raise BadBody("text that does not decode")
    elif isinstance(value, dict | list):
        if not depth:
            raise BadBody("nested too deeply")
        inner = [*value, *value.values()] if isinstance(value, dict) else value
        for item in inner:
            _check(item, depth - 1)
