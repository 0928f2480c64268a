"""Each behaviour of the table, seen from outside by a raw client."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from simulators.gateway.behaviours import TABLE
from simulators.gateway.clock import Clock
from simulators.gateway.model import State, Wallet
from simulators.gateway.server import Gateway

Raw = tuple[bytes, str]
Send = Callable[[bytes], Awaitable[Raw]]
Call = Callable[..., Awaitable[dict[str, Any]]]
Request = Callable[..., bytes]
Bind = Callable[..., None]
NUMBER = {"out_trade_no": "T1"}
WALLETS = pytest.mark.parametrize("wallet", list(Wallet))


def test_every_behaviour_is_named_here() -> None:
    text = Path(__file__).read_text()
    assert [name for name in TABLE if f'"{name}"' not in text] == []


@pytest.fixture
def pays(wechat_pay: Call, alipay_pay: Call) -> dict[Wallet, Call]:
    return {Wallet.WECHAT: wechat_pay, Wallet.ALIPAY: alipay_pay}


@pytest.fixture
def calls(wechat: Call, alipay: Call) -> dict[Wallet, Call]:
    return {Wallet.WECHAT: wechat, Wallet.ALIPAY: alipay}


@pytest.fixture
def pay_requests(wechat_pay_request: Request, alipay_pay_request: Request) -> dict[Wallet, Request]:
    return {Wallet.WECHAT: wechat_pay_request, Wallet.ALIPAY: alipay_pay_request}


def state(gateway: Gateway, wallet: Wallet) -> State | None:
    """What the provider's book holds of T1."""
    trade = gateway.book.find(wallet, "T1")
    return trade.state if trade else None


def code(answer: dict[str, Any]) -> str:
    """Give the one word that says what came of it, in either protocol."""
    for name in ("err_code", "sub_code", "trade_state", "trade_status", "result_code", "code"):
        if answer.get(name):
            return str(answer[name])
    raise AssertionError(answer)


# What the payer does

LARGE = {Wallet.WECHAT: {"total_fee": "100000"}, Wallet.ALIPAY: {"total_amount": "1000.00"}}
PAYING = {Wallet.WECHAT: "USERPAYING", Wallet.ALIPAY: "10003"}
WAITING = {Wallet.WECHAT: "USERPAYING", Wallet.ALIPAY: "WAIT_BUYER_PAY"}
PAID = {Wallet.WECHAT: "SUCCESS", Wallet.ALIPAY: "TRADE_SUCCESS"}
OVER = {Wallet.WECHAT: "REVOKED", Wallet.ALIPAY: "TRADE_CLOSED"}


@WALLETS
async def test_paid_whatever_the_amount(
    gateway: Gateway, bind: Bind, pays: dict[Wallet, Call], wallet: Wallet
) -> None:
    bind("paid")
    await pays[wallet](**NUMBER, **LARGE[wallet])
    assert state(gateway, wallet) is State.PAID


@WALLETS
async def test_password_then_paid(
    bind: Bind, pays: dict[Wallet, Call], calls: dict[Wallet, Call], clock: Clock, wallet: Wallet
) -> None:
    bind({"name": "password", "after_s": 7})
    assert code(await pays[wallet](**NUMBER)) == PAYING[wallet]
    assert code(await calls[wallet]("query", **NUMBER)) == WAITING[wallet]
    clock.advance(7)
    assert code(await calls[wallet]("query", **NUMBER)) == PAID[wallet]


@WALLETS
async def test_password_never(
    bind: Bind, pays: dict[Wallet, Call], calls: dict[Wallet, Call], clock: Clock, wallet: Wallet
) -> None:
    bind("password_never")
    timeout = {"timeout_express": "2m"} if wallet is Wallet.ALIPAY else {}
    assert code(await pays[wallet](**NUMBER, **timeout)) == PAYING[wallet]
    clock.advance(120)
    assert code(await calls[wallet]("query", **NUMBER)) == OVER[wallet]


@pytest.mark.parametrize("shows", ["PAYERROR", "NOTPAY"])
async def test_password_cancelled_at_wechat(
    bind: Bind, wechat_pay: Call, wechat: Call, clock: Clock, shows: str
) -> None:
    bind({"name": "password_cancelled", "after_s": 3, "shows": shows})
    await wechat_pay(**NUMBER)
    clock.advance(3)
    assert (await wechat("query", **NUMBER))["trade_state"] == shows
    assert (await wechat("reverse", **NUMBER))["recall"] == "N"
    assert (await wechat("query", **NUMBER))["trade_state"] == "REVOKED"


async def test_password_cancelled_at_alipay(
    bind: Bind, alipay_pay: Call, alipay: Call, clock: Clock
) -> None:
    bind({"name": "password_cancelled", "after_s": 3})
    await alipay_pay(**NUMBER)
    clock.advance(3)
    assert (await alipay("query", **NUMBER))["trade_status"] == "WAIT_BUYER_PAY"
    assert (await alipay("reverse", **NUMBER))["action"] == "close"


@pytest.mark.parametrize(
    ("wallet", "named"),
    [(Wallet.WECHAT, "NOTENOUGH"), (Wallet.ALIPAY, "ACQ.BUYER_BALANCE_NOT_ENOUGH")],
)
async def test_decline_by_name(
    gateway: Gateway, bind: Bind, pays: dict[Wallet, Call], wallet: Wallet, named: str
) -> None:
    bind({"name": "decline", "code": named})
    assert code(await pays[wallet](**NUMBER)) == named
    assert state(gateway, wallet) is None


# What the provider says


@pytest.mark.parametrize("processed", [True, False])
@pytest.mark.parametrize(
    ("wallet", "named"), [(Wallet.WECHAT, "INVALID_REQUEST"), (Wallet.ALIPAY, "ACQ.PAYMENT_FAIL")]
)
async def test_error_done_or_not(  # noqa: PLR0913 - a table and its fixtures
    gateway: Gateway,
    bind: Bind,
    pays: dict[Wallet, Call],
    wallet: Wallet,
    named: str,
    processed: bool,  # noqa: FBT001 - a table
) -> None:
    bind({"name": "error", "code": named, "processed": processed, "text": "说明"})
    answer = await pays[wallet](**NUMBER)
    assert code(answer) == named
    assert "说明" in answer.values()
    assert state(gateway, wallet) is (State.PAID if processed else None)


SYSTEM_ERROR = {Wallet.WECHAT: "SYSTEMERROR", Wallet.ALIPAY: "ACQ.SYSTEM_ERROR"}


@WALLETS
@pytest.mark.parametrize(
    ("name", "after"), [("system_error", State.PAID), ("system_error_not_created", None)]
)
async def test_system_error(  # noqa: PLR0913 - a table and its fixtures
    gateway: Gateway,
    bind: Bind,
    pays: dict[Wallet, Call],
    wallet: Wallet,
    name: str,
    after: State | None,
) -> None:
    bind(name)
    assert code(await pays[wallet](**NUMBER)) == SYSTEM_ERROR[wallet]
    assert state(gateway, wallet) is after


async def test_bank_error(gateway: Gateway, bind: Bind, wechat_pay: Call) -> None:
    bind("bank_error")
    assert code(await wechat_pay(**NUMBER)) == "BANKERROR"
    assert state(gateway, Wallet.WECHAT) is None


async def test_unavailable_at_wechat(gateway: Gateway, bind: Bind, wechat_pay: Call) -> None:
    bind("unavailable")
    assert (await wechat_pay(**NUMBER))["return_code"] == "SYSTEMERROR"
    assert state(gateway, Wallet.WECHAT) is State.PAID


async def test_unavailable_at_alipay(gateway: Gateway, bind: Bind, alipay_pay: Call) -> None:
    bind("unavailable")
    answer = await alipay_pay(**NUMBER)
    assert (answer["code"], answer["sub_code"]) == ("20000", "isp.unknow-error")
    assert state(gateway, Wallet.ALIPAY) is State.PAID


async def test_charset_error(gateway: Gateway, bind: Bind, alipay_pay: Call) -> None:
    bind("charset_error")
    assert code(await alipay_pay(**NUMBER)) == "isv.invalid-signature"
    assert state(gateway, Wallet.ALIPAY) is None


# Doubt that only time ends


@pytest.mark.parametrize(
    ("wallet", "given", "said"),
    [
        (Wallet.WECHAT, {}, "ORDERNOTEXIST"),
        (Wallet.WECHAT, {"code": "PARAM_ERROR"}, "PARAM_ERROR"),
        (Wallet.ALIPAY, {}, "ACQ.TRADE_NOT_EXIST"),
    ],
)
async def test_query_lag(  # noqa: PLR0913 - a table and its fixtures
    bind: Bind,
    pays: dict[Wallet, Call],
    calls: dict[Wallet, Call],
    clock: Clock,
    wallet: Wallet,
    given: dict[str, str],
    said: str,
) -> None:
    bind({"name": "query_lag", "for_s": 135, **given})
    await pays[wallet](**NUMBER)
    clock.advance(134)
    assert code(await calls[wallet]("query", **NUMBER)) == said
    clock.advance(1)
    assert code(await calls[wallet]("query", **NUMBER)) == PAID[wallet]


@WALLETS
async def test_late_pay_after_a_while(  # noqa: PLR0913 - fixtures
    gateway: Gateway,
    bind: Bind,
    send: Send,
    pay_requests: dict[Wallet, Request],
    clock: Clock,
    wallet: Wallet,
) -> None:
    bind({"name": "late_pay", "after_s": 30})
    assert await send(pay_requests[wallet](**NUMBER)) == (b"", "eof")
    assert state(gateway, wallet) is None
    clock.advance(30)
    assert state(gateway, wallet) is State.PAID


async def test_late_pay_lands_after_a_reverse_that_met_no_such_order(
    gateway: Gateway, bind: Bind, alipay_pay: Call, alipay: Call, clock: Clock
) -> None:
    bind("unavailable", {"name": "late_pay", "after_reverse_s": 2, "how": "error"})
    assert (await alipay_pay(**NUMBER))["code"] == "20000"
    assert code(await alipay("query", **NUMBER)) == "ACQ.TRADE_NOT_EXIST"
    assert "action" not in await alipay("reverse", **NUMBER)
    clock.advance(2)
    assert state(gateway, Wallet.ALIPAY) is State.PAID
    assert (await alipay("reverse", **NUMBER))["action"] == "refund"


# Reverse and cancel


async def test_reverse_refused_while_paying(bind: Bind, wechat_pay: Call, wechat: Call) -> None:
    bind("password_never", {"name": "reverse_paying", "times": 2})
    await wechat_pay(**NUMBER)
    told = [await wechat("reverse", **NUMBER) for _ in range(3)]
    assert [code(one) for one in told] == ["USERPAYING", "USERPAYING", "SUCCESS"]


async def test_recall(gateway: Gateway, bind: Bind, wechat_pay: Call, wechat: Call) -> None:
    bind({"name": "recall", "times": 2})
    await wechat_pay(**NUMBER)
    assert (await wechat("reverse", **NUMBER))["recall"] == "Y"
    assert state(gateway, Wallet.WECHAT) is State.PAID
    assert [(await wechat("reverse", **NUMBER))["recall"] for _ in range(2)] == ["Y", "N"]
    assert state(gateway, Wallet.WECHAT) is State.RETURNED


async def test_retry_flag(gateway: Gateway, bind: Bind, alipay_pay: Call, alipay: Call) -> None:
    bind("retry_flag")
    await alipay_pay(**NUMBER)
    first = await alipay("reverse", **NUMBER)
    assert (first["retry_flag"], first.get("action")) == ("Y", None)
    assert state(gateway, Wallet.ALIPAY) is State.PAID
    assert (await alipay("reverse", **NUMBER))["action"] == "refund"


async def test_no_action(gateway: Gateway, bind: Bind, alipay_pay: Call, alipay: Call) -> None:
    bind("no_action")
    await alipay_pay(**NUMBER)
    first = await alipay("reverse", **NUMBER)
    assert (first["code"], first["retry_flag"], first.get("action")) == ("10000", "N", None)
    assert state(gateway, Wallet.ALIPAY) is State.PAID


@WALLETS
async def test_reverse_without_effect(
    gateway: Gateway,
    bind: Bind,
    pays: dict[Wallet, Call],
    calls: dict[Wallet, Call],
    wallet: Wallet,
) -> None:
    bind("reverse_no_effect")
    await pays[wallet](**NUMBER)
    told = await calls[wallet]("reverse", **NUMBER)
    assert told.get("recall", "N") == "N"
    assert told.get("action", "close") == "close"
    assert code(await calls[wallet]("query", **NUMBER)) == PAID[wallet]
    assert state(gateway, wallet) is State.PAID


@pytest.mark.parametrize(
    ("wallet", "said"),
    [(Wallet.WECHAT, "REVERSE_EXPIRE"), (Wallet.ALIPAY, "ACQ.TRADE_CANCEL_TIME_OUT")],
)
async def test_reverse_expired(
    bind: Bind, pays: dict[Wallet, Call], calls: dict[Wallet, Call], wallet: Wallet, said: str
) -> None:
    bind("reverse_expired")
    await pays[wallet](**NUMBER)
    assert [code(await calls[wallet]("reverse", **NUMBER)) for _ in range(3)] == [said] * 3


@WALLETS
async def test_reverse_answer_lost(  # noqa: PLR0913 - fixtures
    gateway: Gateway,
    bind: Bind,
    pays: dict[Wallet, Call],
    send: Send,
    wechat_request: Request,
    alipay_request: Request,
    wallet: Wallet,
) -> None:
    bind({"name": "drop_after", "on": "reverse"})
    await pays[wallet](**NUMBER)
    wechat = wechat_request("/secapi/pay/reverse", **NUMBER)
    alipay = alipay_request("alipay.trade.cancel", **NUMBER)
    assert await send(wechat if wallet is Wallet.WECHAT else alipay) == (b"", "eof")
    assert state(gateway, wallet) is State.RETURNED


# Refunds

REFUND: dict[Wallet, dict[str, str]] = {
    Wallet.WECHAT: {
        "out_trade_no": "T1",
        "out_refund_no": "R1",
        "total_fee": "1234",
        "refund_fee": "34",
    },
    Wallet.ALIPAY: {"out_trade_no": "T1", "out_request_no": "R1", "refund_amount": "0.34"},
}


async def test_refund_processing_at_wechat(
    bind: Bind, wechat_pay: Call, wechat: Call, clock: Clock
) -> None:
    bind({"name": "refund_processing", "for_s": 60})
    await wechat_pay(**NUMBER)
    assert code(await wechat("refund", **REFUND[Wallet.WECHAT])) == "SUCCESS"
    assert (await wechat("refund_query", **NUMBER))["refund_status_0"] == "PROCESSING"
    clock.advance(60)
    assert (await wechat("refund_query", **NUMBER))["refund_status_0"] == "SUCCESS"


async def test_refund_processing_at_alipay(
    bind: Bind, alipay_pay: Call, alipay: Call, clock: Clock
) -> None:
    bind({"name": "refund_processing", "for_s": 60})
    await alipay_pay(**NUMBER)
    assert (await alipay("refund", **REFUND[Wallet.ALIPAY]))["fund_change"] == "N"
    asked = {"out_trade_no": "T1", "out_request_no": "R1"}
    assert "refund_status" not in await alipay("refund_query", **asked)
    clock.advance(60)
    assert (await alipay("refund_query", **asked))["refund_status"] == "REFUND_SUCCESS"


@pytest.mark.parametrize(
    ("wallet", "said"),
    [(Wallet.WECHAT, "NOTENOUGH"), (Wallet.ALIPAY, "ACQ.SELLER_BALANCE_NOT_ENOUGH")],
)
async def test_refund_not_enough_first_then_good(  # noqa: PLR0913 - a table and its fixtures
    gateway: Gateway,
    bind: Bind,
    pays: dict[Wallet, Call],
    calls: dict[Wallet, Call],
    wallet: Wallet,
    said: str,
) -> None:
    bind({"name": "refund_not_enough", "times": 2})
    await pays[wallet](**NUMBER)
    for _ in range(2):
        assert code(await calls[wallet]("refund", **REFUND[wallet])) == said
    await calls[wallet]("refund", **REFUND[wallet])
    trade = gateway.book.find(wallet, "T1")
    assert trade is not None
    assert [one.amount_fen for one in trade.refunds] == [34]


@pytest.mark.parametrize("status", ["CHANGE", "REFUNDCLOSE"])
async def test_refund_change(bind: Bind, wechat_pay: Call, wechat: Call, status: str) -> None:
    bind({"name": "refund_change", "status": status})
    await wechat_pay(**NUMBER)
    assert code(await wechat("refund", **REFUND[Wallet.WECHAT])) == "SUCCESS"
    assert (await wechat("refund_query", **NUMBER))["refund_status_0"] == status


# Content, rightly signed


@WALLETS
async def test_other_amount(bind: Bind, pays: dict[Wallet, Call], wallet: Wallet) -> None:
    bind({"name": "other_amount", "fen": 100})
    answer = await pays[wallet](**NUMBER)
    assert answer.get("total_fee", "1334") == "1334"
    assert answer.get("total_amount", "13.34") == "13.34"


@WALLETS
async def test_other_number(bind: Bind, pays: dict[Wallet, Call], wallet: Wallet) -> None:
    bind("other_number")
    assert (await pays[wallet](out_trade_no="T1234567"))["out_trade_no"] == "OTHER567"


@pytest.mark.parametrize(
    ("wallet", "said"), [(Wallet.WECHAT, "ACCEPT"), (Wallet.ALIPAY, "TRADE_FINISHED")]
)
async def test_other_state(
    bind: Bind, pays: dict[Wallet, Call], calls: dict[Wallet, Call], wallet: Wallet, said: str
) -> None:
    bind({"name": "other_state", "state": said})
    await pays[wallet](**NUMBER)
    told = [code(await calls[wallet]("query", **NUMBER)) for _ in range(2)]
    assert told == [said, PAID[wallet]]


async def test_other_merchant_and_currency(gateway: Gateway, bind: Bind, wechat_pay: Call) -> None:
    bind("other_merchant", "other_currency")
    answer = await wechat_pay(**NUMBER)
    assert answer["mch_id"] != gateway.identities.mch_id
    assert answer["fee_type"] == "USD"


# Form


@WALLETS
async def test_bad_signature(bind: Bind, pays: dict[Wallet, Call], wallet: Wallet) -> None:
    bind("bad_signature")
    with pytest.raises((AssertionError, InvalidSignature)):
        await pays[wallet](**NUMBER)


@WALLETS
async def test_no_signature(
    gateway: Gateway, bind: Bind, pays: dict[Wallet, Call], wallet: Wallet
) -> None:
    bind("no_signature")
    with pytest.raises(KeyError, match="sign"):
        await pays[wallet](**NUMBER)
    assert state(gateway, wallet) is State.PAID


async def test_duplicate_tag(bind: Bind, send: Send, wechat_pay_request: Request) -> None:
    bind("duplicate_tag")
    raw, _ = await send(wechat_pay_request())
    assert raw.count(b"<total_fee>") == 3


async def test_doctype(bind: Bind, send: Send, wechat_pay_request: Request) -> None:
    bind("doctype")
    raw, _ = await send(wechat_pay_request())
    assert b"\r\n\r\n<!DOCTYPE xml [<!ENTITY" in raw
    assert b"<return_msg>&c;</return_msg>" in raw


async def test_duplicate_node(bind: Bind, send: Send, alipay_pay_request: Request) -> None:
    bind({"name": "decline", "code": "ACQ.PAYMENT_FAIL"}, "duplicate_node")
    raw, _ = await send(alipay_pay_request())
    assert raw.count(b'"alipay_trade_pay_response":{"code":"40004"') == 1
    assert raw.count(b'"alipay_trade_pay_response":{"code":"10000"') == 1


async def test_sign_first(
    bind: Bind, send: Send, alipay_pay_request: Request, read_alipay: Callable[[Raw], Any]
) -> None:
    bind("sign_first")
    raw = await send(alipay_pay_request())
    assert b'\r\n\r\n{"sign":"' in raw[0]
    assert read_alipay(raw)["code"] == "10000"


async def test_escaped_slashes_and_whitespace(
    bind: Bind, send: Send, alipay_pay_request: Request, read_alipay: Callable[[Raw], Any]
) -> None:
    bind({"name": "error", "code": "ACQ.X", "text": "http://a/b"}, "escaped_slashes", "whitespace")
    raw = await send(alipay_pay_request())
    assert rb"http:\/\/a\/b" in raw[0]
    assert b'\n  "sub_code" : "ACQ.X" , \n' in raw[0]
    assert read_alipay(raw)["sub_msg"] == "http://a/b"


async def test_sha1_signature(bind: Bind, alipay_pay: Call) -> None:
    bind("sha1_signature")
    with pytest.raises(InvalidSignature):
        await alipay_pay()


# Delivery


@WALLETS
@pytest.mark.parametrize(("name", "after"), [("drop_before", None), ("drop_after", State.PAID)])
@pytest.mark.parametrize(
    ("how", "ended"), [("close", "eof"), ("reset", "reset"), ("silence", "silence")]
)
async def test_no_answer(  # noqa: PLR0913 - a table and its fixtures
    gateway: Gateway,
    bind: Bind,
    send: Send,
    pay_requests: dict[Wallet, Request],
    wallet: Wallet,
    name: str,
    after: State | None,
    how: str,
    ended: str,
) -> None:
    bind({"name": name, "how": how})
    assert await send(pay_requests[wallet](**NUMBER)) == (b"", ended)
    assert state(gateway, wallet) is after


@WALLETS
async def test_reset_after_some_bytes(
    gateway: Gateway,
    bind: Bind,
    send: Send,
    pay_requests: dict[Wallet, Request],
    wallet: Wallet,
) -> None:
    bind({"name": "reset", "bytes": 20})
    raw, ended = await send(pay_requests[wallet](**NUMBER))
    assert ended == "reset"
    assert raw in (b"", b"HTTP/1.1 200 \r\nServer"[:20])
    assert state(gateway, wallet) is State.PAID


@WALLETS
async def test_truncated(
    bind: Bind, send: Send, pay_requests: dict[Wallet, Request], wallet: Wallet
) -> None:
    bind("truncated")
    raw, ended = await send(pay_requests[wallet](**NUMBER))
    head, _, body = raw.partition(b"\r\n\r\n")
    promised = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert ended == "eof"
    assert 0 < len(body) < promised


@WALLETS
async def test_late(
    gateway: Gateway,
    bind: Bind,
    send: Send,
    pay_requests: dict[Wallet, Request],
    wallet: Wallet,
) -> None:
    bind({"name": "late", "delay_s": 0.1})
    processed = asyncio.Event()
    gateway.book.listeners.append(lambda _: processed.set())
    sending = asyncio.ensure_future(send(pay_requests[wallet](**NUMBER)))
    await processed.wait()
    assert state(gateway, wallet) is State.PAID
    assert not sending.done()
    raw, _ = await sending
    assert raw.startswith(b"HTTP/1.1 200")


@WALLETS
@pytest.mark.parametrize(
    ("name", "status", "part"),
    [
        ("http_502", b"502", b"502 Bad Gateway"),
        ("html", b"200", b"<html>"),
        ("garbage", b"200", b"\x80\x81\x82"),
        ("empty", b"200", b""),
        ("redirect", b"302", b""),
    ],
)
async def test_pages_that_are_no_answer(  # noqa: PLR0913 - a table and its fixtures
    gateway: Gateway,
    bind: Bind,
    send: Send,
    pay_requests: dict[Wallet, Request],
    wallet: Wallet,
    name: str,
    status: bytes,
    part: bytes,
) -> None:
    bind(name)
    raw, _ = await send(pay_requests[wallet](**NUMBER))
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert part in body
    assert (body == b"") is (name in {"empty", "redirect"})
    assert (b"Location: /elsewhere" in head) is (name == "redirect")
    assert state(gateway, wallet) is State.PAID


@WALLETS
async def test_huge(
    bind: Bind, send: Send, pay_requests: dict[Wallet, Request], wallet: Wallet
) -> None:
    bind({"name": "huge", "bytes": 1_000_000})
    raw, ended = await send(pay_requests[wallet](**NUMBER))
    assert (len(raw.partition(b"\r\n\r\n")[2]), ended) == (1_000_000, "eof")


@WALLETS
async def test_drip(gateway: Gateway, bind: Bind, pays: dict[Wallet, Call], wallet: Wallet) -> None:
    bind({"name": "drip", "interval_s": 0.0001})
    answer = await pays[wallet](**NUMBER)
    assert answer["out_trade_no"] == "T1"
    assert state(gateway, wallet) is State.PAID


@WALLETS
async def test_http_502_before_processing(
    gateway: Gateway, bind: Bind, send: Send, pay_requests: dict[Wallet, Request], wallet: Wallet
) -> None:
    bind({"name": "http_502", "processed": False})
    await send(pay_requests[wallet](**NUMBER))
    assert state(gateway, wallet) is None
