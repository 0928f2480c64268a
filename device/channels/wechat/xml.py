"""The flat XML that WeChat speaks: one `xml` element with text children, each name once.

Anything else is refused before it means something: a DOCTYPE or entity (Tencent warned all
merchants of XXE in 2018), attributes, nesting, a name given twice (parsers disagree which counts).
A byte order mark in front is tolerated.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping

from device.channels.http import MAX_ANSWER_BYTES
from device.errors import BadAnswer

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DECLARATION = re.compile(r"\s*<\?xml\s[^<>]*\?>")
MARKUP = re.compile(r"<[!?]")
NEEDS_CDATA = re.compile(r"[<>&\"'\r]")


def build(fields: Mapping[str, str]) -> bytes:
    """Return the request: non-empty fields as elements, UTF-8."""
    parts = (f"<{name}>{_escaped(value)}</{name}>" for name, value in fields.items() if value)
    return f"<xml>{''.join(parts)}</xml>".encode()


def _escaped(value: str) -> str:
    if not NEEDS_CDATA.search(value):
        return value
    return f"<![CDATA[{value.replace(']]>', ']]]]><![CDATA[>')}]]>"


def parse(body: bytes) -> dict[str, str]:
    """Return the fields of an answer; BadAnswer for anything but flat, plain XML."""
    if len(body) > MAX_ANSWER_BYTES:
        raise BadAnswer("XML over 64 KiB")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadAnswer("XML not UTF-8") from None
    text = DECLARATION.sub("", text, count=1) if DECLARATION.match(text) else text
    if MARKUP.search(_outside_cdata(text)):
        raise BadAnswer("XML with a DOCTYPE, entity, comment or instruction")
    try:
        root = ET.fromstring(text)  # noqa: S314  no DOCTYPE, hence no entity, can be left here
    except (ET.ParseError, ValueError):
        raise BadAnswer("not XML") from None
    return _fields(root)


def _outside_cdata(text: str) -> str:
    """Return the text without CDATA sections, in one pass: an unclosed one is not XML anyway."""
    first, *sections = text.split("<![CDATA[")
    return first + "".join(section.partition("]]>")[2] for section in sections)


def _fields(root: ET.Element) -> dict[str, str]:
    if root.tag != "xml" or root.attrib or (root.text or "").strip():
        raise BadAnswer("XML root is not a plain <xml>")
    fields: dict[str, str] = {}
    for child in root:
        if len(child) or child.attrib or (child.tail or "").strip():
            raise BadAnswer("XML with nested elements or attributes")
        if not NAME.fullmatch(child.tag) or child.tag in fields:
            raise BadAnswer("XML with a repeated or odd name")
        fields[child.tag] = child.text or ""
    return fields
