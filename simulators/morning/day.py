"""A day at one desk, by the real programs: payments, refunds, doubt, a centre that is away a while.

The HIS's list is what the HIS heard, the bills what the gateways did; neither looks into the
journal.
"""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from simulators.demo.site import BOX_ID, OPERATOR, Site
from simulators.demo.stories import ALIPAY, WECHAT, Desk
from simulators.demo.world import World
from simulators.differences import PAYMENT, REFUND, Entry
from simulators.his import Entry as HisEntry
from simulators.morning.center import Api, Center
from simulators.morning.refunds import Refund

WALLETS = (WECHAT, ALIPAY)
PLAIN = 5
"""Payments without trouble of each wallet; each but one is refunded in part.

So many refunds of one cashier are shown to finance (`MANY`)."""
ARRIVE_S = 90.0  # a box that heard nothing for a while tries again after up to a minute
_STATES = """
SELECT out_trade_no, state FROM attempts UNION ALL
SELECT out_refund_no, CASE WHEN refunds.state = 'refunded' AND attempts.state IN
  ('reversing', 'reversed') THEN 'reversed' ELSE refunds.state END
FROM refunds LEFT JOIN attempts USING (out_trade_no) WHERE out_refund_no != ''
"""
"""What undid a payment is no refund at the centre."""


@dataclass(slots=True)
class Day:
    """The desk while it works, and what the HIS heard."""

    world: World
    heard: list[HisEntry] = field(default_factory=list)

    @property
    def desk(self) -> Desk:
        """The people at it."""
        return Desk(self.world)

    async def paid(self, wallet: str, luck: str = "normal", fen: int = 1234) -> str:
        """One payment, to its end."""
        id_ = await self.desk.collect(wallet, fen)
        await self.desk.show(wallet, luck)
        return await self._ended(id_)

    async def refunded(self, pay_id: str, fen: int) -> str:
        """A refund of it, to its end."""
        return await self._ended(self.world.cashier.refund(pay_id, fen))

    async def reversed(self, pay_id: str) -> str:
        """The whole of it undone."""
        return await self._ended(self.world.cashier.reverse(pay_id))

    async def never_typed(self, wallet: str) -> str:
        """A payer who never types the password: asked, in doubt, reversed."""
        return await self.paid(wallet, "password")

    async def twice(self, wallet: str) -> None:
        """One number collected, given back whole, and collected again."""
        id_ = await self.paid(wallet, fen=700)
        await self.refunded(id_, 700)
        before = self.desk.glass_mark()
        request = {**self.desk.his.books[id_].request, "amount_fen": 650, "try": 2}
        asked = asyncio.create_task(self.desk.his.pay(id_, **_without_id(request)))
        await self.desk.armed(before)
        await self.desk.show(wallet)
        await asked
        await self._ended(id_)

    async def _ended(self, id_: str) -> str:
        await self.desk.ended(id_)
        self.heard.append(self.desk.his.books[id_])
        return id_


def _without_id(request: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name != "id"}


async def forenoon(day: Day) -> None:
    """Everybody pays at once, or after some doubt that ends well."""
    for wallet in WALLETS:
        for number in range(PLAIN):
            id_ = await day.paid(wallet, fen=1000 + 37 * number)
            if number:
                await day.refunded(id_, 100 + 11 * number)
    await day.paid(WECHAT, "system_error")
    await day.paid(ALIPAY, "no_answer")


async def given_back_twice(day: Day) -> None:
    """The same amount twice, of one payment."""
    id_ = await day.paid(WECHAT, fen=900)
    for _ in range(2):
        await day.refunded(id_, 300)


async def afternoon(day: Day) -> None:
    """What does not go straight: reverses, refusals, a number that is collected twice."""
    for wallet in WALLETS:
        await day.never_typed(wallet)
        await day.twice(wallet)
    await given_back_twice(day)
    await day.reversed(await day.paid(WECHAT))
    await day.paid(ALIPAY, "lost")


async def work(day: Day, center: Center) -> None:
    """The day, with the centre restarted in the middle and the box losing its power once."""
    await forenoon(day)
    await center.stop()
    await afternoon(day)
    await day.world.power_off()
    await center.start()
    await day.world.power_on()


# ------------------------------------------------------------------ what others have of it


async def arrived(site: Site, api: Api) -> int:
    """Wait until the centre has all of the journal, each once; how many payments and refunds."""
    async with asyncio.timeout(ARRIVE_S):
        while (ours := journal(site.journal)) != await _theirs(api):  # noqa: ASYNC110  neither tells us
            await asyncio.sleep(0.3)
    return len(ours)


def journal(path: Path) -> list[tuple[str, str]]:
    """Return number and state of each payment and refund on the card."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5.0)) as card:
        return sorted(card.execute(_STATES).fetchall())


async def _theirs(api: Api) -> list[tuple[str, str]]:
    payments = await api.rows("orders", box_id=BOX_ID)
    refunds = await api.rows("refunds", box_id=BOX_ID)
    found = [(row["out_trade_no"], row["state"]) for row in payments]
    return sorted(found + [(row["out_refund_no"], row["state"]) for row in refunds])


def his_list(heard: list[HisEntry]) -> list[Entry]:
    """What the HIS booked: each payment of which it heard `paid`, each refund that was done."""
    found: list[Entry] = []
    undone = {e.request["pay_id"] for e in heard if e.type == "reverse"}
    for entry in heard:
        paid = next((r for r in entry.results if r["status"] == "paid"), None)
        if entry.type == "pay" and paid:
            found.append(_booked(entry, PAYMENT, paid, plain=entry.id not in undone))
        elif entry.type != "pay" and entry.status == "refunded":
            done = entry.results[-1]
            found.append(_booked(entry, REFUND, done, plain=entry.type == "refund"))
    wallets = {e.order: e.wallet for e in found if e.wallet}
    return [replace(entry, wallet=wallets[entry.order]) for entry in found]


def unpaid(heard: list[HisEntry]) -> list[Entry]:
    """Charges that came to nothing after all, as the HIS would book them by mistake."""
    return [
        Entry(
            wallet=e.request["wallet"],
            kind=PAYMENT,
            key=e.id,
            order="",
            fen=e.request["amount_fen"],
            at=0.0,
        )
        for e in heard
        if e.type == "pay" and e.status == "not_paid" and e.results[-1]["out_trade_no"]
    ]


def refunds(heard: list[HisEntry]) -> list[Refund]:
    """What was given back, under the box's numbers."""
    return [
        Refund(
            Entry("", REFUND, done["out_refund_no"], done["out_trade_no"], done["amount_fen"], 0.0),
            OPERATOR,
        )
        for e in heard
        if e.type == "refund" and e.status == "refunded"
        for done in e.results[-1:]
    ]


def _booked(entry: HisEntry, kind: str, told: dict[str, Any], *, plain: bool) -> Entry:
    at = datetime.fromisoformat(told["paid_at" if kind == PAYMENT else "refunded_at"])
    return Entry(
        wallet=told.get("wallet", ""),
        kind=kind,
        key=entry.id,
        order=told["out_trade_no"],
        fen=told["amount_fen"],
        at=at.timestamp(),
        plain=plain,
    )
