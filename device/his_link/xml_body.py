"""A message as XML, strictly (his-link §2): `<pay><id>MZ17</id>...</pay>`.

The root is the type, its children are the fields, a list is `<rows><item>..</item></rows>`. No
attribute, DOCTYPE, comment or instruction; no tag twice in one place; no text beside children.
XML has only texts, so a table says which fields are numbers and flags; a text that is not one stays
a text, which the field's own check refuses.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn
from xml.parsers import expat

from device.his_link.text import MAX_INT_CHARS, BadBody

NUMBERS = frozenset(
    {"age_s", "amount_fen", "next_check_s", "paid_count", "paid_fen", "refund_count"}
    | {"refund_fen", "refunded_fen", "revision", "seconds", "try", "ttl_s", "v"}
)
FLAGS = frozenset({"attention", "booked", "confirm", "more", "supersede"})
LISTS = frozenset({"parts", "rows", "undelivered", "unsettled"})
"""The lists that the box sends: an empty one must not be taken for an empty text."""

REQUEST_DEPTH = 2  # root and fields: no request has a list
ANSWER_DEPTH = 4  # root, list, item, field

_DECLARATION = re.compile(r"\s*<\?xml\s[^<>]*\?>")
_NUMBER = re.compile(rf"-?(0|[1-9][0-9]{{0,{MAX_INT_CHARS - 1}}})", re.ASCII)
_BLANKS = " \t\r\n"
# xml.sax.saxutils has the same for 1.1 MB: it brings urllib, http and email along.
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_WORDS = {"true": True, "false": False}
_UNSPEAKABLE = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(slots=True)
class _Element:
    name: str
    children: list[tuple[str, Any]] = field(default_factory=list)
    text: str = ""


class _Reader:
    """Takes expat's events; holds one path from the root."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._open: list[_Element] = []
        self.message: dict[str, Any] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if attributes:
            raise BadBody("an attribute")
        if len(self._open) == self._depth:
            raise BadBody("nested too deeply")
        self._open.append(_Element(name))

    def text(self, data: str) -> None:
        self._open[-1].text += data

    def end(self, _name: str) -> None:
        element = self._open.pop()
        if self._open:
            self._open[-1].children.append((element.name, _value(element)))
        else:
            self.message = _distinct([("type", element.name), *_only_children(element)])


def loads(text: str, depth: int = REQUEST_DEPTH) -> dict[str, Any]:
    """Return the fields; BadBody if the text is not such XML, or deeper than `depth` tags."""
    reader = _Reader(depth)
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.XmlDeclHandler = _refuse("a second declaration")
    parser.StartDoctypeDeclHandler = _refuse("a DOCTYPE")
    parser.CommentHandler = _refuse("a comment")
    parser.ProcessingInstructionHandler = _refuse("an instruction")
    try:
        parser.Parse(_DECLARATION.sub("", text, count=1).encode(), True)  # noqa: FBT003  expat's
    except (expat.ExpatError, UnicodeEncodeError):
        raise BadBody("not XML") from None
    return reader.message


def dumps(message: dict[str, Any]) -> str:
    """Return the message's text, `type` as its root."""
    fields = {name: value for name, value in message.items() if name != "type"}
    return _tag(message["type"], _inner(fields))


def _refuse(what: str) -> Callable[..., NoReturn]:
    def handler(*_: object) -> NoReturn:
        raise BadBody(what)

    return handler


def _value(element: _Element) -> Any:
    if element.children:
        pairs = _only_children(element)
        return [v for _, v in pairs] if {n for n, _ in pairs} == {"item"} else _distinct(pairs)
    name, text = element.name, element.text
    if name in LISTS and not text.strip(_BLANKS):
        return []
    if name in NUMBERS and _NUMBER.fullmatch(text):
        return int(text)
    return _WORDS.get(text, text) if name in FLAGS else text


def _only_children(element: _Element) -> list[tuple[str, Any]]:
    if element.text.strip(_BLANKS):
        raise BadBody("text beside fields")
    return element.children


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadBody("a tag stands twice")
    return fields


def _inner(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(_tag(name, _inner(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return "".join(_tag("item", _inner(item)) for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return _UNSPEAKABLE.sub("\ufffd", str(value)).translate(_ESCAPES)


def _tag(name: str, inner: str) -> str:
    return f"<{name}>{inner}</{name}>"
