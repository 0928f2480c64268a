"""XML bodies: the same fields as JSON, read strictly and written so that any reader takes them."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.domain.replies import (
    ErrorReply,
    HelloOk,
    Part,
    Progress,
    RefundResult,
    Reply,
    Result,
    StatusResult,
    fields,
)
from device.domain.requests import Cancel, Pay, Received, RefundRequest, Request, Status
from device.domain.words import Business, Department, ErrorCode, Form
from device.his_link import answers, body, xml_body
from device.his_link.body import Writing
from device.his_link.frames import SERIAL_BODY_BYTES, TCP_BODY_BYTES
from device.his_link.messages import Codec

CODEC = Codec("MZ-03", 5_000_000)
GBK = Codec("MZ-03", 5_000_000, encoding="gbk")
XML = Writing(form=Form.XML)
VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "his_frames.json").read_text(encoding="utf-8")
)
PAY = "<pay><id>T1</id><amount>12.34</amount><business>outpatient_fee</business>{}</pay>"


def parsed(text: str, codec: Codec = CODEC) -> Request | ErrorReply:
    return codec.parse(text.encode("utf-8" if codec.encoding == "utf-8" else "gb18030"))


def code(text: str) -> str:
    reply = parsed(text)
    assert isinstance(reply, ErrorReply), reply
    return reply.code.value


def test_the_published_vector_is_a_pay() -> None:
    [vector] = [v for v in VECTORS["frames"] if v["name"] == "pay-xml"]
    assert parsed(vector["body"]) == Pay(
        id="ZY-77",
        amount_fen=1,
        business=Business.INPATIENT_DEPOSIT,
        department=Department.OUTPATIENT,
        title="住院押金",
        form=Form.XML,
    )


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("<status></status>", Status()),
        ("<status/>", Status()),
        (' \r\n<?xml version="1.0" encoding="GBK"?>\n<status>\n</status>\n', Status()),
        ("<cancel>\r\n\t<id>T1</id>\r\n\t<try>2</try>\r\n</cancel>", Cancel("T1", 2)),
        (
            "<received><id>T1</id><revision>7</revision><colour/></received>",
            Received("T1", 7),
        ),
        (
            "<refund><id>F1</id><pay_id>T1</pay_id><amount>0.05</amount>{}</refund>".format(
                "<reason><![CDATA[a<b]]> &amp; &#36864;</reason>"
            ),
            RefundRequest("F1", 5, "T1", reason="a<b & 退", form=Form.XML),
        ),
    ],
)
def test_each_field_is_read_as_its_kind(text: str, request_: Request) -> None:
    assert parsed(text) == request_


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE pay><cancel><id>T1</id></cancel>",
        '<!DOCTYPE c [<!ENTITY a "T1">]><cancel><id>&a;</id></cancel>',
        '<cancel><id kind="x">T1</id></cancel>',
        '<cancel xmlns="urn:x"><id>T1</id></cancel>',
        "<cancel><id>T1</id><id>T1</id></cancel>",
        "<cancel><type>pay</type><id>T1</id></cancel>",
        "<cancel><id><id>T1</id></id></cancel>",
        "<cancel><id>T1</id><deep><er>x</er></deep></cancel>",
        "<cancel>T1<id>T1</id></cancel>",
        "<cancel><id>T1</id>x</cancel>",
        "<cancel>T1</cancel>",
        "<cancel><id>T1<!-- 2 --></id></cancel>",
        "<cancel><?php x?><id>T1</id></cancel>",
        '<?xml version="1.0"?><?xml version="1.0"?><cancel><id>T1</id></cancel>',
        "<cancel><id>T1</id></cancel><cancel><id>T2</id></cancel>",
        "<cancel><id>T1</id>",
        "<cancel><id>&nbsp;</id></cancel>",
        "<cancel><id>T1\n</id></cancel>",
        "<cancel><id>\ufffeT1</id></cancel>",
        "<cancel><id>T1</id><try>02</try></cancel>",
        "<cancel><id>T1</id><try>1.0</try></cancel>",
        "<cancel><id>T1</id><try>٢</try></cancel>",
        "<cancel><id>T1</id><try></try></cancel>",
        PAY.format("<confirm>yes</confirm>"),
        "<",
        "<<",
        "<" * 4000,
        "<a>" * 4000,
    ],
)
def test_what_is_not_plain_fields_is_bad_message(text: str) -> None:
    assert code(text) == "bad_message"


def test_money_is_as_strict_as_in_json() -> None:
    amount = "<pay><id>T1</id><business>outpatient_fee</business>{}</pay>"
    for given_ in (
        "",
        "<amount>12.345</amount>",
        "<amount>1e3</amount>",
        "<amount> 1</amount>",
        "<amount_fen>1.0</amount_fen>",
        "<amount_fen>1</amount_fen><amount>0.01</amount>",
        f"<amount_fen>{'9' * 19}</amount_fen>",
    ):
        assert code(amount.format(given_)) == "bad_amount", given_


@pytest.mark.parametrize("codec", [CODEC, GBK], ids=["utf-8", "gbk"])
def test_a_name_that_does_not_decode_is_forgiven_and_an_id_is_not(codec: Codec) -> None:
    request = codec.parse(
        PAY.format("<patient_name>张\xff三</patient_name>").encode("latin-1", "ignore")
    )
    assert isinstance(request, Pay)
    assert "\ufffd" in request.patient_name
    broken = b"<cancel><id>T\xff1</id></cancel>"
    assert isinstance(codec.parse(broken), ErrorReply)


def test_gbk_under_any_declaration_is_gb18030() -> None:
    text = '<?xml version="1.0" encoding="utf-8"?>' + PAY.format("<title>门诊𠮷收费</title>")
    request = parsed(text, GBK)
    assert isinstance(request, Pay)
    assert request.title == "门诊𠮷收费"


@given(st.text("<>/!?[]&;#xab \n-", max_size=40))
def test_nothing_of_brackets_and_letters_raises(text: str) -> None:
    parsed("<" + text)


# ------------------------------------------------------------------ what the box writes

REPLIES: list[Reply] = [
    HelloOk("箱-1", "住院-11", "2026-11-22T09:00:00+08:00", ("A", "B"), ()),
    HelloOk("B", "D", "T", ({"id": "A", "try": 2, "business_date": "2026-11-22"},)),
    Result("T1", 1, 2, "paid", message="<支付> & 成功", amount_fen=5, booked=True),
    Result("T1", 1, 2, "unknown", state="armed", next_check_s=3),
    RefundResult("F1", 1, "pending", "T1", amount_fen=5),
    Progress("T1", "armed"),
    StatusResult((Part("disk", "ok", "第一行\r\n第二行"), Part("vpn", "fail", ""))),
    ErrorReply(ErrorCode.BUSY, "忙", blocking_id="T1", age_s=0),
]


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: type(reply).__name__)
def test_an_answer_reads_back_as_the_same_fields(reply: Reply, encoding: str) -> None:
    [written] = answers.encode(reply, 10, Writing(encoding, Form.XML), TCP_BODY_BYTES)
    assert body.read(written, encoding) == {"re": "0A", **fields(reply)}


def test_a_stranger_reads_an_answer_too() -> None:
    [written] = answers.encode(REPLIES[6], 1, XML, TCP_BODY_BYTES)
    root = ET.fromstring(written)
    assert (root.tag, root[0].tag, root[0].text) == ("status_result", "re", "01")
    assert [(part.tag, part.findtext("part")) for part in root[1]] == [
        ("item", "disk"),
        ("item", "vpn"),
    ]
    assert root[1][0].findtext("text") == "第一行\r\n第二行"


@pytest.mark.parametrize("limit", [SERIAL_BODY_BYTES, TCP_BODY_BYTES])
@pytest.mark.parametrize("count", [0, 1, 7, 300])
def test_long_lists_are_cut_and_nothing_is_lost(limit: int, count: int) -> None:
    unsettled = tuple(f"{n:064d}" for n in range(count))
    undelivered = tuple({"id": f"U{n:063d}", "try": 1} for n in range(count))
    reply = HelloOk("箱-1", "住院-11", "2026-11-22T09:00:00+08:00", unsettled, undelivered)
    bodies = answers.encode(reply, 3, Writing("gbk", Form.XML), limit)
    assert all(len(b) <= limit for b in bodies)
    parts: list[dict[str, Any]] = [body.read(b, "gbk") for b in bodies]
    assert [item for part in parts for item in part["unsettled"]] == list(unsettled)
    assert [item for part in parts for item in part["undelivered"]] == list(undelivered)
    assert [part.get("more", False) for part in parts] == [True] * (len(parts) - 1) + [False]


def test_a_text_full_of_markup_is_cut_until_it_fits() -> None:
    reply = Result("T1", 1, 1, "paid", message="&" * 3000, amount_fen=1)
    [written] = answers.encode(reply, 1, XML, SERIAL_BODY_BYTES)
    assert body.read(written, "utf-8")["status"] == "paid"


@given(st.text(max_size=30))
def test_any_text_of_ours_can_be_written_and_read(text: str) -> None:
    [written] = answers.encode(ErrorReply(ErrorCode.BUSY, text), None, XML, TCP_BODY_BYTES)
    message = body.read(written, "utf-8")["message"]
    assert message.replace("\ufffd", "?") == xml_body._UNSPEAKABLE.sub("?", text).replace(
        "\ufffd", "?"
    )
