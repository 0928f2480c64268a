"""A signed answer that was changed on its way is never believed, whatever was changed.

The transport below returns the mutated bytes; the outcome may be anything but money moved or a
payment ended.
"""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from device.channels.alipay import AlipayChannel, Application
from device.channels.http import HttpClient, Route
from device.channels.wechat import Merchant, WechatChannel
from device.clock import SystemClock
from device.domain.outcome import Declined, Paid, PayOrder, PayOutcome, Unknown
from device.domain.ports import Channel

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The machine that runs this may be busy with other things."""

TRADE_NO = "MZ03ABCDEFGHIJKLMNOPQRSTUVWXYZ23"
KEY = "192006250b4c09247ec02edce69f6a2d"
ORDER = PayOrder(TRADE_NO, 12345, "134567890123456789", "门诊")
OURS = rsa.generate_private_key(65537, 2048)
ALIPAYS = rsa.generate_private_key(65537, 2048)


def wechat_answer(fields: dict[str, str]) -> bytes:
    text = "&".join([*(f"{k}={v}" for k, v in sorted(fields.items())), f"key={KEY}"])
    signature = hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest().upper()
    inner = "".join(f"<{k}>{v}</{k}>" for k, v in {**fields, "sign": signature}.items())
    return f"<xml>{inner}</xml>".encode()


def alipay_answer(fields: dict[str, str]) -> bytes:
    node = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
    raw = ALIPAYS.sign(node.encode(), padding.PKCS1v15(), hashes.SHA256())
    signature = base64.b64encode(raw).decode()
    return f'{{"alipay_trade_pay_response":{node},"sign":"{signature}"}}'.encode()


BASE = {"return_code": "SUCCESS", "appid": "wx1", "mch_id": "1900000109", "nonce_str": "n"}
WECHAT = {
    "paid": wechat_answer(
        {
            **BASE,
            "result_code": "SUCCESS",
            "trade_type": "MICROPAY",
            "total_fee": "12345",
            "transaction_id": "1008450740201411110005820873",
            "out_trade_no": TRADE_NO,
        }
    ),
    "refused": wechat_answer({**BASE, "result_code": "FAIL", "err_code": "NOTENOUGH"}),
}
ALIPAY = {
    "paid": alipay_answer(
        {
            "code": "10000",
            "msg": "Success",
            "out_trade_no": TRADE_NO,
            "trade_no": "2019082922001432790585537960",
            "total_amount": "123.45",
        }
    ),
    "refused": alipay_answer({"code": "40004", "sub_code": "ACQ.BUYER_BALANCE_NOT_ENOUGH"}),
}


@dataclass
class Fixed(httpx.AsyncBaseTransport):
    body: bytes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert request.method == "POST"
        return httpx.Response(200, content=self.body)


def wechat(body: bytes) -> Channel:
    client = HttpClient(Route(transport=Fixed(body)))
    merchant = Merchant("wx1", "1900000109", KEY, "BOX-1", "MZ03")
    return WechatChannel(merchant, client, client, base_url="http://127.0.0.1", clock=SystemClock())


def alipay(body: bytes) -> Channel:
    client = HttpClient(Route(transport=Fixed(body)))
    application = Application("2021", OURS, ALIPAYS.public_key(), "BOX-1", "MZ03")
    return AlipayChannel(application, client, gateway_url="http://127.0.0.1", clock=SystemClock())


def paid_with(channel: Channel) -> PayOutcome:
    return asyncio.run(channel.pay(ORDER))


Make = Callable[[bytes], Channel]
ANSWERS: Sequence[tuple[Make, bytes]] = [(wechat, body) for body in WECHAT.values()] + [
    (alipay, body) for body in ALIPAY.values()
]
PIECES = [
    b"<",
    b">",
    b'"',
    b"{",
    b"}",
    b"\\",
    b",",
    b"<sign></sign>",
    b"<total_fee>12345</total_fee>",
    b"<result_code>SUCCESS</result_code>",
    b'"code":"10000",',
    b'"total_amount":"123.45",',
    b'"sign":"x",',
    b'"error_response":{},',
    b"\x00",
    b"\xff",
    b"0",
]


@st.composite
def mutated(draw: st.DrawFn, body: bytes) -> bytes:
    """Change, cut, repeat or insert bytes somewhere."""
    data = bytearray(body)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        end = min(len(data), at + draw(st.integers(0, 30)))
        kind = draw(st.sampled_from(["swap", "swap", "flip", "cut", "repeat", "insert", "end"]))
        if kind == "swap" and data:
            data[at] = draw(st.sampled_from(b"0123456789AZaz"))
        elif kind == "flip" and data:
            data[at] = draw(st.integers(0, 255))
        elif kind == "cut":
            del data[at:end]
        elif kind == "repeat":
            data[at:at] = data[at:end]
        elif kind == "insert":
            data[at:at] = draw(st.sampled_from(PIECES))
        elif kind == "end":
            del data[at:]
    return bytes(data)


@pytest.mark.parametrize(("make", "body"), [ANSWERS[0], ANSWERS[2]], ids=["wechat", "alipay"])
def test_the_answer_unchanged_is_paid(make: Make, body: bytes) -> None:
    assert isinstance(paid_with(make(body)), Paid)


SWAPS = [
    (make, body, at) for make, body in ANSWERS for at in range(len(body)) if chr(body[at]).isalnum()
]


@settings(PATIENT, max_examples=400)
@given(st.sampled_from(SWAPS), st.sampled_from(b"0123456789AZaz"))
def test_one_other_letter_anywhere_is_unknown(swap: tuple[Make, bytes, int], letter: int) -> None:
    make, body, at = swap
    assume(body[at] != letter)
    changed = body[:at] + bytes([letter]) + body[at + 1 :]
    assert isinstance(paid_with(make(changed)), Unknown)


def test_another_spelling_of_the_same_signature_is_unknown() -> None:
    body = ALIPAY["paid"]
    at = body.rindex(b"==") - 1  # its last four bits are not part of the signature
    digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = digits[digits.index(body[at]) + 1]
    changed = body[:at] + bytes([other]) + body[at + 1 :]
    signatures = [json.loads(each)["sign"] for each in (body, changed)]
    assert base64.b64decode(signatures[0]) == base64.b64decode(signatures[1])
    assert isinstance(paid_with(alipay(changed)), Unknown)


@settings(PATIENT, max_examples=400)
@given(data=st.data(), which=st.integers(0, len(ANSWERS) - 1))
def test_a_changed_answer_neither_takes_money_nor_ends_a_payment(
    data: st.DataObject, which: int
) -> None:
    make, body = ANSWERS[which]
    changed = data.draw(mutated(body))
    assume(changed != body)
    outcome = paid_with(make(changed))
    if isinstance(outcome, Unknown):
        assert ORDER.payer_code not in repr(outcome)
        return
    assert outcome == paid_with(make(body)), "another meaning came out of a signed answer"
    assert isinstance(outcome, Paid | Declined)
