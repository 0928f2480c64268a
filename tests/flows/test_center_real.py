"""A real box and a real centre: what finance asks for is done, what a bill contradicts is settled.

About 30 seconds: the centre is a process of its own.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from device.domain import pursuit
from device.domain.screens import AmountDue, PaidScreen
from device.sync import exchange
from simulators.demo.site import channel_tables
from simulators.gateway.clock import BEIJING, beijing
from simulators.gateway.model import State, Wallet
from simulators.morning.center import USERS, Api, Center, Person, span
from tests.flows.test_parts import restart

if TYPE_CHECKING:
    from tests.flows.conftest import Desk

PATIENCE_S = 30.0
KEY = "5" * 64
FORBIDDEN = 403


@pytest.fixture
async def center(desk: "Desk", monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Center]:
    """A centre that the box sends to every tenth of a second."""
    monkeypatch.setattr(exchange, "EVERY_S", 0.1)
    made = Center(
        desk.directory / "center",
        {"BOX-0001": KEY},
        channel_tables(desk.keys, desk.gateway.port),
    )
    await made.start()
    await made.make_users()
    yield made
    await made.stop()


@pytest.fixture
async def api(center: Center) -> AsyncIterator[Api]:
    program = center.program()
    yield program
    await program.close()


async def joined(desk: "Desk", center: Center) -> None:
    """Let the box send."""
    key = desk.directory / "center.key"
    key.write_text(KEY)
    await restart(desk, {"center": {"url": center.address, "key_file": str(key)}})


async def until(look: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        while not (found := await look()):  # noqa: ASYNC110  a process of its own
            await asyncio.sleep(0.1)
    return found


async def collect(desk: "Desk", his_id: str, fen: int) -> str:
    """One payment; return its order number."""
    asked = desk.pay(his_id, fen)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat"))
    await desk.glass.until(PaidScreen)
    answer = await asked
    desk.his.post("received", {"id": his_id, "revision": answer["revision"]})
    return str(answer["out_trade_no"])


async def state_of(api: Api, number: str, state: str) -> bool:
    rows = await api.rows("orders", number=number)
    return [row["state"] for row in rows] == [state]


async def asked_and_approved(one: Person, two: Person, number: str, **fields: str) -> None:
    """One person asks; cannot approve it; the other can."""
    page = f"/orders/{number}/"
    answer = await one.post(f"{page}act", {"note": "收错", **fields}, form=page)
    (action,) = re.findall(r"/actions/(\d+)/decide", (await two.client.get(page)).text)
    decide = f"/actions/{action}/decide"
    token = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', answer.text)
    assert token
    fields = {"approve": "yes", "csrfmiddlewaretoken": token[1]}
    assert (await one.client.post(decide, data=fields)).status_code == FORBIDDEN
    await two.post(decide, {"approve": "yes"}, form=page)


async def test_ask_again_refund_and_reverse_are_done_by_the_box_and_come_back_as_rows(
    desk: "Desk", center: Center, api: Api
) -> None:
    await joined(desk, center)
    first, second = await collect(desk, "S1", 1000), await collect(desk, "S2", 700)
    one, two = await center.person(USERS[0]), await center.person(USERS[1])
    await until(lambda: state_of(api, second, "paid"))

    await one.post(f"/orders/{first}/act", {"kind": "query"}, form=f"/orders/{first}/")
    await asked_and_approved(one, two, first, kind="refund", amount="3.00")
    await asked_and_approved(one, two, second, kind="reverse")

    async def refunded() -> bool:
        rows = await api.rows("refunds", number=first)
        return [(r["state"], r["amount_fen"]) for r in rows] == [("refunded", 300)]

    await until(refunded)
    await until(lambda: state_of(api, second, "reversed"))
    assert (await desk.ask("query", id="S1"))["refunded_fen"] == 300
    assert (await desk.ask("query", id="S2"))["status"] == "returned"
    trade = desk.gateway.book.find(Wallet.WECHAT, second)
    assert trade
    assert trade.state is State.RETURNED
    assert desk.held_fen() == 700

    async def all_done() -> bool:
        pages = [(await one.client.get(f"/orders/{n}/")).text for n in (first, second)]
        return [page.count("已执行") for page in pages] == [2, 1]

    await until(all_done)
    await one.close()
    await two.close()


async def paid_after_the_reverse(desk: "Desk") -> tuple[str, date]:
    """The pay was on its way for an hour; when it arrives the order was reversed long ago."""
    asked = desk.pay("L1", 1000)
    await desk.glass.until(AmountDue)
    late = {"name": "late_pay", "after_reverse_s": 60.0, "how": "silence"}
    desk.scan(desk.code("wechat", late))
    assert (await asked)["status"] in {"not_paid", "unknown"}
    assert (await desk.settled("L1"))["status"] == "not_paid"
    (number,) = (n for (n,) in desk.journal("SELECT out_trade_no FROM attempts"))
    desk.gateway.provider.clock.advance(61.0)
    trade = desk.gateway.book.find(Wallet.WECHAT, number)
    assert trade
    assert trade.paid_at
    assert desk.held_fen() == 1000
    return number, beijing(trade.paid_at).date()


async def mornings(desk: "Desk", center: Center, *days: date) -> None:
    """Noon of each of those days, at the gateways and at the centre."""
    for day in days:
        noon = datetime.combine(day, time(12), BEIJING)
        clock = desk.gateway.provider.clock
        clock.advance(max(0.0, noon.timestamp() - clock.now()))
        await center.morning(noon)


@pytest.fixture
def no_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The box's own looks are far away: what is found is found by the statement."""
    monkeypatch.setattr(pursuit, "WATCH_S", (7200.0,) * len(pursuit.WATCH_S))


@pytest.mark.usefixtures("no_watch")
async def test_a_watched_order_that_the_bill_has_paid_is_given_back_and_the_break_is_cleared(
    desk: "Desk", center: Center, api: Api
) -> None:
    """payment-states M9, by the centre's word."""
    await joined(desk, center)
    number, day = await paid_after_the_reverse(desk)
    await until(lambda: state_of(api, number, "reversed"))
    await mornings(desk, center, day + timedelta(days=1))
    days = span(day, day + timedelta(days=2))
    (row,) = await api.rows("breaks", **days)
    assert (row["code"], row["key"], row["difference_fen"]) == ("state", number, 1000)

    async def given_back() -> bool:
        return desk.held_fen() == 0

    await until(given_back)
    assert (await desk.ask("query", id="L1"))["status"] in {"not_paid", "returned"}
    await mornings(desk, center, day + timedelta(days=2))
    assert {r["state"] for r in await api.rows("breaks", **days)} == {"cleared"}


@pytest.mark.usefixtures("no_watch")
async def test_money_of_a_lost_card_that_no_journal_holds_is_named_by_the_bill(
    desk: "Desk", center: Center, api: Api
) -> None:
    """Paid after a successful reverse, and the card that watched it was replaced meanwhile."""
    number, day = await paid_after_the_reverse(desk)
    await desk.replace_card()
    await joined(desk, center)
    await collect(desk, "N1", 500)

    async def known() -> bool:
        return bool(await api.rows("boxes"))

    await until(known)
    await mornings(desk, center, day + timedelta(days=1))
    (row,) = [r for r in await api.rows("breaks", **span(day, day)) if r["code"] != "only_journal"]
    assert (row["code"], row["key"]) == ("only_other", number)
    assert (row["difference_fen"], row["state"]) == (1000, "waiting")
    person = await center.person()
    shown = await person.table("breaks", **span(day, day), code="only_other")
    assert [r["单号"] for r in shown] == [number]

    async def asked() -> bool:
        alarms = await person.table("alarms", **span(date(2020, 1, 1), date(2100, 1, 1)))
        return any(number in text for r in alarms for text in r.values())

    await until(asked)
    await person.close()
