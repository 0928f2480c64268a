"""The answer's envelope: which bytes are signed, and the object that those very bytes hold.

    {"alipay_trade_pay_response":{...},"alipay_cert_sn":"...","sign":"..."}

The signature is over the raw text of the node, byte for byte (alipay.md §3): parsed and written
again it would not verify. So the top level is walked by hand, each value's end told by the JSON
scanner itself, and only the object parsed from the verified text is handed on. Any name given
twice, at any depth, and any second node make the whole answer worthless.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from device.errors import BadAnswer

ERROR_NODE = "error_response"
BLANKS = " \t\r\n"

Verify = Callable[[bytes, str], bool]


@dataclass(frozen=True, slots=True)
class Envelope:
    """An answer cut into its parts; nothing in it is verified yet."""

    node_text: str
    signature: str
    cert_sn: str


class UnsignedAnswer(BadAnswer):
    """The answer has no signature, or a wrong one; what it says is for the technician only."""

    def __init__(self, said: str) -> None:
        super().__init__("missing or wrong signature")
        self.said = said


def cut(body: bytes, node: str) -> Envelope:
    """Cut an answer to the method whose root is `node`; BadAnswer for any other shape."""
    try:
        text = body.decode("utf-8")
        values = _top_level(text)
    except (ValueError, RecursionError):
        raise BadAnswer("not JSON") from None
    roots = [name for name in values if name.endswith("_response")]
    if len(roots) != 1 or roots[0] not in (node, ERROR_NODE):
        raise BadAnswer("not one answer node")
    return Envelope(values[roots[0]], _word(values, "sign"), _word(values, "alipay_cert_sn"))


def opened(envelope: Envelope, verify: Verify) -> dict[str, Any]:
    r"""Return the object in the node if the signature is over its text; UnsignedAnswer if not.

    The official SDK tries once more with `\/` read as `/`, since some gateways sign before they
    escape; then the object is parsed from that text too.
    """
    text = envelope.node_text
    for signed in dict.fromkeys((text, text.replace("\\/", "/"))):
        if envelope.signature and verify(signed.encode(), envelope.signature):
            return _object(signed)
    raise unproven(envelope)


def unproven(envelope: Envelope) -> UnsignedAnswer:
    """Return the fault of an answer that is not proven, with what it says for the technician."""
    try:
        node = _object(envelope.node_text)
    except BadAnswer:
        return UnsignedAnswer("")
    return UnsignedAnswer(f"{node.get('sub_code') or node.get('code')} {node.get('sub_msg', '')}")


def _object(text: str) -> dict[str, Any]:
    try:
        value, end = SCANNER.raw_decode(text)
    except (ValueError, RecursionError):
        raise BadAnswer("not JSON") from None
    if not isinstance(value, dict) or end != len(text):
        raise BadAnswer("the answer node is not an object")
    return value


def _top_level(text: str) -> dict[str, str]:
    """Return the raw text of each top-level value; ValueError for anything but one object."""
    values: dict[str, str] = {}
    at = _expect(text, _skip(text, 0), "{")
    while True:
        name, at = SCANNER.raw_decode(text, _skip(text, at))
        start = _skip(text, _expect(text, _skip(text, at), ":"))
        _, at = SCANNER.raw_decode(text, start)
        if not isinstance(name, str) or name in values:
            raise ValueError("a repeated name")
        values[name] = text[start:at]
        at = _skip(text, at)
        if text[at : at + 1] != ",":
            break
        at += 1
    if _skip(text, _expect(text, at, "}")) != len(text):
        raise ValueError("text after the answer")
    return values


def _expect(text: str, at: int, mark: str) -> int:
    if text[at : at + 1] != mark:
        raise ValueError("not an object")
    return at + 1


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in BLANKS:
        at += 1
    return at


def _word(values: dict[str, str], name: str) -> str:
    value = json.loads(values.get(name, '""'))
    if not isinstance(value, str):
        raise BadAnswer(f"{name} is not text")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a repeated name")
    return found


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


SCANNER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
