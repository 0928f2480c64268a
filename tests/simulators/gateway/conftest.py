"""A gateway with a clock of its own, and raw clients that sign for themselves."""

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from simulators.gateway.clock import Clock
from simulators.gateway.identities import Identities, identities
from simulators.gateway.scripts import read_binding
from simulators.gateway.server import Gateway

Raw = tuple[bytes, str]  # everything read, and how it ended: eof, reset or silence
SILENCE_S = 0.6


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Identities:
    return identities(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def clock() -> Clock:
    """Stands still at 2026-03-01 09:30:15 Beijing until it is advanced."""
    return Clock(lambda: 1_772_328_615.0)


@pytest.fixture
async def gateway(keys: Identities, clock: Clock) -> AsyncIterator[Gateway]:
    async with Gateway(keys, tls_port=0, clock=clock) as running:
        yield running


@pytest.fixture
def numbers() -> Iterator[str]:
    return (f"T{number:07d}" for number in itertools.count(1))


@pytest.fixture
def send(gateway: Gateway) -> Callable[[bytes], Awaitable[Raw]]:
    """Send bytes on a new connection and read until it ends or falls silent."""

    async def raw(request: bytes) -> Raw:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(request)
        got = b""
        try:
            while piece := await asyncio.wait_for(reader.read(1 << 16), SILENCE_S):
                got += piece
            ended = "eof"
        except TimeoutError:
            ended = "silence"
        except ConnectionResetError:
            ended = "reset"
        writer.close()
        return got, ended

    return raw


def http(method: str, target: str, body: bytes, kind: str = "text/xml") -> bytes:
    head = (
        f"{method} {target} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def wechat_sign(fields: Mapping[str, str], key: str, sign_type: str) -> str:
    text = "&".join(f"{k}={v}" for k, v in sorted(fields.items()) if v and k != "sign")
    content = f"{text}&key={key}".encode()
    if sign_type == "HMAC-SHA256":
        return hmac.new(key.encode(), content, hashlib.sha256).hexdigest().upper()
    return hashlib.md5(content).hexdigest().upper()


@pytest.fixture
def wechat_request(keys: Identities) -> Callable[..., bytes]:
    """Make a signed request: `wechat_request("/pay/orderquery", out_trade_no="T1")`."""

    def make(path: str, **given: str) -> bytes:
        fields = {"appid": keys.appid, "mch_id": keys.mch_id, "nonce_str": "n0nce", **given}
        sign_type = fields.get("sign_type") or "MD5"
        fields.setdefault("sign", wechat_sign(fields, keys.wechat_key, sign_type))
        inner = "".join(f"<{k}><![CDATA[{v}]]></{k}>" for k, v in fields.items())
        return http("POST", path, f"<xml>{inner}</xml>".encode())

    return make


@pytest.fixture
def wechat_pay_request(
    wechat_request: Callable[..., bytes], numbers: Iterator[str]
) -> Callable[..., bytes]:
    """Make a micropay; what is not given is filled in, a new number and code each time."""

    def make(**given: str) -> bytes:
        number = next(numbers)
        usual = {
            "body": "市一医院-门诊收费",
            "out_trade_no": number,
            "total_fee": "1234",
            "spbill_create_ip": "127.0.0.1",
            "auth_code": "13" + number[1:].zfill(16),
        }
        return wechat_request("/pay/micropay", **{**usual, **given})

    return make


def body_of(raw: Raw) -> bytes:
    head, _, body = raw[0].partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), raw
    return body


@pytest.fixture
def read_wechat(keys: Identities) -> Callable[[Raw], dict[str, str]]:
    """Read a whole WeChat answer and verify its signature with HMAC or MD5, by length."""
    from xml.etree import ElementTree as ET  # noqa: PLC0415 - only here

    def read(raw: Raw) -> dict[str, str]:
        fields = {child.tag: child.text or "" for child in ET.fromstring(body_of(raw))}
        if fields["return_code"] == "SUCCESS":
            sign_type = "MD5" if len(fields["sign"]) == 32 else "HMAC-SHA256"
            assert fields["sign"] == wechat_sign(fields, keys.wechat_key, sign_type)
        return fields

    return read


Send = Callable[[bytes], Awaitable[Raw]]
Wechat = Callable[..., Awaitable[dict[str, str]]]


@pytest.fixture
def wechat_pay(
    send: Send,
    wechat_pay_request: Callable[..., bytes],
    read_wechat: Callable[[Raw], dict[str, str]],
) -> Wechat:
    async def pay(**given: str) -> dict[str, str]:
        return read_wechat(await send(wechat_pay_request(**given)))

    return pay


@pytest.fixture
def wechat(
    send: Send,
    wechat_request: Callable[..., bytes],
    read_wechat: Callable[[Raw], dict[str, str]],
) -> Wechat:
    """Call by its short name: `await wechat("query", out_trade_no="T1")`."""
    paths = {
        "query": "/pay/orderquery",
        "reverse": "/secapi/pay/reverse",
        "refund": "/secapi/pay/refund",
        "refund_query": "/pay/refundquery",
    }

    async def call(name: str, **given: str) -> dict[str, str]:
        return read_wechat(await send(wechat_request(paths[name], **given)))

    return call


@pytest.fixture(scope="session")
def app_key(keys: Identities) -> rsa.RSAPrivateKey:
    pem = keys.path("app_private_key.pem").read_bytes()
    key = serialization.load_pem_private_key(pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@pytest.fixture
def alipay_parameters(keys: Identities, app_key: rsa.RSAPrivateKey) -> Callable[..., Any]:
    """Make the signed parameters; keywords beside `method` and `system` are biz_content."""

    def make(
        method: str, system: Mapping[str, str] | None = None, **content: object
    ) -> dict[str, str]:
        given = {
            "app_id": keys.app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": "2026-03-01 09:30:15",
            "version": "1.0",
            "biz_content": json.dumps(content, ensure_ascii=False),
            **(system or {}),
        }
        given = {name: one for name, one in given.items() if one}
        text = "&".join(f"{name}={one}" for name, one in sorted(given.items()))
        signature = app_key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return {"sign": base64.b64encode(signature).decode(), **given}

    return make


@pytest.fixture
def alipay_request(alipay_parameters: Callable[..., dict[str, str]]) -> Callable[..., bytes]:
    """Make a request as the official SDKs do: system parameters in the query."""

    def make(method: str, system: Mapping[str, str] | None = None, **content: object) -> bytes:
        given = alipay_parameters(method, system, **content)
        body = urlencode({"biz_content": given.pop("biz_content")}).encode()
        target = "/gateway.do?" + urlencode(given)
        return http("POST", target, body, "application/x-www-form-urlencoded;charset=utf-8")

    return make


@pytest.fixture
def alipay_pay_request(
    alipay_request: Callable[..., bytes], numbers: Iterator[str]
) -> Callable[..., bytes]:
    """Make a trade.pay; what is not given is filled in, a new number and code each time."""

    def make(**given: object) -> bytes:
        number = next(numbers)
        usual = {
            "out_trade_no": number,
            "scene": "bar_code",
            "auth_code": "28" + number[1:].zfill(16),
            "subject": "市一医院/门诊收费",
            "total_amount": "12.34",
        }
        return alipay_request("alipay.trade.pay", **{**usual, **given})

    return make


@pytest.fixture
def read_alipay(keys: Identities) -> Callable[[Raw], dict[str, Any]]:
    """Verify the exact text of the response node with the platform key, and read it."""
    pem = keys.path("alipay_public_key.pem").read_bytes()
    key = serialization.load_pem_public_key(pem)
    assert isinstance(key, rsa.RSAPublicKey)

    def read(raw: Raw) -> dict[str, Any]:
        text = body_of(raw).decode()
        envelope = json.loads(text)
        root = next(name for name in envelope if name.endswith("_response"))
        start = text.index(f'"{root}":') + len(root) + 3
        node, end = json.JSONDecoder().raw_decode(text, start)
        signature = base64.b64decode(envelope["sign"])
        key.verify(signature, text[start:end].encode(), padding.PKCS1v15(), hashes.SHA256())
        found: dict[str, Any] = node
        return found

    return read


@pytest.fixture
def alipay_pay(
    send: Send,
    alipay_pay_request: Callable[..., bytes],
    read_alipay: Callable[[Raw], dict[str, Any]],
) -> Callable[..., Awaitable[dict[str, Any]]]:
    async def pay(**given: object) -> dict[str, Any]:
        return read_alipay(await send(alipay_pay_request(**given)))

    return pay


@pytest.fixture
def alipay(
    send: Send,
    alipay_request: Callable[..., bytes],
    read_alipay: Callable[[Raw], dict[str, Any]],
) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Call by its short name: `await alipay("query", out_trade_no="T1")`."""
    methods = {
        "query": "alipay.trade.query",
        "reverse": "alipay.trade.cancel",
        "refund": "alipay.trade.refund",
        "refund_query": "alipay.trade.fastpay.refund.query",
    }

    async def call(name: str, **content: object) -> dict[str, Any]:
        return read_alipay(await send(alipay_request(methods[name], **content)))

    return call


@pytest.fixture
def bind(gateway: Gateway) -> Callable[..., None]:
    """Bind behaviours to the next payment, or to what is given as `match`."""

    def one(*do: object, match: Mapping[str, object] | None = None) -> None:
        gateway.bind(read_binding({"match": match or {"next": True}, "do": list(do)}))

    return one
