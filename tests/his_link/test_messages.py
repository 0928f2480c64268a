"""Bodies to requests: every field against its table, and nothing guessed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.domain.replies import ErrorReply
from device.domain.requests import (
    Cancel,
    Confirm,
    Hello,
    Last,
    Pay,
    Query,
    Received,
    RefundQuery,
    RefundRequest,
    Request,
    Reverse,
    Show,
    Status,
    Summary,
)
from device.domain.words import Business, Department, ErrorCode, Wallet
from device.his_link.messages import Codec

CODEC = Codec("MZ-03", 5_000_000)
DAILY = replace(CODEC, daily_ids=True)
GBK = replace(CODEC, encoding="gbk")
PAY = {"type": "pay", "id": "T1", "amount_fen": 1234, "business": "outpatient_fee"}
VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "his_frames.json").read_text(encoding="utf-8")
)
GONE = object()


def parsed(message: object, codec: Codec = CODEC) -> Request | ErrorReply:
    text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
    return codec.parse(text.encode("utf-8" if codec.encoding == "utf-8" else "gb18030"))


def code(message: object, codec: Codec = CODEC) -> str:
    reply = parsed(message, codec)
    assert isinstance(reply, ErrorReply), reply
    return reply.code.value


def pay(**changes: object) -> dict[str, object]:
    return {k: v for k, v in {**PAY, **changes}.items() if v is not GONE}


@pytest.mark.parametrize(
    ("message", "request_"),
    [
        ({"type": "hello"}, Hello()),
        (
            {"type": "hello", "v": 1, "his": "HIS", "desk": "MZ-03", "operator": "0117"},
            Hello("HIS", "MZ-03", "0117"),
        ),
        (PAY, Pay("T1", 1234, Business.OUTPATIENT_FEE, Department.OUTPATIENT)),
        (
            pay(
                **{"try": 2, "amount_fen": GONE, "amount": "12.3", "department": "inpatient"},
                operator="0117",
                title="押金",
                patient_name="张三丰",
                patient_id="P1",
                wallet="alipay",
                ttl_s=300,
                confirm=False,
                supersede=False,
                auth_code="134567890123456789",
                desk="MZ-03",
                business_date="2026-11-22",
                colour={"unknown": [1.5]},
            ),
            Pay(
                id="T1",
                amount_fen=1230,
                business=Business.OUTPATIENT_FEE,
                department=Department.INPATIENT,
                try_=2,
                operator="0117",
                title="押金",
                patient_name="张三丰",
                patient_id="P1",
                wallet=Wallet.ALIPAY,
                ttl_s=300.0,
                auth_code="134567890123456789",
            ),
        ),
        (pay(wallet="any"), Pay("T1", 1234, Business.OUTPATIENT_FEE, Department.OUTPATIENT)),
        ({"type": "cancel", "id": "T1"}, Cancel("T1")),
        ({"type": "cancel", "id": "T1", "try": 3}, Cancel("T1", 3)),
        ({"type": "query", "id": "T1"}, Query("T1")),
        ({"type": "received", "id": "T1", "revision": 7}, Received("T1", 7)),
        (
            {"type": "reverse", "id": "R1", "pay_id": "T1", "operator": "01"},
            Reverse("R1", "T1", operator="01"),
        ),
        (
            {"type": "refund", "id": "F1", "pay_id": "T1", "amount": "0.01", "reason": "退号"},
            RefundRequest("F1", 1, "T1", reason="退号"),
        ),
        (
            {"type": "refund", "id": "F1", "out_trade_no": "MZ03AAAA", "amount_fen": 5},
            RefundRequest("F1", 5, out_trade_no="MZ03AAAA"),
        ),
        ({"type": "refund_query", "id": "F1"}, RefundQuery("F1")),
        ({"type": "last"}, Last()),
        ({"type": "status"}, Status()),
    ],
)
def test_each_type_becomes_its_request(message: object, request_: Request) -> None:
    assert parsed(message) == request_


@pytest.mark.parametrize("name", ["pay-utf8", "pay-gbk", "cancel-wraps-to-01", "status"])
def test_vector_bodies_are_understood(name: str) -> None:
    [vector] = [f for f in VECTORS["frames"] if f["name"] == name]
    request = parsed(vector["body"], replace(CODEC, encoding=vector["encoding"]))
    assert type(request).__name__.lower() == json.loads(vector["body"])["type"]
    assert getattr(request, "title", "门诊收费") == "门诊收费"


@pytest.mark.parametrize(
    "changes",
    [
        *[{"id": value} for value in ("", "a b", "é", "T/1", "*", "x" * 65, 7, None, ["T1"])],
        {"id": "T1\n"},
        {"id": GONE},
        {"business": GONE},
        {"business": "parking"},
        {"business": 1},
        *[{"try": value} for value in (0, 100, -1, "1", 1.0, True, None, 10**30)],
        *[{"ttl_s": value} for value in (9, 301, "90", 90.0, False, None)],
        {"department": "night"},
        {"wallet": "cash"},
        {"wallet": ""},
        {"wallet": None},
        {"operator": 17},
        {"patient_id": ["x"]},
        {"patient_name": {}},
        {"title": 1},
        {"auth_code": 134567890123456789},
        {"confirm": 1},
        {"supersede": "true"},
        {"desk": 3},
    ],
)
def test_a_malformed_field_is_bad_message(changes: dict[str, object]) -> None:
    assert code(pay(**changes)) == "bad_message"


@pytest.mark.parametrize(
    ("changes", "fen"),
    [
        ({"amount_fen": 1}, 1),
        ({"amount_fen": 5_000_000}, 5_000_000),
        ({"amount_fen": GONE, "amount": "0.01"}, 1),
        ({"amount_fen": GONE, "amount": "12"}, 1200),
        ({"amount_fen": GONE, "amount": "50000.00"}, 5_000_000),
    ],
)
def test_an_amount_is_exact(changes: dict[str, object], fen: int) -> None:
    request = parsed(pay(**changes))
    assert isinstance(request, Pay)
    assert request.amount_fen == fen


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_fen": GONE},
        {"amount": "12.34"},
        *[{"amount_fen": v} for v in (0, -1, 5_000_001, 10**30, "1234", True, None, [1])],
        *[
            {"amount_fen": GONE, "amount": v}
            for v in (
                "0",
                "0.00",
                "-1",
                "+1",
                "1e2",
                "1.",
                ".5",
                "01",
                "1.234",
                "1,5",
                " 1",
                "",
                "１",
            )
        ],
        *[{"amount_fen": GONE, "amount": v} for v in ("50000.01", "99999999.99", "123456789")],
        *[{"amount_fen": GONE, "amount": v} for v in (12, 12.34, None, True)],
    ],
)
def test_a_doubtful_amount_is_bad_amount(changes: dict[str, object]) -> None:
    assert code(pay(**changes)) == "bad_amount"


@pytest.mark.parametrize("number", ["100.0", "1e2", "1E2", "100.00", "1.0e0", "-0.0", "9" * 5000])
def test_a_json_number_with_fraction_or_exponent_is_no_amount(number: str) -> None:
    body = json.dumps(pay(amount_fen=GONE))[:-1] + f', "amount_fen": {number}}}'
    assert code(body) == "bad_amount"


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "null",
        "[]",
        '"pay"',
        "1",
        "{",
        '{"type":"status"}x',
        '{"type":"status"}{"type":"status"}',
        "{'type':'status'}",
        '{"type":"status",}',
        '{"type":"status","type":"status"}',
        '{"type":"status","x":{"a":1,"a":1}}',
        '{"type":"status","x":NaN}',
        '{"type":"status","x":-Infinity}',
        '{"type":"status","x":' + "[" * 9 + "]" * 9 + "}",
        '{"type":"status","x":' + "[" * 4000,
        '{"type":"status","x":"tab\tinside"}',
        '{"type":"status"}\x00',
        '\x0b{"type":"status"}',
        '{"id":"T1"}',
        '{"type":1}',
        '{"type":null}',
        '\ufeff{"type":"status"}',
        "<status>",
    ],
)
def test_what_is_not_one_clean_object_is_bad_message(body: str) -> None:
    assert code(body) == "bad_message"


def test_white_space_between_tokens_is_welcome() -> None:
    assert parsed('\r\n\t{ "type" :\n"status" }\r\n') == Status()


@pytest.mark.parametrize("type_", ["PAY", "", "void", "summary_result"])
def test_an_unknown_type_is_unsupported(type_: str) -> None:
    assert code({"type": type_, "id": "T1"}) == "unsupported"


def test_a_pay_may_be_booked_in_two_steps_and_may_replace_another() -> None:
    plain, asked = parsed(pay()), parsed(pay(confirm=True, supersede=True))
    assert isinstance(plain, Pay)
    assert isinstance(asked, Pay)
    assert (plain.confirm, plain.supersede) == (False, False)
    assert (asked.confirm, asked.supersede) == (True, True)


def test_a_confirm_says_whether_it_is_booked() -> None:
    message = {"type": "confirm", "id": "T1", "booked": True}
    assert parsed(message) == Confirm("T1", booked=True)
    assert parsed({**message, "booked": False, "try": 2}) == Confirm("T1", booked=False, try_=2)
    assert code({"type": "confirm", "id": "T1"}) == "bad_message"
    assert code({**message, "booked": "true"}) == "bad_message"


def test_a_summary_is_of_one_day() -> None:
    message = {"type": "summary", "date": "2026-11-22"}
    assert parsed(message) == Summary("2026-11-22")
    assert parsed({**message, "operator": "0117"}) == Summary("2026-11-22", "0117")
    assert code({"type": "summary"}) == "bad_message"
    assert code({"type": "summary", "date": "2026-11-31"}) == "bad_message"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("停诊", ("停诊",)),
        ("一\n二\r\n三\r四", ("一", "二", "三", "四")),
        (" 一 \n\n三", ("一", "", "三")),
        ("", ()),
        ("\n ", ()),
        ("坏\u0007了", ("坏\ufffd了",)),
    ],
)
def test_a_text_to_show_has_up_to_four_lines(text: str, lines: tuple[str, ...]) -> None:
    assert parsed({"type": "show", "text": text}) == Show(lines, 10.0)
    assert parsed({"type": "show", "text": text, "seconds": 60}) == Show(lines, 60.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"text": "1\n2\n3\n4\n5"},
        {"text": "长" * 65},
        {"text": 5},
        {"text": None},
        {"text": "x", "seconds": 0},
        {"text": "x", "seconds": 601},
        {"text": "x", "seconds": "10"},
    ],
)
def test_what_cannot_be_shown_is_bad_message(changes: dict[str, object]) -> None:
    assert code({"type": "show", **changes}) == "bad_message"


def test_an_xml_text_keeps_its_lines() -> None:
    assert parsed("<show><text>一\n二</text><seconds>5</seconds></show>") == Show(("一", "二"), 5.0)


def test_another_version_of_the_protocol_is_unsupported() -> None:
    assert code({"type": "hello", "v": 2}) == "unsupported"


@pytest.mark.parametrize("type_", ["hello", "pay", "query", "status", "received", "last"])
def test_another_desk_is_not_allowed_in_any_message(type_: str) -> None:
    message = {"type": type_, "desk": "MZ-04", "revision": 1}
    assert code(pay(**message)) == "not_allowed"


@pytest.mark.parametrize(
    "message",
    [
        {"type": "cancel"},
        {"type": "query", "id": "T1", "try": 0},
        {"type": "received", "id": "T1"},
        {"type": "received", "id": "T1", "revision": 0},
        {"type": "received", "id": "T1", "revision": "1"},
        {"type": "reverse", "id": "R1"},
        {"type": "reverse", "pay_id": "T1"},
        {"type": "refund", "id": "F1", "amount_fen": 1},
        {"type": "refund", "id": "F1", "amount_fen": 1, "pay_id": "T1", "out_trade_no": "X"},
        {"type": "refund", "id": "F1", "amount_fen": 1, "out_trade_no": "a\\b"},
        {"type": "refund", "id": "F1", "amount_fen": 1, "out_trade_no": ""},
        {"type": "refund_query"},
        {"type": "hello", "operator": 5},
    ],
)
def test_required_fields_are_required(message: object) -> None:
    assert code(message) == "bad_message"


def test_a_refund_without_amount_is_bad_amount() -> None:
    assert code({"type": "refund", "id": "F1", "pay_id": "T1"}) == "bad_amount"


# ------------------------------------------------------------------ ids that restart daily

DATED: list[dict[str, object]] = [
    PAY,
    {"type": "cancel", "id": "T1"},
    {"type": "query", "id": "T1"},
    {"type": "confirm", "id": "T1", "booked": True},
    {"type": "reverse", "id": "R1", "pay_id": "T1"},
    {"type": "refund", "id": "F1", "pay_id": "T1", "amount_fen": 1},
]


@pytest.mark.parametrize("message", DATED)
def test_in_day_scope_a_charge_is_named_with_its_date(message: dict[str, object]) -> None:
    assert code(message, DAILY) == "bad_message"
    for wrong in ("", "2026-13-01", "2026-11-31", "22.11.2026", "2026-1-1", "20261122", 20261122):
        assert code({**message, "business_date": wrong}, DAILY) == "bad_message"
    request = parsed({**message, "business_date": "2026-11-22"}, DAILY)
    assert getattr(request, "business_date", None) == "2026-11-22"


@pytest.mark.parametrize("message", DATED)
def test_in_unique_scope_the_date_is_no_part_of_the_key(message: dict[str, object]) -> None:
    assert parsed({**message, "business_date": "2026-11-22"}) == parsed(message)


def test_in_day_scope_a_refund_by_order_number_names_no_charge() -> None:
    message = {"type": "refund", "id": "F1", "out_trade_no": "MZ03A", "amount_fen": 1}
    assert parsed(message, DAILY) == RefundRequest("F1", 1, out_trade_no="MZ03A")


# ------------------------------------------------------------------ what does not decode


def broken(codec: Codec, **changes: object) -> Request | ErrorReply:
    """Return what becomes of a pay in which `#` stands for a byte that does not decode."""
    body = json.dumps(pay(**changes), ensure_ascii=False)
    encoded = body.encode("gb18030" if codec.encoding == "gbk" else "utf-8")
    return codec.parse(encoded.replace(b"#", b"\xff"))


@pytest.mark.parametrize("codec", [CODEC, GBK])
@pytest.mark.parametrize("name", ["title", "patient_name"])
def test_in_names_it_becomes_the_replacement_character(codec: Codec, name: str) -> None:
    assert getattr(broken(codec, **{name: "张#三"}), name) == "张\ufffd三"


@pytest.mark.parametrize("codec", [CODEC, GBK])
@pytest.mark.parametrize("name", ["operator", "patient_id", "id", "auth_code", "unknown"])
def test_elsewhere_it_is_bad_message(codec: Codec, name: str) -> None:
    reply = broken(codec, **{name: "a#b"})
    assert isinstance(reply, ErrorReply)
    assert reply.code is ErrorCode.BAD_MESSAGE


def test_a_broken_key_or_nested_text_is_bad_message() -> None:
    for changes in ({"ti#tle": "x"}, {"x": {"title": "#"}}, {"x": ["#"]}):
        assert isinstance(broken(CODEC, **changes), ErrorReply)


def test_a_name_cut_in_the_middle_of_a_character_keeps_the_rest() -> None:
    for codec, cut in ((GBK, "门诊".encode("gb18030")[:-1]), (CODEC, "门诊".encode()[:-1])):
        body = json.dumps(pay(title="@"), ensure_ascii=False).encode().replace(b"@", cut)
        request = codec.parse(body)
        assert isinstance(request, Pay)
        assert request.title == "门\ufffd"


@pytest.mark.parametrize("escape", ["\\ud800", "\\u0000", "\\u001b", "\\u000a"])
def test_escapes_bring_in_nothing_a_plain_text_may_not_hold(escape: str) -> None:
    body = json.dumps(pay(title="@", operator="1")).replace("@", escape)
    request = parsed(body)
    assert isinstance(request, Pay)
    assert request.title == "\ufffd"
    assert code(json.dumps(pay(operator="@")).replace("@", escape)) == "bad_message"


def test_astral_characters_pass_escaped_and_plain() -> None:
    for text in ('"\\ud842\\udfb7"', '"𠮷"'):
        request = parsed(json.dumps(pay(title="@")).replace('"@"', text))
        assert isinstance(request, Pay)
        assert request.title == "𠮷"


# ------------------------------------------------------------------ the error reply


def test_the_error_names_the_id_only_if_it_is_one() -> None:
    reply = parsed(pay(amount_fen=0))
    assert isinstance(reply, ErrorReply)
    assert reply.id == "T1"
    reply = parsed(pay(id="张三"))
    assert isinstance(reply, ErrorReply)
    assert reply.id == ""


def test_the_error_repeats_nothing_that_was_sent() -> None:
    for changes in (
        {"patient_name": ["张三"]},
        {"auth_code": 134567890123456789},
        {"wallet": "134567890123456789"},
        {"id": "张三"},
    ):
        reply = parsed(pay(**changes))
        assert "张三" not in repr(reply)
        assert "1345" not in repr(reply)


texts = st.text("aZ0.-张\x00😀", max_size=5)  # the whole of Unicode takes seconds to set up
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*PAY, "try", "wallet", "amount", "desk"]), json_values))
def test_any_values_give_a_request_or_an_error(changes: dict[str, object]) -> None:
    for codec in (CODEC, DAILY):
        assert isinstance(parsed(pay(**changes), codec), Pay | ErrorReply | Request)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_request_or_an_error(body: bytes) -> None:
    for codec in (CODEC, GBK):
        codec.parse(body)
        codec.parse(b'{"type":"pay","title":"' + body + b'"}')
