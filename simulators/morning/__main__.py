"""`python -m simulators.morning`: every planted difference is named, and no other.

A real box collects, refunds and doubts, a real centre is restarted in the middle; both wallets'
bills and the HIS's list are changed from a seed; the centre has its morning; its break page and its
API are compared with what was planted. Exit 1 if they differ. `make morning`.

`--seeds 20`: in place of the real day, invented ones with more than a thousand differences each.
"""

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path

from simulators.demo import statistics
from simulators.demo.site import BOX_ID, MACHINE_PACE, channel_tables, make_site
from simulators.demo.world import World
from simulators.differences import PAYMENT, Code, Difference, Entry, plant
from simulators.gateway.clock import BEIJING
from simulators.morning import bank, seeds, table
from simulators.morning.center import MANY, Api, Center, Named, Person, his_rows, named, span
from simulators.morning.day import Day, arrived, his_list, refunds, unpaid, work
from simulators.morning.refunds import Lists, judge

MISSED = 1
PACE = {**MACHINE_PACE, "wechat_wait_s": 1.5, "alipay_wait_s": 1.5}
NOON = time(12)
CARRIED = timedelta(days=4)
"""After so many days nothing waits for another day's list any more."""
PAGES = {"breaks": "单号", "refund-anomalies": "单号或收费员", "bank-breaks": "结算日期"}
"""Where differences are shown, and under which heading their number stands."""
ANOMALIES = ("refund_repeated", "refund_channel", "refund_many")
"""More than was paid is refused by every provider: the invented days have it."""
OPEN = ("open", "waiting")
WHOLE_DAY = timedelta(minutes=4)
"""The day of the trial must not end in its middle."""


async def play(folder: Path, seed: int) -> int:
    """Return 0 if all that was planted was found, and nothing else."""
    await _until_a_whole_day()
    site = make_site(folder)
    made = statistics.prepare(site)
    key = (made.directory / "boxes" / f"{BOX_ID}.key").read_text()
    center = Center(made.directory, {BOX_ID: key}, listen=f"127.0.0.1:{made.port}")
    world = World(site, PACE, more={"center": made.box_table})
    day = Day(world)
    try:
        await world.start()
        await world.cashier.his.connected()
        center.channels = channel_tables(site.merchant, world.provider.port)
        await center.start()
        await center.make_users()
        await work(day, center)
        api = center.program()
        _say(f"流水 {await arrived(site, api)} 笔全部到达 / all of the journal arrived, each once")
        planted = await _planted(day, api, seed)
        await _mornings(world, center)
        person = await center.person()
        good = await _compare(api, person, planted)
        await person.close()
        await api.close()
    finally:
        await world.stop()
        await center.stop()
    return 0 if good else MISSED


async def _until_a_whole_day() -> None:
    """Shortly before midnight: wait for it."""
    now = datetime.now(BEIJING)
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), BEIJING)
    if midnight - now < WHOLE_DAY:
        await asyncio.sleep((midnight - now).total_seconds() + 1)


async def _planted(day: Day, api: Api, seed: int) -> Counter[Named]:
    """Change the bills at the gateways and the HIS's list, which is posted; say how."""
    today = _today()
    bills = await day.world.provider.plant(today, seed, each=1)
    entries = his_list(day.heard)
    lists = {w: [e for e in entries if e.wallet == w] for w in ("wechat", "alipay")}
    books = plant(seed, lists, 1, unpaid(day.heard))
    rows = [row for w in books.lists for row in his_rows(books.lists[w], today)]
    told = await api.post("/api/v1/his-lists", rows)
    _say(f"HIS 清单 {told['rows']} 行 / rows of the HIS's list")
    every = [entry for wallet in books.lists for entry in books.lists[wallet]]
    told_by = Lists(refunds(day.heard), await day.world.provider.bills(today), every)
    payments = {e.order: e for e in entries if e.kind == PAYMENT}
    planted = Counter([("statement", d) for d in bills] + [("his", d) for d in books.differences])
    planted[bank.PAIR, await _bank(api, today, told_by.bills)] += 1
    return planted + judge(payments, [told_by], MANY)


async def _bank(api: Api, today: date, bills: Iterable[Entry]) -> Difference:
    """What arrives of both bills; of WeChat's a yuan is missing."""
    nets = {w: bank.net(w, [e for e in bills if e.wallet == w]) for w in ("wechat", "alipay")}
    short = {"wechat": 100, "alipay": 0}
    receipts = [bank.Receipt(w, f"{w}{today}", today, today, nets[w] - short[w]) for w in nets]
    await api.post("/api/v1/bank-receipts", [receipt.record() for receipt in receipts])
    return Difference("amount", "wechat", PAYMENT, today.isoformat(), -short["wechat"])


async def _mornings(world: World, center: Center) -> None:
    """The next morning, and the one when nothing is waited for any more."""
    today, now = _today(), datetime.now(BEIJING)
    for days in (timedelta(days=1), CARRIED):
        as_of = datetime.combine(today + days, NOON, BEIJING)
        await world.provider.advance((as_of - now).total_seconds())
        now = as_of
        _say(await center.morning(as_of))


async def _compare(api: Api, person: Person, planted: Counter[Named]) -> bool:
    """Print the table; whether the API and the page name what was planted and nothing else."""
    days = span(_today() - CARRIED, _today() + CARRIED)
    rows = [row for row in await api.breaks(days) if row["state"] != "cleared"]
    found = named(rows)
    for line in (*table.lines(planted, found), *table.faults(planted, found)):
        _say(line)
    types = {one.code for _pair, one in planted}
    never = sorted({*Code, *ANOMALIES} - types)
    if never:
        _say(f"  not planted: {', '.join(never)}")
    shown: Counter[str] = Counter()
    for name, heading in PAGES.items():
        for state in OPEN:
            page = await person.table(name, **days, state=state)
            shown.update(row[heading] for row in page)
    on_page = shown == Counter(row["key"] for row in rows)
    _say(f"网页 {shown.total()} 行 / rows on the pages: {'same' if on_page else 'other'}")
    return found == planted and on_page and not never


def _today() -> date:
    return datetime.now(BEIJING).date()


def _say(text: str) -> None:
    print(text, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m simulators.morning", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the planted differences")
    parser.add_argument("--seeds", type=int, metavar="N", help="invented days, seeds 1 to N")
    parser.add_argument("--each", type=int, default=9, help="of a kind, list, wallet and day")
    options = parser.parse_args(argv)
    if options.seeds:
        return seeds.run(range(1, options.seeds + 1), options.each)
    with tempfile.TemporaryDirectory(prefix="paybox-morning-") as folder:
        return asyncio.run(play(Path(folder), options.seed))


if __name__ == "__main__":
    sys.exit(main())
