"""WeChat's calls as a client sees them on the wire."""

from collections.abc import Awaitable, Callable

import pytest

from simulators.gateway.clock import Clock
from simulators.gateway.identities import Identities

Wechat = Callable[..., Awaitable[dict[str, str]]]
Raw = tuple[bytes, str]


async def test_a_small_amount_is_paid_and_the_answer_has_all_fields(
    wechat_pay: Wechat, keys: Identities
) -> None:
    paid = await wechat_pay(out_trade_no="T1", attach="A", device_info="BOX-0001")
    wanted = {
        "return_code": "SUCCESS",
        "result_code": "SUCCESS",
        "appid": keys.appid,
        "mch_id": keys.mch_id,
        "device_info": "BOX-0001",
        "trade_type": "MICROPAY",
        "total_fee": "1234",
        "fee_type": "CNY",
        "out_trade_no": "T1",
        "attach": "A",
        "time_end": "20260301093015",
    }
    assert wanted.items() <= paid.items()
    assert len(paid["transaction_id"]) == 28
    assert "sign_type" not in paid


@pytest.mark.parametrize(("sign_type", "length"), [("", 32), ("MD5", 32), ("HMAC-SHA256", 64)])
async def test_answers_are_signed_with_the_requests_type(
    wechat_pay: Wechat, sign_type: str, length: int
) -> None:
    given = {"sign_type": sign_type} if sign_type else {}
    assert len((await wechat_pay(**given))["sign"]) == length


async def test_a_business_failure_is_signed(wechat_pay: Wechat) -> None:
    failed = await wechat_pay(auth_code="284500000000000001")
    assert (failed["result_code"], failed["err_code"]) == ("FAIL", "AUTH_CODE_INVALID")
    assert failed["sign"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"sign": "0" * 32}, "签名错误，请检查后再试"),
        ({"sign_type": "SHA1"}, "签名错误，请检查后再试"),
        ({"body": ""}, "缺少参数body"),
        ({"mch_id": "1900000110"}, "商户号mch_id与appid不匹配"),
        ({"appid": "wx0000000000000000"}, "appid和mch_id不匹配"),
        ({"nonce_str": "n" * 33}, "nonce_str参数长度有误"),
    ],
)
async def test_a_transport_failure_is_unsigned(
    wechat_pay: Wechat, change: dict[str, str], text: str
) -> None:
    refused = await wechat_pay(**change)
    assert refused == {"return_code": "FAIL", "return_msg": text}


@pytest.mark.parametrize(
    "change",
    [
        {"total_fee": "0"},
        {"total_fee": "1.0"},
        {"total_fee": "-1"},
        {"out_trade_no": "T 1"},
        {"out_trade_no": "T" * 33},
        {"body": "门" * 128},
        {"device_info": "B" * 33},
        {"trade_type": "MICROPAY"},
    ],
)
async def test_a_wrong_parameter_is_a_business_failure(
    wechat_pay: Wechat, change: dict[str, str]
) -> None:
    assert (await wechat_pay(**change))["err_code"] == "PARAM_ERROR"


@pytest.mark.parametrize("body", [b"", b"hello", b"<!DOCTYPE xml []><xml/>"])
async def test_what_is_not_xml_is_refused(
    send: Callable[[bytes], Awaitable[Raw]],
    read_wechat: Callable[[Raw], dict[str, str]],
    body: bytes,
) -> None:
    head = f"POST /pay/micropay HTTP/1.1\r\nHost: g\r\nContent-Length: {len(body)}\r\n\r\n"
    refused = read_wechat(await send(head.encode() + body))
    assert refused == {"return_code": "FAIL", "return_msg": "XML格式错误"}


async def test_get_is_refused(
    send: Callable[[bytes], Awaitable[Raw]], read_wechat: Callable[[Raw], dict[str, str]]
) -> None:
    refused = read_wechat(await send(b"GET /pay/micropay HTTP/1.1\r\nHost: g\r\n\r\n"))
    assert refused["return_msg"] == "请使用post方法"


async def test_the_same_request_again_is_the_same_trade(wechat_pay: Wechat) -> None:
    given = {"out_trade_no": "T1", "auth_code": "134500000000000001"}
    first = await wechat_pay(**given)
    again = await wechat_pay(**given, nonce_str="other")
    assert again["transaction_id"] == first["transaction_id"]


async def test_the_same_number_with_another_amount_is_refused(wechat_pay: Wechat) -> None:
    given = {"out_trade_no": "T1", "auth_code": "134500000000000001"}
    await wechat_pay(**given)
    assert (await wechat_pay(**given, total_fee="1"))["err_code"] == "OUT_TRADE_NO_USED"


async def test_a_used_code_is_invalid(wechat_pay: Wechat) -> None:
    await wechat_pay(auth_code="134500000000000001")
    again = await wechat_pay(auth_code="134500000000000001")
    assert again["err_code"] == "AUTH_CODE_INVALID"
    assert again["err_code_des"].startswith("101 ")


async def test_a_query_of_an_unpaid_trade_tells_little(wechat_pay: Wechat, wechat: Wechat) -> None:
    asked = await wechat_pay(out_trade_no="T1", total_fee="100000", device_info="BOX-0001")
    assert asked["err_code"] == "USERPAYING"
    state = await wechat("query", out_trade_no="T1")
    assert state["trade_state"] == "USERPAYING"
    assert state["device_info"] == "BOX-0001"
    assert not {"total_fee", "transaction_id", "time_end"} & set(state)


async def test_a_query_follows_the_trade_to_its_end(
    wechat_pay: Wechat, wechat: Wechat, clock: Clock
) -> None:
    await wechat_pay(out_trade_no="T1", total_fee="100000")
    clock.advance(45)
    assert (await wechat("query", out_trade_no="T1"))["trade_state"] == "REVOKED"


async def test_a_query_by_the_providers_number(wechat_pay: Wechat, wechat: Wechat) -> None:
    paid = await wechat_pay(out_trade_no="T1")
    state = await wechat("query", transaction_id=paid["transaction_id"])
    assert (state["out_trade_no"], state["trade_state"]) == ("T1", "SUCCESS")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"out_trade_no": "T9"}, "ORDERNOTEXIST"),
        ({"transaction_id": "4200"}, "ORDERNOTEXIST"),
        ({}, "PARAM_ERROR"),
    ],
)
async def test_a_query_of_nothing(wechat: Wechat, given: dict[str, str], code: str) -> None:
    assert (await wechat("query", **given))["err_code"] == code


async def test_a_reverse_gives_back_and_the_query_says_revoked(
    wechat_pay: Wechat, wechat: Wechat
) -> None:
    await wechat_pay(out_trade_no="T1")
    assert (await wechat("reverse", out_trade_no="T1"))["recall"] == "N"
    assert (await wechat("query", out_trade_no="T1"))["trade_state"] == "REVOKED"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"out_trade_no": "T9"}, "ORDERNOTEXIST"),
        ({"transaction_id": "42"}, "INVALID_TRANSACTIONID"),
    ],
)
async def test_a_reverse_of_nothing(wechat: Wechat, given: dict[str, str], code: str) -> None:
    assert (await wechat("reverse", **given))["err_code"] == code


async def test_a_refund_turns_the_trade_state(wechat_pay: Wechat, wechat: Wechat) -> None:
    await wechat_pay(out_trade_no="T1")
    refund = {"out_trade_no": "T1", "out_refund_no": "R1", "total_fee": "1234", "refund_fee": "34"}
    accepted = await wechat("refund", **refund)
    assert (accepted["refund_fee"], accepted["result_code"]) == ("34", "SUCCESS")
    assert (await wechat("query", out_trade_no="T1"))["trade_state"] == "REFUND"
    again = await wechat("refund", **refund)
    assert again["refund_id"] == accepted["refund_id"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"refund_fee": "1235"}, "ERROR"),
        ({"total_fee": "1233"}, "PARAM_ERROR"),
        ({"refund_fee": "0"}, "PARAM_ERROR"),
        ({"out_refund_no": "R 1"}, "PARAM_ERROR"),
        ({"out_trade_no": "T9"}, "ORDERNOTEXIST"),
    ],
)
async def test_a_wrong_refund_is_refused(
    wechat_pay: Wechat, wechat: Wechat, change: dict[str, str], code: str
) -> None:
    await wechat_pay(out_trade_no="T1")
    refund = {"out_trade_no": "T1", "out_refund_no": "R1", "total_fee": "1234", "refund_fee": "34"}
    assert (await wechat("refund", **{**refund, **change}))["err_code"] == code


async def test_eleven_refunds_are_listed_on_two_pages(wechat_pay: Wechat, wechat: Wechat) -> None:
    await wechat_pay(out_trade_no="T1")
    for number in range(11):
        one = {"out_refund_no": f"R{number}", "refund_fee": str(number + 1)}
        await wechat("refund", out_trade_no="T1", total_fee="1234", **one)
    first = await wechat("refund_query", out_trade_no="T1")
    assert (first["refund_count"], first["total_refund_count"]) == ("10", "11")
    assert "refund_fee_10" not in first
    second = await wechat("refund_query", out_trade_no="T1", offset="10")
    assert (second["refund_count"], second["refund_fee_0"]) == ("1", "11")
    beyond = await wechat("refund_query", out_trade_no="T1", offset="11")
    assert beyond["err_code"] == "PARAM_ERROR"


async def test_a_refund_query_by_each_kind_of_number(wechat_pay: Wechat, wechat: Wechat) -> None:
    paid = await wechat_pay(out_trade_no="T1")
    refund = {"out_refund_no": "R1", "total_fee": "1234", "refund_fee": "34"}
    one = await wechat("refund", out_trade_no="T1", **refund)
    await wechat("refund", out_trade_no="T1", **{**refund, "out_refund_no": "R2"})
    by = [
        ({"refund_id": one["refund_id"]}, "1"),
        ({"out_refund_no": "R1"}, "1"),
        ({"transaction_id": paid["transaction_id"]}, "2"),
        ({"out_trade_no": "T1"}, "2"),
    ]
    for given, count in by:
        assert (await wechat("refund_query", **given))["refund_count"] == count


@pytest.mark.parametrize("given", [{"out_trade_no": "T1"}, {"out_refund_no": "R9"}])
async def test_a_refund_query_of_nothing(
    wechat_pay: Wechat, wechat: Wechat, given: dict[str, str]
) -> None:
    await wechat_pay(out_trade_no="T1")
    assert (await wechat("refund_query", **given))["err_code"] == "REFUNDNOTEXIST"
