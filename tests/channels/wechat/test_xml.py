"""The XML that is written and the XML that is refused."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device.channels.wechat import xml
from device.errors import BadAnswer

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The machine that runs this may be busy with other things."""

VISIBLE = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn", "Co"]), max_size=40)

BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]>
<xml><return_code>&lol2;</return_code></xml>"""
XXE = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>
<xml><return_code>&e;</return_code></xml>"""
REFUSED = {
    "entity bomb": BOMB,
    "external entity": XXE,
    "doctype in lower case": b"<!doctype x><xml><a>1</a></xml>",
    "doctype behind a comment": b"<!-- <![CDATA[ --><!DOCTYPE x><xml><a>1</a></xml><!-- ]]> -->",
    "comment that splits a value": b"<xml><a>1<!-- -->2</a></xml>",
    "instruction": b"<xml><?php x?><a>1</a></xml>",
    "entity that nobody defined": b"<xml><a>&x;</a></xml>",
    "UTF-16": "<xml><a>1</a></xml>".encode("utf-16"),
    "not UTF-8": b"<xml><a>\xff</a></xml>",
    "another root": b"<XML><a>1</a></XML>",
    "a namespace": b'<xml xmlns="x"><a>1</a></xml>',
    "a namespaced child": b'<xml><a xmlns="x">1</a></xml>',
    "an attribute of the root": b'<xml a="1"><b>1</b></xml>',
    "an attribute": b'<xml><a b="1">1</a></xml>',
    "a repeated name": b"<xml><total_fee>1</total_fee><total_fee>888</total_fee></xml>",
    "nested": b"<xml><a><b>1</b></a></xml>",
    "text between": b"<xml>x<a>1</a></xml>",
    "text after": b"<xml><a>1</a>x</xml>",
    "an odd name": "<xml><费>1</费></xml>".encode(),
    "HTML": b"<html><body>502 Bad Gateway</body></html>",
    "cut off": b"<xml><return_code>SUCC",
    "two roots": b"<xml/><xml/>",
    "empty": b"",
    "JSON": b'{"return_code":"SUCCESS"}',
    "too long": b"<xml><a>" + b"x" * 65536 + b"</a></xml>",
    "CDATA never closed": b"<xml><a>" + b"<![CDATA[" * 7000,
    "a doctype behind CDATA in CDATA": b"<xml><a><![CDATA[<![CDATA[]]></a><!DOCTYPE x></xml>",
    "a NUL": b"<xml><a>\x00</a></xml>",
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_flat_and_plain_is_refused(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        xml.parse(body)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"<xml><a>1</a></xml>", {"a": "1"}),
        (b"\xef\xbb\xbf<xml><a>1</a></xml>", {"a": "1"}),
        (b'<?xml version="1.0" encoding="UTF-8"?>\n<xml>\n <a>1</a>\n</xml>\n', {"a": "1"}),
        (b'<?xml version="1.0" encoding="GBK"?><xml><a>\xe8\xb4\xb9</a></xml>', {"a": "费"}),
        (b"<xml><a><![CDATA[<!DOCTYPE & ]] >]]></a></xml>", {"a": "<!DOCTYPE & ]] >"}),
        (b"<xml><a><![CDATA[1]]>2<![CDATA[3]]></a><b/></xml>", {"a": "123", "b": ""}),
        (b"<xml><a><![CDATA[<![CDATA[<!--]]></a></xml>", {"a": "<![CDATA[<!--"}),
        (b"<xml/>", {}),
    ],
)
def test_what_is_flat_and_plain_is_read(body: bytes, fields: dict[str, str]) -> None:
    assert xml.parse(body) == fields


@PATIENT
@given(VISIBLE)
def test_any_printable_text_survives_the_round_trip(text: str) -> None:
    body = xml.build({"body": text, "a": "1"})
    expected = {"body": text, "a": "1"} if text else {"a": "1"}
    assert xml.parse(body) == expected


@pytest.mark.parametrize("text", ["]]>", "a]]>b]]>c", "<![CDATA[x]]>", "</body><total_fee>1"])
def test_no_text_breaks_out_of_its_field(text: str) -> None:
    body = xml.build({"body": text})
    root = ET.fromstring(body)
    assert [(child.tag, child.text) for child in root] == [("body", text)]
