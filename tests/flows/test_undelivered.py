"""A HIS that never says `received`: what it was not seen to hear must not shut it out."""

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from device.domain.screens import AmountDue

if TYPE_CHECKING:
    from tests.flows.conftest import Desk

MANY = 1500  # a year of refunds: each leaves an answer that nobody asked for

COPIED = """
INSERT INTO answers
  (business_date, his_id, revision, try, type, status, content, at, offer, delivered)
WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)
SELECT business_date, 'B' || n, revision, try, type, status,
  replace(content, '"T1"', '"B' || n || '"'), at, 1, 0
FROM answers, n WHERE his_id = 'T1' AND newest = 1
"""


async def test_a_his_that_confirms_nothing_can_still_connect_and_collect(desk: "Desk") -> None:
    asked = desk.pay("T1", 1234)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat"))
    await asked
    await desk.power_off()
    with closing(sqlite3.connect(desk.directory / "data" / "journal.sqlite3")) as db:
        db.execute(COPIED, [MANY])
        db.commit()
    await desk.power_on()
    await desk.connect()
    hello = await desk.ask("hello", v=1)
    assert (hello["undelivered"][-1], len(hello["undelivered"])) == (f"B{MANY}", 500)
    told = [dict(await asyncio.wait_for(desk.his.unasked(), 5)) for _ in range(8)]
    assert [message["id"] for message in told] == [f"B{n}" for n in range(MANY - 7, MANY + 1)]
    asked = desk.pay("T2", 500)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("alipay"))
    assert (await asked)["status"] == "paid"
    assert desk.his.is_open
