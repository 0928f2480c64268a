"""Both channels against the emulated providers, an independent peer, over real TLS."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from device.channels.alipay import AlipayChannel, Application, certificates, signing
from device.channels.http import HttpClient, Route, tls_context
from device.channels.wechat import Merchant, WechatChannel
from device.channels.wechat.signing import SignType
from device.clock import SystemClock
from device.domain.outcome import (
    Accepted,
    Closed,
    Contradiction,
    Declined,
    Later,
    Missing,
    NotVerified,
    Open,
    Paid,
    PayerConfirming,
    PayOrder,
    Refunded,
    RefundOrder,
    RefundPending,
    RefundSum,
    Returned,
    Unknown,
    Verified,
    WindowOver,
)
from device.domain.ports import Channel
from device.domain.words import Reason, Wallet
from simulators.gateway.behaviours import read_rule
from simulators.gateway.identities import Identities, identities
from simulators.gateway.scripts import Binding, Match
from simulators.gateway.server import Gateway

if TYPE_CHECKING:
    from collections.abc import Mapping

CODES = {Wallet.WECHAT: "134567890123456789", Wallet.ALIPAY: "287634438256643940"}
KINDS = ["wechat hmac", "wechat md5", "alipay key", "alipay certificates"]
COMMON_TROUBLE = ["bad_signature", "no_signature", "truncated", "http_502", "html", "garbage"]
COMMON_TROUBLE += ["empty", "reset", "drop_after", "unavailable", "system_error"]
COMMON_TROUBLE += ["other_amount", "other_number"]
TROUBLE = {
    Wallet.WECHAT: [
        *COMMON_TROUBLE,
        "other_merchant",
        "other_currency",
        "duplicate_tag",
        "doctype",
    ],
    Wallet.ALIPAY: [*COMMON_TROUBLE, "duplicate_node", "sha1_signature"],
}
HARMLESS = ["sign_first", "escaped_slashes", "whitespace"]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Identities:
    return identities(tmp_path_factory.mktemp("gateway-keys"))


@pytest.fixture
async def gateway(keys: Identities) -> AsyncIterator[Gateway]:
    async with Gateway(keys, tls_port=0) as running:
        yield running


def read(keys: Identities, name: str) -> str:
    return keys.path(name).read_text()


def wechat(gateway: Gateway, kind: SignType, key: str = "") -> WechatChannel:
    keys = gateway.identities
    ca, cert, cert_key = (
        keys.path(n) for n in ("ca.pem", "apiclient_cert.pem", "apiclient_key.pem")
    )
    return WechatChannel(
        Merchant(keys.appid, keys.mch_id, key or keys.wechat_key, "BOX-0001", "MZ03", kind),
        HttpClient(Route(tls=tls_context(ca))),
        HttpClient(Route(tls=tls_context(ca, cert, cert_key))),
        base_url=gateway.tls_url,
        clock=SystemClock(),
        read_timeout_s=5.0,
    )


def alipay(gateway: Gateway, *, certified: bool) -> AlipayChannel:
    keys = gateway.identities
    held = certificates.load(
        read(keys, "app_cert.crt"),
        read(keys, "alipay_cert.crt"),
        read(keys, "alipay_root_cert.crt"),
    )
    application = Application(
        keys.app_id,
        signing.private_key(read(keys, "app_private_key.pem"), "app"),
        signing.public_key(read(keys, "alipay_public_key.pem"), "alipay"),
        "BOX-0001",
        "MZ03",
        held if certified else None,
    )
    return AlipayChannel(
        application,
        HttpClient(Route(tls=tls_context(keys.path("ca.pem")))),
        gateway_url=f"{gateway.tls_url}/gateway.do",
        clock=SystemClock(),
        read_timeout_s=5.0,
    )


MAKERS: "Mapping[str, Callable[[Gateway], Channel]]" = {
    "wechat hmac": lambda gateway: wechat(gateway, SignType.HMAC_SHA256),
    "wechat md5": lambda gateway: wechat(gateway, SignType.MD5),
    "alipay key": lambda gateway: alipay(gateway, certified=False),
    "alipay certificates": lambda gateway: alipay(gateway, certified=True),
}


@pytest.fixture(params=KINDS)
async def channel(gateway: Gateway, request: pytest.FixtureRequest) -> AsyncIterator[Channel]:
    made = MAKERS[request.param](gateway)
    yield made
    await made.aclose()


def order(channel: Channel, fen: int = 12345) -> PayOrder:
    return PayOrder("MZ03ABCDEFGHIJKLMNOPQRSTUVWXYZ23", fen, CODES[channel.wallet], "市一医院-门诊")


def refund(paid: PayOrder, n: int, fen: int) -> RefundOrder:
    return RefundOrder(paid.out_trade_no, f"R{n:031d}", fen, paid.amount_fen, "退号")


def next_pay(gateway: Gateway, name: str, **parameters: object) -> None:
    gateway.bind(Binding(Match(next=True), [read_rule({"name": name, **parameters})]))


async def test_a_right_configuration_verifies(channel: Channel) -> None:
    assert await channel.verify() == Verified()


async def test_a_payment_from_the_code_to_the_reverse(channel: Channel, gateway: Gateway) -> None:
    what = order(channel)
    assert await channel.query(what.out_trade_no) == Missing()
    paid = await channel.pay(what)
    assert isinstance(paid, Paid)
    assert (paid.amount_fen, len(paid.provider_trade_no)) == (12345, 28)
    assert paid.paid_at is not None
    found = await channel.query(what.out_trade_no, 12345)
    assert isinstance(found, Paid)
    assert found.mark == "BOX-0001"  # whose order it is (payment-states §1.9)
    assert replace(found, payer_mask=paid.payer_mask, mark="") == paid
    assert isinstance(await channel.query(what.out_trade_no, 1), Contradiction)
    gateway.provider.book.clock.advance(20)
    assert await channel.reverse(what.out_trade_no) == Accepted()
    assert await channel.query(what.out_trade_no, 12345) == Closed()


async def test_a_password_is_waited_for(channel: Channel, gateway: Gateway) -> None:
    next_pay(gateway, "password", after_s=10.0)
    what = order(channel)
    assert isinstance(await channel.pay(what), PayerConfirming)
    assert isinstance(await channel.query(what.out_trade_no), Open)
    gateway.provider.book.clock.advance(11)
    assert isinstance(await channel.query(what.out_trade_no, 12345), Paid)


async def test_a_refusal_is_final(channel: Channel, gateway: Gateway) -> None:
    wechat_code, alipay_code = "NOTENOUGH", "ACQ.BUYER_BALANCE_NOT_ENOUGH"
    code = wechat_code if channel.wallet is Wallet.WECHAT else alipay_code
    next_pay(gateway, "decline", code=code)
    outcome = await channel.pay(order(channel))
    assert isinstance(outcome, Declined)
    assert outcome.reason is Reason.DECLINED_BALANCE


@pytest.mark.parametrize("kind", ["wechat hmac", "alipay key"])
async def test_every_kind_of_trouble_is_doubt_and_the_query_finds_the_money(
    kind: str, gateway: Gateway
) -> None:
    channel = MAKERS[kind](gateway)
    for n, name in enumerate(TROUBLE[channel.wallet]):
        next_pay(gateway, name)
        code = CODES[channel.wallet][:-2] + f"{n:02d}"
        what = replace(order(channel), out_trade_no=f"MZ03{n:028d}", payer_code=code)
        assert isinstance(await channel.pay(what), Unknown), name
        assert isinstance(await channel.query(what.out_trade_no, 12345), Paid), name
    await channel.aclose()


@pytest.mark.parametrize("name", HARMLESS)
async def test_another_form_of_the_same_signed_answer_is_read(gateway: Gateway, name: str) -> None:
    channel = MAKERS["alipay key"](gateway)
    next_pay(gateway, name)
    assert isinstance(await channel.pay(order(channel)), Paid)
    await channel.aclose()


async def test_reverse_says_later_or_over(channel: Channel, gateway: Gateway) -> None:
    what = order(channel)
    again = "recall" if channel.wallet is Wallet.WECHAT else "retry_flag"
    next_pay(gateway, again)
    await channel.pay(what)
    gateway.provider.book.clock.advance(20)
    assert isinstance(await channel.reverse(what.out_trade_no), Later)
    assert isinstance(await channel.query(what.out_trade_no, 12345), Paid)
    assert await channel.reverse(what.out_trade_no) == Accepted()


async def test_a_window_that_is_over_is_said_to_be(channel: Channel, gateway: Gateway) -> None:
    what = order(channel)
    next_pay(gateway, "reverse_expired")
    await channel.pay(what)
    gateway.provider.book.clock.advance(20)
    assert isinstance(await channel.reverse(what.out_trade_no), WindowOver)


async def test_eleven_partial_refunds_and_their_sum(channel: Channel, gateway: Gateway) -> None:
    what = order(channel, 1100)
    await channel.pay(what)
    for n in range(11):
        one = refund(what, n, 100)
        assert await channel.query_refund(one) == Missing()
        outcome = await channel.refund(one)
        expected = RefundPending if channel.wallet is Wallet.WECHAT else Refunded
        assert isinstance(outcome, expected)
        gateway.provider.book.clock.advance(61)  # WeChat wants a minute between two
        done = await channel.query_refund(one)
        assert isinstance(done, Refunded)
        assert done.amount_fen == 100
        assert not isinstance(await channel.refund(one), Refunded)  # the same number moves nothing
    assert await channel.refunded_sum(what.out_trade_no) == RefundSum(1100)
    last = await channel.query(what.out_trade_no, 1100)
    assert isinstance(last, Returned | Closed)


async def test_a_refund_for_which_the_balance_is_short_waits(
    channel: Channel, gateway: Gateway
) -> None:
    what = order(channel)
    next_pay(gateway, "refund_not_enough")
    await channel.pay(what)
    outcome = await channel.refund(refund(what, 1, 100))
    assert isinstance(outcome, Later)
    assert outcome.reason is Reason.BALANCE_SHORT


async def test_a_wrong_wechat_key_is_one_clear_line(gateway: Gateway) -> None:
    channel = wechat(gateway, SignType.HMAC_SHA256, "f" * 32)
    outcome = await channel.verify()
    assert isinstance(outcome, NotVerified)
    assert outcome.configuration
    assert "微信密钥不正确" in outcome.text
    await channel.aclose()


@pytest.mark.parametrize(
    ("wrong", "line"),
    [("ours", "private_key_file"), ("theirs", "alipay_public_key_file")],
)
async def test_a_wrong_alipay_key_is_one_clear_line(
    gateway: Gateway, app_key: rsa.RSAPrivateKey, wrong: str, line: str
) -> None:
    keys = gateway.identities
    own = signing.private_key(read(keys, "app_private_key.pem"), "f")
    theirs = signing.public_key(read(keys, "alipay_public_key.pem"), "f")
    own = app_key if wrong == "ours" else own
    theirs = app_key.public_key() if wrong == "theirs" else theirs
    channel = AlipayChannel(
        Application(keys.app_id, own, theirs, "BOX-0001", "MZ03"),
        HttpClient(Route()),
        gateway_url=gateway.alipay_url,
        clock=SystemClock(),
    )
    outcome = await channel.verify()
    assert isinstance(outcome, NotVerified)
    assert outcome.configuration
    assert line in outcome.text
    await channel.aclose()


@pytest.mark.parametrize("kind", ["wechat hmac", "alipay key"])
async def test_a_pay_after_warming_opens_no_connection_over_tls(
    kind: str, gateway: Gateway
) -> None:
    channel = MAKERS[kind](gateway)
    client: HttpClient = channel._client  # type: ignore[attr-defined]
    assert await channel.warm()
    assert client.connects == 1
    assert isinstance(await channel.pay(order(channel)), Paid)
    assert client.connects == 1
    await channel.aclose()
