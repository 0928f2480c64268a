"""wechatpy 1.8.18, a client none of us wrote, against the emulated WeChat (wechat §11)."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from simulators.gateway.scripts import read_binding
from simulators.gateway.server import Gateway

pytestmark = pytest.mark.independent

Client = Callable[[str, dict[str, Any]], Awaitable[list[dict[str, Any]]]]
CODE = "134500000000000001"


def job(gateway: Gateway, *steps: dict[str, Any], certificate: bool = True) -> dict[str, Any]:
    keys = gateway.identities
    client = {"appid": keys.appid, "api_key": keys.wechat_key, "mch_id": keys.mch_id}
    if certificate:
        client["mch_cert"] = str(keys.path("apiclient_cert.pem"))
        client["mch_key"] = str(keys.path("apiclient_key.pem"))
    ca = str(keys.path("ca.pem"))
    return {"client": client, "url": gateway.tls_url, "ca": ca, "steps": list(steps)}


def step(call: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    return {"call": call, "args": args, "kwargs": kwargs}


def pay(number: str = "T0001", code: str = CODE, fen: int = 1234) -> dict[str, Any]:
    given = {"client_ip": "127.0.0.1", "out_trade_no": number}
    return step("micropay.create", "市一医院-门诊收费", fen, code, **given)


async def test_pays_and_queries_with_signatures_it_accepts(
    gateway: Gateway, foreign_client: Client
) -> None:
    steps = [
        pay(),
        step("micropay.query", out_trade_no="T0001"),
        step("order.query", None, "T0001"),
    ]
    answers = await foreign_client("wechatpy", job(gateway, *steps))
    assert [one["signed"] for one in answers] == [True, True, True]
    assert answers[0]["result"]["total_fee"] == "1234"
    assert [one["result"]["trade_state"] for one in answers[1:]] == ["SUCCESS", "SUCCESS"]


async def test_reverses_with_its_certificate(gateway: Gateway, foreign_client: Client) -> None:
    steps = [
        pay(),
        step("order.reverse", out_trade_no="T0001"),
        step("order.query", None, "T0001"),
    ]
    answers = await foreign_client("wechatpy", job(gateway, *steps))
    assert answers[1] == {"result": answers[1]["result"], "signed": True}
    assert answers[1]["result"]["recall"] == "N"
    assert answers[2]["result"]["trade_state"] == "REVOKED"


async def test_is_refused_with_400_and_html_without_a_certificate(
    gateway: Gateway, foreign_client: Client
) -> None:
    steps = [pay(), step("order.reverse", out_trade_no="T0001")]
    answers = await foreign_client("wechatpy", job(gateway, *steps, certificate=False))
    assert answers[0]["signed"] is True
    assert answers[1]["status"] == 400


async def test_refunds_and_queries_the_refund(gateway: Gateway, foreign_client: Client) -> None:
    steps = [
        pay(),
        step("refund.apply", 1234, 234, "R0001", None, "T0001"),
        step("refund.query", None, None, None, "T0001"),
    ]
    answers = await foreign_client("wechatpy", job(gateway, *steps))
    assert [one["signed"] for one in answers] == [True, True, True]
    assert answers[1]["result"]["refund_fee"] == "234"
    listed = answers[2]["result"]
    assert (listed["refund_fee_0"], listed["refund_status_0"]) == ("234", "SUCCESS")


async def test_sees_the_documented_code_of_a_decline(
    gateway: Gateway, foreign_client: Client
) -> None:
    decline = {"name": "decline", "code": "NOTENOUGH"}
    gateway.bind(read_binding({"match": {"code": CODE}, "do": [decline]}))
    answers = await foreign_client("wechatpy", job(gateway, pay()))
    assert answers[0]["error"] == "NOTENOUGH"
    assert answers[0]["return_code"] == "SUCCESS"


async def test_a_spoilt_signature_is_found_by_its_check(
    gateway: Gateway, foreign_client: Client
) -> None:
    gateway.bind(read_binding({"match": {"next": True}, "do": "bad_signature"}))
    answers = await foreign_client("wechatpy", job(gateway, pay()))
    assert answers[0]["signed"] is False


async def test_signs_hmac_requests_the_emulator_accepts(
    gateway: Gateway, foreign_client: Client
) -> None:
    asked = {"appid": gateway.identities.appid, "sign_type": "HMAC-SHA256", "out_trade_no": "N1"}
    answers = await foreign_client(
        "wechatpy", job(gateway, step("post", "pay/orderquery", data=asked))
    )
    # A wrong signature would be a transport failure without any code.
    assert answers[0]["error"] == "ORDERNOTEXIST"
    assert answers[0]["return_code"] == "SUCCESS"
