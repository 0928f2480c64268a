"""An application, its channel on a scripted wire, and Alipay's own end written independently."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from device.channels.alipay import AlipayChannel, Application
from device.channels.alipay.certificates import Certificates
from device.channels.http import HttpClient, Route
from device.domain.outcome import PayOrder, RefundOrder

if TYPE_CHECKING:
    import httpx

    from tests.channels.conftest import FakeClock, Wire

Changes = Mapping[str, object]

TRADE_NO = "MZ03ABCDEFGHIJKLMNOPQRSTUVWXYZ23"
ORDER = PayOrder(TRADE_NO, 12345, "28763443825664394", "市一医院-门诊收费", operator="0012")
REFUND = RefundOrder(TRADE_NO, "RABCDEFGHIJKLMNOPQRSTUVWXYZ23456", 2345, 12345, "退号")
ALIPAY_SN = "7513daaaa48aa3ba2e4018d84402479c"


@dataclass
class Alipay:
    """Signs answers as Alipay does (alipay.md §3), in other words than the code under test."""

    key: rsa.RSAPrivateKey
    app_key: rsa.RSAPublicKey
    cert_sn: str = ""

    def sign(self, text: str, digest: hashes.HashAlgorithm | None = None) -> str:
        raw = self.key.sign(text.encode(), padding.PKCS1v15(), digest or hashes.SHA256())
        return base64.b64encode(raw).decode()

    def wrap(self, node_text: str, method: str = "pay", root: str = "") -> bytes:
        """Put a node's text as it stands into a signed answer."""
        root = root or f"alipay_trade_{method}_response"
        serial = f'"alipay_cert_sn":"{self.cert_sn}",' if self.cert_sn else ""
        return f'{{"{root}":{node_text},{serial}"sign":"{self.sign(node_text)}"}}'.encode()

    def answer(self, method: str, changes: Changes | None = None, /, **more: object) -> bytes:
        """Return a signed success, changed field by field (None = left out)."""
        fields = {"code": "10000", "msg": "Success", "out_trade_no": TRADE_NO}
        merged: dict[str, object] = {**fields, **(changes or {}), **more}
        node = {name: value for name, value in merged.items() if value is not None}
        return self.wrap(json.dumps(node, ensure_ascii=False), method)

    def failure(self, method: str, sub_code: str, code: str = "40004", text: str = "") -> bytes:
        said = {"code": code, "msg": "Business Failed", "sub_code": sub_code, "sub_msg": text}
        return self.answer(method, said)

    def paid(self, changes: Changes | None = None, /, method: str = "pay") -> bytes:
        """Return the answer to a pay that took the money, or to a query that found it."""
        when = "send_pay_date" if method == "query" else "gmt_payment"
        return self.answer(
            method,
            {
                "trade_no": "2019082922001432790585537960",
                "buyer_logon_id": "158****1562",
                "buyer_user_id": "2088102363632794",
                "total_amount": "123.45",
                "receipt_amount": "123.45",
                when: "2026-11-22 09:30:15",
                **(changes or {}),
            },
        )

    def state(self, status: str, changes: Changes | None = None, /) -> bytes:
        """Return the answer to a query."""
        return self.paid({"trade_status": status, **(changes or {})}, method="query")

    def received(self, request: "httpx.Request") -> tuple[dict[str, str], dict[str, object]]:
        """Return the system parameters and the biz_content of a request signed by the box."""
        query = dict(parse_qsl(request.url.query.decode(), strict_parsing=True))
        body = dict(parse_qsl(request.content.decode(), strict_parsing=True))
        assert body.keys() == {"biz_content"}
        signature = query.pop("sign")
        every = query | body
        text = "&".join(f"{name}={every[name]}" for name in sorted(every))
        self.app_key.verify(
            base64.b64decode(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        content = json.loads(body["biz_content"])
        assert isinstance(content, dict)
        return query, content


@dataclass
class Rig:
    """A channel with its wire, the other end, and something to pay."""

    channel: AlipayChannel
    wire: "Wire"
    alipay: Alipay
    application: Application
    clock: "FakeClock"
    order: PayOrder = ORDER
    refund_order: RefundOrder = REFUND

    async def asked(self, call: str) -> object:
        """Make a call other than pay, by its name."""
        about = REFUND if call in ("refund", "query_refund") else TRADE_NO
        return await getattr(self.channel, call)(about)

    def with_certificates(self) -> "Rig":
        """Return the same in certificate mode."""
        certificates = Certificates("a" * 32, "b" * 32, ALIPAY_SN, self.application.alipay_key)
        application = replace(self.application, certificates=certificates)
        alipay = replace(self.alipay, cert_sn=ALIPAY_SN)
        channel = made(application, self.wire, self.clock)
        return Rig(channel, self.wire, alipay, application, self.clock)


def made(application: Application, wire: "Wire", clock: "FakeClock") -> AlipayChannel:
    return AlipayChannel(
        application,
        HttpClient(Route(transport=wire)),
        gateway_url="https://gateway.example/gateway.do",
        clock=clock,
        nonce=lambda: "0123456789abcdef0123456789abcdef",
    )


@pytest.fixture
def alipay(app_key: rsa.RSAPrivateKey, alipay_key: rsa.RSAPrivateKey) -> Alipay:
    return Alipay(alipay_key, app_key.public_key())


@pytest.fixture
def rig(
    wire: "Wire",
    clock: "FakeClock",
    alipay: Alipay,
    app_key: rsa.RSAPrivateKey,
    alipay_key: rsa.RSAPrivateKey,
) -> Rig:
    application = Application("2021000000000001", app_key, alipay_key.public_key(), "BOX-1", "MZ03")
    return Rig(made(application, wire, clock), wire, alipay, application, clock)
