"""A JSON body: bytes to fields and back, strictly (his-link §2).

What does not decode is marked, not lost at once: each piece becomes a lone surrogate, which no
decodable text holds, so that names may be forgiven and keys refused (`BROKEN`).
"""

import codecs
import json
import re
from typing import Any, Final, NoReturn

from device.errors import PeerError
from device.his_link import frames

ENCODINGS = {"utf-8": "utf-8", "gbk": "gb18030"}
"""The configured word to Python's codec: sites say GBK and mean GB18030."""
MAX_DEPTH = 8  # our messages use three; a thousand would be an attack on the parser
MAX_INT_CHARS = 18  # below 2**63; no number of the contract comes near

BROKEN = re.compile("[\ud800-\udfff\x00-\x1f\x7f]")
"""What no text of a message may hold: pieces that did not decode, escaped control characters."""
FORGIVEN = frozenset({"title", "patient_name", "text", "reason"})
"""Texts for people: what is broken in them becomes U+FFFD. Elsewhere it is `bad_message`."""

_MARK: Final = "\udcff"


class BadBody(PeerError):
    """The body is not one JSON object as the contract wants it."""


class Inexact:
    """Stands for a number with fraction or exponent, or far too long: no field accepts it."""


def parse(body: bytes, encoding: str) -> dict[str, Any]:
    """Return what the HIS sent; BadBody if it is none. `encoding` is `utf-8` or `gbk`."""
    if frames.has_forbidden(body):
        raise BadBody("control character in the body")
    message = _loaded(body.decode(ENCODINGS[encoding], errors="paybox-mark"))
    for name in FORGIVEN & message.keys():
        if isinstance(message[name], str):
            message[name] = BROKEN.sub("\ufffd", message[name])
    _check(message, MAX_DEPTH)
    return message


def read(body: bytes, encoding: str) -> dict[str, Any]:
    """Return what the box sent, as a HIS reads it: any JSON object will do."""
    return _loaded(body.decode(ENCODINGS[encoding], errors="replace"))


def encode(message: dict[str, Any], encoding: str) -> bytes:
    """Return the canonical body: no blanks, characters as themselves."""
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    return text.encode(ENCODINGS[encoding], errors="replace")


def _loaded(text: str) -> dict[str, Any]:
    try:
        message = json.loads(
            text,
            parse_float=_inexact,
            parse_int=_integer,
            parse_constant=_refuse_constant,
            object_pairs_hook=_distinct,
        )
    except (ValueError, RecursionError):
        raise BadBody("not JSON") from None
    if not isinstance(message, dict):
        raise BadBody("not a JSON object")
    return message


def _mark(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return _MARK, error.end


codecs.register_error("paybox-mark", _mark)


def _inexact(_: str) -> Inexact:
    return Inexact()


def _integer(text: str) -> int | Inexact:
    return int(text) if len(text) <= MAX_INT_CHARS else Inexact()


def _refuse_constant(name: str) -> NoReturn:
    raise BadBody(f"{name} is not JSON")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadBody("a key stands twice")
    return fields


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
