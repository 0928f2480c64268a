"""The flat XML of WeChat v2: ``<xml>`` with one level of children, values in CDATA."""

from collections.abc import Mapping
from xml.etree import ElementTree as ET

MAX_BODY = 65_536  # bytes; real requests are under 2 KiB


class BadXml(ValueError):
    """Not the flat document the protocol speaks."""


def read(body: bytes) -> dict[str, str]:
    """Child name to text. A DOCTYPE, a repeated or nested element is refused."""
    if len(body) > MAX_BODY or b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise BadXml("refused")
    try:
        root = ET.fromstring(body)  # noqa: S314 - DOCTYPE and ENTITY are refused above
    except (ET.ParseError, ValueError, LookupError) as error:
        raise BadXml("not XML") from error
    names = [child.tag for child in root]
    if root.tag != "xml" or len(set(names)) != len(names) or any(len(child) for child in root):
        raise BadXml("not flat")
    return {child.tag: child.text or "" for child in root}


def write(fields: Mapping[str, str]) -> bytes:
    """All values in CDATA, as WeChat writes them; empty values are left out."""
    lines = "\n".join(f"<{name}>{_cdata(value)}</{name}>" for name, value in fields.items())
    return f"<xml>{lines}</xml>".encode()


def _cdata(value: str) -> str:
    return "<![CDATA[" + value.replace("]]>", "]]]]><![CDATA[>") + "]]>"
