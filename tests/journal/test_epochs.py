"""What sync changes in the file: marks, epochs that end, digests."""

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from device.domain.chain import GENESIS
from device.domain.outbox import Lost
from device.domain.record import Event
from device.errors import StorageError
from device.journal import SqliteJournal
from device.journal.connection import connect
from tests.journal.conftest import NOON, Opener, Records

if TYPE_CHECKING:
    from tests.journal.conftest import FakeClock

EPOCHS = iter(range(1, 100))


def numbered(count: int) -> bytes:
    return next(EPOCHS).to_bytes(count, "big")


async def filled(opened: Opener, make: Records, payments: int = 2) -> SqliteJournal:
    journal = await opened(randomness=numbered)
    for n in range(1, payments + 1):
        await journal.commit(make.intended(n))
        await journal.commit(make.paid(n))
    return journal


def seqs(rows: tuple[dict[str, Any], ...]) -> list[int]:
    return [row["seq"] for row in rows]


def states(rows: tuple[dict[str, Any], ...]) -> list[tuple[str, str]]:
    return [(row["uid"][-1], row["state"]) for row in rows]


async def test_what_is_only_held_back_is_not_sent(opened: Opener, make: Records) -> None:
    journal = await opened()
    await journal.commit(make.intended(1))
    journal.defer((make.event(1, "armed"),))
    assert seqs((await journal.backlog(9)).rows) == [1]


async def test_a_centre_that_lost_rows_gets_them_again(opened: Opener, make: Records) -> None:
    journal = await filled(opened, make)
    await journal.acknowledge(journal.epoch, 4)
    assert (await journal.backlog(9)).waiting == 0
    await journal.rewind(journal.epoch, 2, earlier=False)
    backlog = await journal.backlog(9)
    assert (backlog.acknowledged, seqs(backlog.rows), backlog.waiting) == (2, [3, 4], 2)


async def test_the_rest_of_an_epoch_goes_on_in_a_new_one(opened: Opener, make: Records) -> None:
    journal = await filled(opened, make)
    old = journal.epoch
    await journal.acknowledge(old, 1)
    await journal.new_epoch(old, 3)
    new = journal.epoch
    assert new != old
    before = await journal.backlog(9)
    assert (before.epoch, before.end, seqs(before.rows), before.newest) == (old, 2, [2], False)
    await journal.acknowledge(old, 2)
    backlog = await journal.backlog(9)
    assert (backlog.epoch, seqs(backlog.rows), backlog.newest) == (new, [1, 2], True)
    assert states(backlog.rows) == [("2", "intended"), ("2", "paid")]
    assert backlog.rows[0]["prev"] == GENESIS
    await journal.commit(make.intended(3))
    assert seqs((await journal.backlog(9)).rows) == [1, 2, 3]
    assert (await journal.verify()).faults == ()


async def test_lost_events_are_asked_for_until_they_are_dealt_with(
    opened: Opener, make: Records
) -> None:
    journal = await filled(opened, make)
    old = journal.epoch
    rows = (await journal.backlog(9)).rows
    await journal.acknowledge(old, 4)
    await journal.new_epoch(old, 5)
    backlog = await journal.backlog(9)
    assert backlog.lost == Lost(old, 5, str(rows[-1]["hash"]))
    assert backlog.healing
    await journal.fetched(old, 9)
    assert (await journal.backlog(9)).lost == Lost(old, 9, "")
    await journal.fetched(old, 0)
    assert not (await journal.backlog(9)).healing


async def test_the_journal_is_whole_when_the_new_epoch_is_acknowledged(
    opened: Opener, make: Records
) -> None:
    journal = await filled(opened, make)
    await journal.new_epoch(journal.epoch, 1)
    lost = (await journal.backlog(9)).lost
    assert lost
    await journal.fetched(lost.epoch, 0)
    assert (await journal.backlog(9)).healing
    await journal.acknowledge(journal.epoch, 4)
    assert not (await journal.backlog(9)).healing


async def test_a_journal_that_lost_events_is_young_again(
    opened: Opener, make: Records, clock: "FakeClock"
) -> None:
    journal = await filled(opened, make)
    clock.move(mono_s=90_000, wall=timedelta(seconds=90_000))
    assert not journal.young
    await journal.new_epoch(journal.epoch, 3)
    await journal.commit(make.intended(3))
    assert journal.young


async def test_an_older_row_never_follows_a_newer_one_of_its_uid(
    opened: Opener, make: Records
) -> None:
    journal = await opened(randomness=numbered)
    first = journal.epoch
    await journal.commit(make.intended(1))
    await journal.commit(make.intended(2))
    await journal.new_epoch(first, 3)
    await journal.commit(make.paid(1))
    await journal.new_epoch(first, 1)  # the centre disputes what stands before as well
    newest: dict[object, object] = {}
    backlog = await journal.backlog(99)
    assert backlog.epoch != first
    for row in backlog.rows:
        newest[row["uid"]] = row["state"]
    await journal.acknowledge(backlog.epoch, backlog.end)
    for row in (await journal.backlog(99)).rows:
        newest[row["uid"]] = row["state"]
    assert newest == {make.trade_no(1): "paid", make.trade_no(2): "intended"}
    assert (await journal.verify()).faults == ()


async def test_a_rewind_to_nothing_reaches_back_over_every_epoch(
    opened: Opener, make: Records
) -> None:
    journal = await filled(opened, make)
    old = journal.epoch
    await journal.acknowledge(old, 2)
    await journal.new_epoch(old, 3)
    await journal.acknowledge(journal.epoch, 2)
    await journal.rewind(journal.epoch, 0, earlier=True)
    backlog = await journal.backlog(9)
    assert (backlog.epoch, seqs(backlog.rows), backlog.waiting) == (old, [1, 2], 4)


async def test_a_new_epoch_whose_commit_raised_but_is_there_counts(
    opened: Opener, make: Records
) -> None:
    fail = False

    class Failing(sqlite3.Connection):
        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            nonlocal fail
            cursor = super().execute(sql, *args)
            if fail and sql == "COMMIT":
                fail = False
                raise sqlite3.OperationalError("disk I/O error")
            return cursor

    def failing(path: Path) -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, factory=Failing)

    journal = await opened(randomness=numbered, connect=failing)
    await journal.commit(make.intended(1))
    old, fail = journal.epoch, True
    await journal.new_epoch(old, 1)
    assert journal.epoch != old
    assert (await journal.verify()).faults == ()
    await journal.commit(make.paid(1))
    assert seqs((await journal.backlog(9)).rows) == [1, 2]


def digest_of(date: str) -> Event:
    return Event(f"digest-BOX-0001-{date}", "digest", "closed", "MZ-03", NOON)


async def test_a_digest_speaks_of_what_came_since_the_last(opened: Opener, make: Records) -> None:
    journal = await filled(opened, make)
    before = (await journal.backlog(9)).rows
    await journal.digest(digest_of("2026-11-21"), "2026-11-21")
    await journal.digest(digest_of("2026-11-21"), "2026-11-21")  # once a day
    await journal.commit(make.intended(3))
    await journal.digest(digest_of("2026-11-22"), "2026-11-22")
    rows = (await journal.backlog(9)).rows
    told = [
        (r["seq"], r["date"], r["count"], r["sum_fen"], r["last_hash"])
        for r in rows
        if r["kind"] == "digest"
    ]
    assert told == [
        (5, "2026-11-21", 4, 4 * 12345, before[-1]["hash"]),
        (7, "2026-11-22", 1, 12345, rows[5]["hash"]),
    ]
    assert (await journal.verify()).faults == ()


async def test_a_digest_of_a_new_epoch_begins_with_it(opened: Opener, make: Records) -> None:
    journal = await filled(opened, make)
    await journal.digest(digest_of("2026-11-21"), "2026-11-21")
    await journal.new_epoch(journal.epoch, 4)
    await journal.digest(digest_of("2026-11-22"), "2026-11-22")
    await journal.acknowledge((await journal.backlog(9)).epoch, 3)
    rows = (await journal.backlog(9)).rows
    assert [(r["kind"], r.get("count")) for r in rows] == [("payment", None), ("digest", 1)]


async def test_what_an_action_caused_is_known_for_ever(opened: Opener, make: Records) -> None:
    journal = await opened()
    assert not await journal.acted("C-17")
    event = make.event(1, "refused", kind="do")
    await journal.commit((Event(event.uid, "do", "refused", "MZ-03", NOON, do_id="C-17"),))
    assert await journal.acted("C-17")


async def test_a_disk_that_cannot_be_read_sends_nothing(opened: Opener, make: Records) -> None:
    broken = False

    def breaking(path: Path) -> sqlite3.Connection:
        if broken:
            raise sqlite3.OperationalError("unable to open database file")
        return connect(path)

    journal = await opened(connect=breaking)
    await journal.commit(make.intended(1))
    journal._store._drop()
    broken = True
    with pytest.raises(StorageError):
        await journal.backlog(9)
