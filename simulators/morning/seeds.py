"""Invented days through a real centre, seed by seed: what was planted must be what is found.

A fresh centre for each seed: the boxes' rows arrive sealed, the bills are fetched from the gateway
emulator, the HIS's list and the bank's are posted, then come the mornings.
"""

import asyncio
import os
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import httpx

from device.sync import wire
from simulators.demo.site import channel_tables
from simulators.differences import Difference, Entry, Planted, plant
from simulators.gateway.clock import BEIJING, Clock
from simulators.gateway.identities import identities
from simulators.gateway.model import Wallet
from simulators.gateway.server import Gateway
from simulators.morning import bank, refunds, table
from simulators.morning.center import CLIENT, MANY, Center, Named, his_rows, named, span
from simulators.morning.made import WALLETS, Lists, Made, Size, make

NOON = timedelta(hours=12)
CARRIED = timedelta(days=3)
KEY_ID = "1"


@dataclass(frozen=True, slots=True)
class Played:
    """One seed."""

    seed: int
    rows: int
    planted: Counter[Named]
    found: Counter[Named]
    seconds: float

    @property
    def good(self) -> bool:
        """All that was planted, and nothing else."""
        return self.planted == self.found


async def play_seeds(seeds: Iterable[int], each: int) -> int:
    """Play one after another and print a line for each; 0 if all are good."""
    head = "{:>5}{:>9}{:>9}{:>8}{:>8}{:>8}{:>8}"
    print(head.format("seed", "rows", "planted", "found", "missed", "wrong", "s"), flush=True)
    planted: Counter[Named] = Counter()
    found: Counter[Named] = Counter()
    bad = 0
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="paybox-morning-") as folder:
            one = await play_seed(Path(folder), seed, each)
        planted, found, bad = planted + one.planted, found + one.found, bad + (not one.good)
        wrong = one.found - one.planted
        counts = one.planted, one.found, one.planted - one.found, wrong
        numbers = (part.total() for part in counts)
        print(head.format(seed, one.rows, *numbers, f"{one.seconds:.1f}"), flush=True)
        for line in table.faults(one.planted, one.found):
            print(line, flush=True)
    for line in table.lines(planted, found):
        print(line, flush=True)
    return 1 if bad else 0


async def play_seed(folder: Path, seed: int, each: int, size: Size | None = None) -> Played:
    """One seed: `each` of every kind, wallet, list and day; the last day has no difference."""
    began = time.monotonic()
    made = make(seed, size or Size())
    now = datetime.combine(made.days[-1] + timedelta(days=1), datetime.min.time(), BEIJING) + NOON
    clock = Clock(now.timestamp)
    keys = identities(folder / "keys")
    boxes = {journal.box: secrets.token_hex(32) for journal in made.journals}
    async with Gateway(keys, clock=clock) as gateway:
        bills, planted = _plant_bills(gateway, made, seed, each)
        center = Center(folder / "center", boxes, channel_tables(keys, gateway.port))
        await center.start()
        try:
            await center.make_users()
            await _send(center, made, boxes)
            planted += await _post(center, made, bills, seed, each)
            for later in (timedelta(), CARRIED):
                clock.advance(later.total_seconds())
                await center.morning(now + later)
            found = await _found(center, made)
        finally:
            await center.stop()
    rows = sum(len(journal.rows) for journal in made.journals)
    return Played(seed, rows, planted, found, time.monotonic() - began)


Days = dict[date, list[Entry]]


def _plant_bills(gateway: Gateway, made: Made, seed: int, each: int) -> tuple[Days, Counter[Named]]:
    """Change the bills; they as the gateways have them, and how they were changed."""
    bills: Days = {}
    planted: Counter[Named] = Counter()
    for day, much in _much(made, each):
        changed = _changed(made.bills, made.unpaid, day, seed, much)
        for wallet in WALLETS:
            gateway.book.changed_bills[Wallet(wallet), day] = changed.lists[wallet]
        bills[day] = _all(changed)
        planted.update(("statement", one) for one in changed.differences)
    return bills, planted


async def _post(center: Center, made: Made, bills: Days, seed: int, each: int) -> Counter[Named]:
    """Post the HIS's list of all days, changed; what is to be named of it and of the refunds."""
    rows: list[dict[str, object]] = []
    planted: Counter[Named] = Counter()
    days: list[refunds.Lists] = []
    for day, much in _much(made, each):
        changed = _changed(made.his, made.unpaid_his, day, ~seed, much)
        planted.update(("his", one) for one in changed.differences)
        rows += his_rows(_all(changed), day)
        days.append(refunds.Lists(made.refunds[day], bills[day], _all(changed)))
    receipts, wrong = _receipts(bills, seed)
    planted.update((bank.PAIR, one) for one in wrong)
    api = center.program()
    await api.post("/api/v1/his-lists", rows)
    await api.post("/api/v1/bank-receipts", receipts)
    await api.close()
    return planted + refunds.judge(made.payments, days, MANY)


def _receipts(bills: Days, seed: int) -> tuple[list[dict[str, object]], list[Difference]]:
    """What the bank has of the bills, changed, and how that is to be named."""
    rows: list[dict[str, object]] = []
    wrong: list[Difference] = []
    for place, wallet in enumerate(WALLETS):
        of_wallet = {day: [e for e in bill if e.wallet == wallet] for day, bill in bills.items()}
        changed, named_so = bank.plant(seed * 2 + place, bank.receipts(wallet, of_wallet))
        rows += [receipt.record() for receipt in changed]
        wrong += named_so
    return rows, wrong


def _all(changed: Planted) -> list[Entry]:
    return [entry for wallet in WALLETS for entry in changed.lists[wallet]]


def _much(made: Made, each: int) -> Iterable[tuple[date, int]]:
    """How many differences each day has: the last one none."""
    return [(day, 0 if day == made.days[-1] else each) for day in made.days]


def _changed(lists: Lists, unpaid: Lists, day: date, seed: int, each: int) -> Planted:
    """The lists of a day with their differences."""
    of_day = {wallet: lists[wallet, day] for wallet in WALLETS}
    nobody = [entry for wallet in WALLETS for entry in unpaid[wallet, day]]
    return plant(seed * 100 + day.day, of_day, each, nobody)


async def _send(center: Center, made: Made, keys: dict[str, str]) -> None:
    """Send the boxes' rows as boxes do."""
    async with httpx.AsyncClient(base_url=center.address, **CLIENT) as client:
        for journal in made.journals:
            key = bytes.fromhex(keys[journal.box])
            for batch in journal.batches():
                answer = await _exchange(client, key, batch)
                assert answer.ack == batch.last, "not all of a batch arrived"
                assert not answer.rejected, answer.rejected[:1]


async def _exchange(client: httpx.AsyncClient, key: bytes, batch: wire.Batch) -> wire.Answer:
    nonce = os.urandom(wire.NONCE_BYTES)
    context = wire.request_context(batch.box, KEY_ID)
    sealed = wire.seal(key, wire.write_batch(batch), context, nonce)
    headers = {"X-Box": batch.box, "X-Key": KEY_ID}
    told = await client.post(wire.PATH, content=sealed, headers=headers)
    context = wire.answer_context(told.status_code, batch.box, KEY_ID, sealed)
    answer = wire.read_answer(told.status_code, wire.unseal(key, told.content, context))
    assert isinstance(answer, wire.Answer), answer
    return answer


async def _found(center: Center, made: Made) -> Counter[Named]:
    api = center.program()
    found = named(await api.breaks(span(made.days[0] - bank.LONG_AGO, made.days[-1] + CARRIED)))
    await api.close()
    return found


def run(seeds: Iterable[int], each: int) -> int:
    """Play them from the command line."""
    return asyncio.run(play_seeds(seeds, each))
