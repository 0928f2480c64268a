"""Rows as XML: one element a row, one a field; what XML cannot hold is left out."""

from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from typing import Any
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl


def write(
    name: str, about: Mapping[str, str], records: Iterable[Mapping[str, Any]]
) -> Iterator[bytes]:
    """Yield the document piece by piece: `<name ...about><row><field>..</field></row></name>`."""
    text = StringIO()
    out = XMLGenerator(text, encoding="utf-8", short_empty_elements=True)
    out.startDocument()
    out.startElement(name, AttributesImpl({k: _clean(v) for k, v in about.items()}))
    for record in records:
        out.startElement("row", _NONE)
        for field, value in record.items():
            out.startElement(field, _NONE)
            out.characters("" if value is None else _clean(str(value)))
            out.endElement(field)
        out.endElement("row")
        yield _taken(text)
    out.endElement(name)
    yield _taken(text)


_NONE: "AttributesImpl[str]" = AttributesImpl({})


def _taken(text: StringIO) -> bytes:
    piece = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return piece


def _clean(text: str) -> str:
    return "".join(c for c in text if c.isprintable() or c in "\t\n")
