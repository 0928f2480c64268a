"""python-alipay-sdk 3.4.0, a client none of us wrote, against the emulated Alipay (alipay §11)."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from simulators.gateway.scripts import read_binding
from simulators.gateway.server import Gateway

pytestmark = pytest.mark.independent

Client = Callable[[str, dict[str, Any]], Awaitable[list[dict[str, Any]]]]
CODE = "284500000000000001"


def job(gateway: Gateway, *steps: dict[str, Any]) -> dict[str, Any]:
    keys = gateway.identities
    client = {
        "appid": keys.app_id,
        "app_notify_url": None,
        "app_private_key_string": keys.path("app_private_key.pem").read_text(),
        "alipay_public_key_string": keys.path("alipay_public_key.pem").read_text(),
    }
    return {"class": "AliPay", "client": client, "url": gateway.alipay_url, "steps": list(steps)}


def certificate_job(gateway: Gateway, *steps: dict[str, Any]) -> dict[str, Any]:
    keys = gateway.identities
    client = {
        "appid": keys.app_id,
        "app_notify_url": None,
        "app_private_key_string": keys.path("app_private_key.pem").read_text(),
        "app_public_key_cert_string": keys.path("app_cert.crt").read_text(),
        "alipay_public_key_cert_string": keys.path("alipay_cert.crt").read_text(),
        "alipay_root_cert_string": keys.path("alipay_root_cert.crt").read_text(),
    }
    return {"class": "DCAliPay", "client": client, "url": gateway.alipay_url, "steps": list(steps)}


def step(call: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    return {"call": f"api_alipay_trade_{call}", "args": args, "kwargs": kwargs}


def pay(number: str = "A0001", code: str = CODE, yuan: str = "12.34") -> dict[str, Any]:
    return step("pay", number, "bar_code", code, "市一医院-门诊收费", total_amount=yuan)


STEPS = (
    pay(),
    step("query", "A0001"),
    step("refund", "2.34", "A0001", out_request_no="R1"),
    step("fastpay_refund_query", "R1", out_trade_no="A0001"),
)


@pytest.mark.parametrize("make_job", [job, certificate_job])
async def test_pays_queries_and_refunds_with_signatures_it_accepts(
    gateway: Gateway,
    foreign_client: Client,
    make_job: Callable[..., dict[str, Any]],
) -> None:
    answers = await foreign_client("alipay", make_job(gateway, *STEPS))
    assert [one.get("result", one).get("code") for one in answers] == ["10000"] * 4
    assert answers[1]["result"]["trade_status"] == "TRADE_SUCCESS"
    assert answers[2]["result"]["fund_change"] == "Y"
    assert answers[3]["result"]["refund_status"] == "REFUND_SUCCESS"


async def test_cancels_a_payment(gateway: Gateway, foreign_client: Client) -> None:
    steps = [pay(), step("cancel", "A0001"), step("query", "A0001"), step("cancel", "A0002")]
    answers = await foreign_client("alipay", job(gateway, *steps))
    assert answers[1]["result"]["action"] == "refund"
    assert answers[2]["result"]["trade_status"] == "TRADE_CLOSED"
    assert "action" not in answers[3]["result"]


async def test_sees_a_payer_who_is_asked(gateway: Gateway, foreign_client: Client) -> None:
    answers = await foreign_client("alipay", job(gateway, pay(yuan="1000.00")))
    assert answers[0]["result"]["code"] == "10003"


@pytest.mark.parametrize("name", ["escaped_slashes", "whitespace", "sign_first", "duplicate_node"])
async def test_reads_unusual_but_signed_forms(
    gateway: Gateway, foreign_client: Client, name: str
) -> None:
    gateway.bind(read_binding({"match": {"next": True}, "do": name}))
    answers = await foreign_client("alipay", job(gateway, pay()))
    assert answers[0]["result"]["out_trade_no"] == "A0001"


@pytest.mark.parametrize("name", ["bad_signature", "sha1_signature"])
async def test_refuses_a_spoilt_signature(
    gateway: Gateway, foreign_client: Client, name: str
) -> None:
    gateway.bind(read_binding({"match": {"next": True}, "do": name}))
    answers = await foreign_client("alipay", job(gateway, pay()))
    assert answers[0]["error"] == "AliPayValidationError"


async def test_a_foreign_key_is_answered_with_the_gateways_diagnostic(
    gateway: Gateway, foreign_client: Client
) -> None:
    wrong = job(gateway, pay())
    other = gateway.identities.path("alipay_private_key.pem")
    wrong["client"]["app_private_key_string"] = other.read_text()
    answers = await foreign_client("alipay", wrong)
    assert answers[0]["result"]["sub_code"] == "isv.invalid-signature"
    assert "&amp;charset=utf-8" in answers[0]["result"]["sub_msg"]
