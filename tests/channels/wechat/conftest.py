"""A merchant, its channel on a scripted wire, and WeChat's own end written independently."""

import hashlib
import hmac
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from device.channels.http import HttpClient, Route
from device.channels.wechat import Merchant, WechatChannel
from device.channels.wechat.signing import SignType
from device.domain.outcome import PayOrder, RefundOrder

if TYPE_CHECKING:
    import httpx

    from tests.channels.conftest import FakeClock, Wire

API_KEY = "192006250b4c09247ec02edce69f6a2d"
TRADE_NO = "MZ03ABCDEFGHIJKLMNOPQRSTUVWXYZ23"
ORDER = PayOrder(TRADE_NO, 12345, "134567890123456789", "市一医院-门诊收费")
REFUND = RefundOrder(TRADE_NO, "RABCDEFGHIJKLMNOPQRSTUVWXYZ23456", 2345, 12345, "退号")

Changes = Mapping[str, str | None]


@dataclass
class Tencent:
    """Signs answers as WeChat does (wechat.md §5), in other words than the code under test."""

    hmac: bool = True

    def sign(self, fields: dict[str, str]) -> str:
        pairs = [f"{k}={fields[k]}" for k in sorted(fields) if fields[k] != "" and k != "sign"]
        text = "&".join([*pairs, "key=" + API_KEY]).encode("utf-8")
        if self.hmac:
            return hmac.new(API_KEY.encode(), text, "sha256").hexdigest().upper()
        return hashlib.md5(text).hexdigest().upper()

    def xml(self, fields: dict[str, str]) -> bytes:
        inner = "".join(f"<{k}><![CDATA[{v}]]></{k}>" for k, v in fields.items())
        return f"<xml>{inner}</xml>".encode()

    def answer(self, changes: Changes | None = None, /, **more: str) -> bytes:
        """Return a signed success of our merchant, changed field by field (None = left out)."""
        fields: dict[str, str | None] = {
            "return_code": "SUCCESS",
            "return_msg": "OK",
            "appid": "wx2421b1c4370ec43b",
            "mch_id": "10000100",
            "nonce_str": "o5bAKF3o2ypC8hwa",
            "result_code": "SUCCESS",
            **(changes or {}),
            **more,
        }
        kept = {k: v for k, v in fields.items() if v is not None}
        return self.xml({**kept, "sign": self.sign(kept)})

    def failure(self, code: str, text: str = "") -> bytes:
        return self.answer(result_code="FAIL", err_code=code, err_code_des=text)

    def paid(self, changes: Changes | None = None) -> bytes:
        """Return the answer to a micropay that took the money."""
        return self.answer(
            {
                "openid": "oUpF8uN95-Ptaags6E_roPHg7AG0",
                "trade_type": "MICROPAY",
                "bank_type": "CCB_DEBIT",
                "total_fee": "12345",
                "fee_type": "CNY",
                "transaction_id": "1008450740201411110005820873",
                "out_trade_no": TRADE_NO,
                "time_end": "20261122093015",
                **(changes or {}),
            }
        )

    def state(self, state: str, changes: Changes | None = None) -> bytes:
        """Return the answer to an orderquery."""
        return self.paid({"trade_state": state, **(changes or {})})

    def received(self, request: "httpx.Request") -> dict[str, str]:
        """Return the fields of a request whose signature is right."""
        fields = {child.tag: child.text or "" for child in ET.fromstring(request.content)}
        assert fields["sign"] == self.sign(fields)
        return fields


@pytest.fixture
def tencent() -> Tencent:
    return Tencent()


MakeChannel = Callable[..., WechatChannel]


@pytest.fixture
def make_channel(wire: "Wire", certificate_wire: "Wire", clock: "FakeClock") -> MakeChannel:
    def make(sign_type: SignType = SignType.HMAC_SHA256, spare_url: str = "") -> WechatChannel:
        return WechatChannel(
            Merchant("wx2421b1c4370ec43b", "10000100", API_KEY, "BOX-0001", "MZ03", sign_type),
            HttpClient(Route(transport=wire)),
            HttpClient(Route(transport=certificate_wire)),
            base_url="https://first.example/",
            spare_url=spare_url,
            clock=clock,
            nonce=lambda: "0123456789abcdef0123456789abcdef",
        )

    return make


@pytest.fixture
def channel(make_channel: MakeChannel) -> WechatChannel:
    return make_channel()


@dataclass
class Rig:
    """A channel with both its wires, the other end, and something to pay."""

    channel: WechatChannel
    wire: "Wire"
    certificate_wire: "Wire"
    tencent: Tencent
    order: PayOrder = ORDER
    refund_order: RefundOrder = REFUND

    async def asked(self, call: str) -> object:
        """Make a call other than pay, by its name."""
        about = REFUND if call in ("refund", "query_refund") else TRADE_NO
        return await getattr(self.channel, call)(about)


@pytest.fixture
def rig(channel: WechatChannel, wire: "Wire", certificate_wire: "Wire", tencent: Tencent) -> Rig:
    return Rig(channel, wire, certificate_wire, tencent)
