"""A message's bytes to its fields and back, in either form and encoding (his-link §2)."""

from dataclasses import dataclass
from typing import Any

from device.domain.words import Form
from device.his_link import frames, json_body, xml_body
from device.his_link.text import ENCODINGS, BadBody, checked, decode

_DUMPS = {Form.JSON: json_body.dumps, Form.XML: xml_body.dumps}


def form_of(body: bytes) -> Form:
    """Return the form of a body, well written or not: XML begins with `<`, all else is JSON."""
    return Form.XML if body.lstrip()[:1] == b"<" else Form.JSON


def parse(body: bytes, encoding: str) -> dict[str, Any]:
    """Return what the HIS sent; BadBody if it is none. `encoding` is `utf-8` or `gbk`."""
    if frames.has_forbidden(body):
        raise BadBody("control character in the body")
    text = decode(body, encoding)
    xml = form_of(body) is Form.XML
    return checked(xml_body.loads(text) if xml else json_body.loads(text))


def read(body: bytes, encoding: str) -> dict[str, Any]:
    """Return what the box sent, as a HIS reads it: any message of ours will do."""
    text = body.decode(ENCODINGS[encoding], errors="replace")
    if form_of(body) is Form.XML:
        return xml_body.loads(text, xml_body.ANSWER_DEPTH)
    return json_body.loads(text)


@dataclass(frozen=True, slots=True)
class Writing:
    """How messages are written."""

    encoding: str = "utf-8"
    """utf-8 | gbk, the site's"""
    form: Form = Form.JSON

    def encode(self, message: dict[str, Any]) -> bytes:
        """Return the body of a message; `type` is one of its fields."""
        return _DUMPS[self.form](message).encode(ENCODINGS[self.encoding], errors="replace")
