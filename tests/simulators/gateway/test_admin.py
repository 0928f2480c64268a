"""The admin API, as a test or the demo page uses it."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from simulators.gateway.behaviours import TABLE
from simulators.gateway.clock import Clock
from simulators.gateway.identities import Identities

Raw = tuple[bytes, str]
Send = Callable[[bytes], Awaitable[Raw]]
Call = Callable[..., Awaitable[dict[str, Any]]]
Admin = Callable[..., Awaitable[Any]]


@pytest.fixture
def admin(send: Send) -> Admin:
    """Call the admin API: `await admin("POST", "clock", {"advance_s": 5})`."""

    async def call(method: str, path: str, given: object = None, *, status: int = 200) -> Any:
        body = b"" if given is None else json.dumps(given).encode()
        head = f"{method} /_admin/{path} HTTP/1.1\r\nHost: g\r\nContent-Length: {len(body)}\r\n"
        raw, _ = await send(head.encode() + b"Connection: close\r\n\r\n" + body)
        assert raw.startswith(f"HTTP/1.1 {status} ".encode()), raw
        return json.loads(raw.partition(b"\r\n\r\n")[2])

    return call


async def test_a_behaviour_is_bound_at_run_time_and_forgotten(
    admin: Admin, wechat_pay: Call
) -> None:
    rule = {"name": "decline", "code": "NOTENOUGH", "times": "always"}
    await admin("POST", "behaviours", {"match": {"amount_fen": 1234}, "do": rule})
    assert (await wechat_pay())["err_code"] == "NOTENOUGH"
    assert await admin("DELETE", "behaviours") == {"ok": True}
    assert (await wechat_pay())["result_code"] == "SUCCESS"


async def test_several_behaviours_at_once(admin: Admin, wechat_pay: Call) -> None:
    bindings = [{"match": {"amount_fen": fen}, "do": "bank_error"} for fen in (1, 2)]
    await admin("POST", "behaviours", bindings)
    told = [await wechat_pay(total_fee=fen) for fen in ("1", "2", "3")]
    assert [one.get("err_code") for one in told] == ["BANKERROR", "BANKERROR", None]


async def test_the_table_of_behaviours_can_be_read(admin: Admin) -> None:
    table = await admin("GET", "behaviours")
    assert list(table) == list(TABLE)
    assert table["late"]["parameters"] == {"delay_s": 20.0}


@pytest.mark.parametrize(
    ("method", "path", "given", "status"),
    [
        ("POST", "behaviours", {"do": "nothing"}, 400),
        ("POST", "clock", {}, 400),
        ("POST", "clock", {"advance_s": -1}, 400),
        ("POST", "clock", {"advance_s": "x"}, 400),
        ("POST", "clock", [], 400),
        ("POST", "phone/new-code", {"wallet": "cash"}, 400),
        ("GET", "phone/134500000000000001", None, 404),
        ("POST", "phone/134500000000000001/password", {"ok": True}, 404),
        ("GET", "nothing", None, 404),
        ("PUT", "book", None, 404),
    ],
)
async def test_a_wrong_request_is_answered_with_a_sentence(
    admin: Admin, method: str, path: str, given: object, status: int
) -> None:
    assert (await admin(method, path, given, status=status))["error"]


async def test_the_clock_moves_forward_only(admin: Admin, clock: Clock) -> None:
    told = await admin("POST", "clock", {"advance_s": 60.5})
    assert told == {"now": clock.now(), "beijing": "2026-03-01 09:31:15"}
    assert await admin("GET", "clock") == told


@pytest.mark.parametrize(("wallet", "prefix"), [("wechat", "1"), ("alipay", "28")])
async def test_a_new_code_looks_like_the_wallets(admin: Admin, wallet: str, prefix: str) -> None:
    codes = {(await admin("POST", "phone/new-code", {"wallet": wallet}))["code"] for _ in range(5)}
    assert len(codes) == 5
    assert all(one.startswith(prefix) and len(one) == 18 and one.isdigit() for one in codes)


async def test_the_phone_follows_a_small_payment(
    admin: Admin, wechat_pay: Call, wechat: Call
) -> None:
    code = (await admin("POST", "phone/new-code", {"wallet": "wechat"}))["code"]
    assert await admin("GET", f"phone/{code}") == {"shows": "idle"}
    await wechat_pay(auth_code=code, out_trade_no="T1")
    shown = await admin("GET", f"phone/{code}")
    assert shown == {
        "shows": "paid",
        "amount_fen": 1234,
        "merchant": "市一医院",
        "subject": "市一医院-门诊收费",
        "refunded_fen": 0,
    }
    await wechat("reverse", out_trade_no="T1")
    shown = await admin("GET", f"phone/{code}")
    assert (shown["shows"], shown["state"]) == ("failed", "returned")


@pytest.mark.parametrize(
    ("agrees", "shows", "state"), [(True, "paid", "SUCCESS"), (False, "failed", "PAYERROR")]
)
async def test_the_password_page(  # noqa: PLR0913 - a table and its fixtures
    admin: Admin,
    wechat_pay: Call,
    wechat: Call,
    agrees: bool,  # noqa: FBT001 - a table
    shows: str,
    state: str,
) -> None:
    code = (await admin("POST", "phone/new-code", {"wallet": "wechat"}))["code"]
    await wechat_pay(auth_code=code, out_trade_no="T1", total_fee="100000")
    assert (await admin("GET", f"phone/{code}"))["shows"] == "password"
    for _ in range(2):  # typing again on a page that is gone changes nothing
        told = await admin("POST", f"phone/{code}/password", {"ok": agrees})
        assert told["shows"] == shows
    assert (await wechat("query", out_trade_no="T1"))["trade_state"] == state


async def test_a_code_expires_on_the_phone(admin: Admin, alipay_pay: Call, clock: Clock) -> None:
    code = (await admin("POST", "phone/new-code", {"wallet": "alipay"}))["code"]
    clock.advance(60)
    assert await admin("GET", f"phone/{code}") == {"shows": "expired"}
    refused = await alipay_pay(auth_code=code)
    assert refused["sub_code"] == "ACQ.PAYMENT_AUTH_CODE_INVALID"


async def test_a_declined_code_shows_failed(admin: Admin, wechat_pay: Call) -> None:
    code = (await admin("POST", "phone/new-code", {"wallet": "wechat"}))["code"]
    rule = {"name": "decline", "code": "NOTENOUGH"}
    await admin("POST", "behaviours", {"match": {"code": code}, "do": rule})
    await wechat_pay(auth_code=code)
    assert await admin("GET", f"phone/{code}") == {"shows": "failed"}


async def test_the_book_holds_trades_refunds_and_the_order_of_calls(
    admin: Admin, wechat_pay: Call, wechat: Call, alipay: Call
) -> None:
    given = {"auth_code": "134500000000006789", "out_trade_no": "T1", "device_info": "BOX-0001"}
    await wechat_pay(**given)
    await wechat("query", out_trade_no="T1")
    refund = {"out_refund_no": "R1", "total_fee": "1234", "refund_fee": "34"}
    await wechat("refund", out_trade_no="T1", **refund)
    await alipay("query", out_trade_no="A9")
    book = await admin("GET", "book")
    [trade] = book["trades"]
    wanted = {
        "wallet": "wechat",
        "out_trade_no": "T1",
        "amount_fen": 1234,
        "state": "paid",
        "code_last4": "6789",
        "device": "BOX-0001",
        "refunded_fen": 34,
        "given_back": False,
        "calls": ["pay", "query", "refund"],
    }
    assert wanted.items() <= trade.items()
    assert [(one["number"], one["amount_fen"]) for one in trade["refunds"]] == [("R1", 34)]
    assert [(one["seq"], one["call"], one["out_trade_no"]) for one in book["calls"]] == [
        (1, "pay", "T1"),
        (2, "query", "T1"),
        (3, "refund", "T1"),
        (4, "query", "A9"),
    ]
    assert "134500000000006789" not in json.dumps(book)


async def test_reset_empties_the_book_and_the_scripts(
    admin: Admin, wechat_pay: Call, keys: Identities
) -> None:
    del keys
    await admin("POST", "behaviours", {"match": {}, "do": {"name": "decline", "code": "NOAUTH"}})
    await admin("POST", "reset")
    assert (await wechat_pay(auth_code="134500000000000001"))["result_code"] == "SUCCESS"
    await admin("POST", "reset")
    assert (await admin("GET", "book"))["trades"] == []
    assert (await wechat_pay(auth_code="134500000000000001"))["result_code"] == "SUCCESS"
