"""The file itself refuses what must not be, and its words are the domain's words."""

import re
import sqlite3
import sys
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from device import journal as package
from device.domain import booking, charge, payment, refund, words
from device.domain.charge import ChargeState
from device.domain.payment import AttemptState
from device.domain.record import PutAttempt, PutCharge, PutOrder, PutRefund
from device.domain.refund import RefundKind, RefundState
from device.errors import CommitRefused, StorageError
from device.journal import SqliteJournal, reads, schema, versions
from device.journal.connection import open_read_only

if TYPE_CHECKING:
    from tests.journal.conftest import Opener, Records

DOCS = Path(__file__).parents[2] / "docs" / "journal.md"


@pytest.fixture
async def journal(opened: "Opener") -> SqliteJournal:
    return await opened()


def ask(path: Path, sql: str) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        return db.execute(sql).fetchall()


def force(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA foreign_keys = on")
        db.execute(sql)
        db.commit()


@pytest.mark.parametrize(
    ("table", "column", "expected"),
    [
        ("charges", "state", set(ChargeState)),
        ("charges", "reason", set(words.Reason)),
        ("charges", "undo", set(words.Reason)),
        ("charges", "business", set(words.Business)),
        ("charges", "department", set(words.Department)),
        ("charges", "wallet", {"", *words.Wallet}),
        ("charges", "form", set(words.Form)),
        ("charges", "booking", set(booking.BookingState)),
        ("refunds", "form", set(words.Form)),
        ("attempts", "state", set(AttemptState)),
        ("attempts", "reason", set(words.Reason)),
        ("attempts", "wallet", set(words.Wallet)),
        ("refunds", "state", set(RefundState)),
        ("refunds", "reason", set(words.Reason)),
        ("refunds", "kind", set(RefundKind)),
        ("orders", "wallet", set(words.Wallet)),
    ],
)
async def test_a_closed_list_in_the_schema_is_the_domains(
    journal: SqliteJournal, path: Path, table: str, column: str, expected: Iterable[str]
) -> None:
    assert journal.epoch
    (row,) = ask(path, f"SELECT sql FROM sqlite_master WHERE name = '{table}'")
    listed = re.search(rf"CHECK \(({column} = '[^)]*)\)", row["sql"])
    assert listed
    assert set(re.findall(rf"{column} = '([^']*)'", listed[1])) == set(expected)


async def test_no_check_fills_a_table_at_each_write(journal: SqliteJournal, path: Path) -> None:
    """SQLite makes one of any `IN` with more than two words, each time a row is written."""
    assert journal.epoch
    for row in ask(path, "SELECT sql FROM sqlite_master WHERE type = 'table'"):
        lists = re.findall(r"IN \(([^)]*)\)", row["sql"])
        assert all(words.count(",") < 2 for words in lists)


def test_the_unsettled_conditions_are_the_domains() -> None:
    assert set(re.findall("'(.*?)'", reads.OPEN_ATTEMPTS)) == payment.OPEN_STATES
    assert set(re.findall("'(.*?)'", reads.OPEN_REFUNDS)) == refund.OPEN_REFUNDS
    unbooked = {charge.ChargeState.PAID, *booking.OPEN_BOOKINGS}
    assert set(re.findall("'(.*?)'", reads.UNBOOKED_CHARGES)) == unbooked
    assert f"watched < {payment.WATCH_QUERIES} " in reads.WATCHED_ATTEMPTS


@pytest.mark.parametrize("sql", reads.UNSETTLED)
async def test_finding_unsettled_work_uses_a_partial_index(
    journal: SqliteJournal, path: Path, sql: str
) -> None:
    assert journal.epoch
    (plan,) = ask(path, f"EXPLAIN QUERY PLAN {sql}")
    assert re.search(r"USING (COVERING )?INDEX \w+_(open|watched|unbooked)", plan["detail"])


async def test_every_column_is_documented(journal: SqliteJournal, path: Path) -> None:
    assert journal.epoch
    documented: dict[str, set[str]] = {}
    for part in DOCS.read_text().split("\n### ")[1:]:
        name = part.split("`")[1]
        documented[name] = set(re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE))
    tables = ask(path, "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
    for (table,) in tables:
        if table != "outbox":  # a view: the columns of `events`
            columns = {row["name"] for row in ask(path, f"PRAGMA table_info({table})")}
            assert documented.get(table) == columns


async def test_refunds_beyond_the_order_are_refused_and_nothing_is_written(
    journal: SqliteJournal, make: "Records"
) -> None:
    await journal.commit(make.intended(1))
    await journal.commit((PutRefund(make.refund(1, "TK1", 12000)),))
    with pytest.raises(CommitRefused, match="over_refund"):
        await journal.commit((make.event(1, "requested"), PutRefund(make.refund(1, "TK2", 346))))
    order = await journal.order(make.trade_no(1))
    assert order
    assert (order.refund_fen, order.open_refund_id) == (12000, "TK1")
    assert await journal.ticket("", "TK2") is None
    assert (await journal.backlog(10)).waiting == 1


async def test_the_file_refuses_an_over_refund_from_anyones_sql(
    journal: SqliteJournal, make: "Records", path: Path
) -> None:
    await journal.commit((*make.intended(1), PutRefund(make.refund(1, "TK1", 12000))))
    for sql in (
        "UPDATE orders SET elsewhere_fen = 346",
        "UPDATE orders SET amount_fen = 999999",
        "UPDATE refunds SET amount_fen = 12346",
        "DELETE FROM refunds",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            force(path, sql)


async def test_a_failed_refund_frees_its_amount_and_cannot_take_it_back(
    journal: SqliteJournal, make: "Records"
) -> None:
    await journal.commit((*make.intended(1), PutRefund(make.refund(1, "TK1", 12345))))
    await journal.commit((PutRefund(make.refund(1, "TK1", 12345, RefundState.FAILED)),))
    await journal.commit((PutRefund(make.refund(1, "TK2", 12345)),))
    with pytest.raises(CommitRefused, match="over_refund"):
        await journal.commit((PutRefund(make.refund(1, "TK1", 12345, RefundState.SENT)),))


async def test_what_was_given_back_elsewhere_counts(
    journal: SqliteJournal, make: "Records"
) -> None:
    await journal.commit((PutOrder(make.trade_no(1), words.Wallet.WECHAT, 12345, 12000),))
    with pytest.raises(CommitRefused, match="over_refund"):
        await journal.commit((PutRefund(make.refund(1, "TK1", 346)),))


async def test_a_refund_needs_its_order(journal: SqliteJournal, make: "Records") -> None:
    with pytest.raises(CommitRefused):
        await journal.commit((PutRefund(make.refund(1, "TK1", 1)),))


async def test_an_id_is_a_charge_or_a_refund_but_not_both(
    journal: SqliteJournal, make: "Records"
) -> None:
    await journal.commit((*make.intended(1), PutRefund(make.refund(1, "MZ2", 1))))
    with pytest.raises(CommitRefused, match="this id is a refund"):
        await journal.commit((PutCharge(make.charge(2)),))
    with pytest.raises(CommitRefused, match="this id is a charge"):
        await journal.commit((PutRefund(make.refund(1, "MZ1", 1)),))


async def test_an_order_number_is_used_once(journal: SqliteJournal, make: "Records") -> None:
    await journal.commit(make.intended(1))
    await journal.commit((PutCharge(make.charge(2)),))
    with pytest.raises(CommitRefused):
        await journal.commit((PutAttempt(make.key(2), make.attempt(1)),))


async def test_a_refund_number_is_used_once(journal: SqliteJournal, make: "Records") -> None:
    await journal.commit((*make.intended(1), PutRefund(make.refund(1, "TK1", 1))))
    twin = replace(make.refund(1, "TK2", 1), out_refund_no="RTK1")
    with pytest.raises(CommitRefused, match="number, id, order and amount"):
        await journal.commit((PutRefund(twin),))


async def test_the_amount_of_a_charge_never_changes(
    journal: SqliteJournal, make: "Records"
) -> None:
    await journal.commit((PutCharge(make.charge(1)),))
    with pytest.raises(CommitRefused, match="amount of a charge"):
        await journal.commit((PutCharge(make.charge(1, fen=1)),))


@pytest.mark.parametrize("fen", [-1, 1.5, "x"])
async def test_money_is_whole_and_not_negative(
    journal: SqliteJournal, make: "Records", fen: object
) -> None:
    with pytest.raises(CommitRefused):
        await journal.commit((PutCharge(make.charge(1, fen=fen)),))  # type: ignore[arg-type]  # the point


async def test_events_are_never_changed_or_deleted(
    journal: SqliteJournal, make: "Records", path: Path
) -> None:
    await journal.commit(make.intended(1))
    for sql in ("UPDATE events SET amount_fen = 1", "DELETE FROM events"):
        with pytest.raises(sqlite3.IntegrityError, match="an event is never"):
            force(path, sql)


async def test_an_event_out_of_turn_is_refused(
    journal: SqliteJournal, make: "Records", path: Path
) -> None:
    await journal.commit(make.intended(1))
    columns = [row["name"] for row in ask(path, "PRAGMA table_info(events)")]
    copied = ", ".join({"id": "2", "seq": "3"}.get(c, c) for c in columns)
    with pytest.raises(sqlite3.IntegrityError, match="next of its epoch"):
        force(path, f"INSERT INTO events SELECT {copied} FROM events")


async def test_a_revision_never_gets_other_content(
    journal: SqliteJournal, make: "Records", path: Path
) -> None:
    await journal.commit((make.result(1, "unknown"),))
    await journal.commit((make.result(1, "unknown"),))  # tried again: the same, and no error
    with pytest.raises(CommitRefused):
        await journal.commit((make.result(1, "paid"),))
    with pytest.raises(sqlite3.IntegrityError, match="fixed"):
        force(path, "UPDATE answers SET content = '{}'")
    assert len(ask(path, "SELECT * FROM answers")) == 1


async def test_a_revision_below_the_newest_is_refused(
    journal: SqliteJournal, make: "Records"
) -> None:
    await journal.commit((make.result(1, "paid", revision=3),))
    with pytest.raises(CommitRefused, match="only rise"):
        await journal.commit((make.result(1, "unknown", revision=2),))


async def test_a_file_to_which_a_newer_version_only_added_is_used_as_ever(
    opened: "Opener", path: Path, make: "Records"
) -> None:
    await (await opened()).aclose()
    table = schema.migrations.migrations_table
    force(path, "ALTER TABLE charges ADD COLUMN later TEXT NOT NULL DEFAULT ''")
    force(
        path,
        f"INSERT INTO {table} (migration_set, name, applied_at) VALUES ('journal', '9999_x+', '')",
    )
    journal = await opened()
    await journal.commit(make.intended(1))
    await journal.aclose()
    db = open_read_only(path)
    assert reads.payment_open(db)
    db.close()


async def test_a_file_of_a_newer_version_is_refused_in_one_line(
    opened: "Opener", path: Path
) -> None:
    await (await opened()).aclose()
    table = schema.migrations.migrations_table
    force(
        path,
        f"INSERT INTO {table} (migration_set, name, applied_at) VALUES ('journal', '9999_x', '')",
    )
    with pytest.raises(StorageError, match=r"^journal: written by a newer version .*9999_x\)$"):
        await opened()


async def test_a_file_that_is_up_to_date_is_opened_without_the_tool_that_migrates(
    opened: "Opener", monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await opened()).aclose()
    monkeypatch.delattr(package, "schema")
    monkeypatch.setitem(sys.modules, "device.journal.schema", None)  # importing it raises
    assert (await opened()).epoch


def test_the_set_and_table_of_migrations_are_those_of_sqlite_utils() -> None:
    assert (schema.migrations.name, schema.migrations.migrations_table) == (
        versions.SET,
        versions.TABLE,
    )


async def test_migrations_are_recorded_with_the_injected_time(
    journal: SqliteJournal, path: Path
) -> None:
    assert journal.epoch
    rows = ask(path, f"SELECT name, applied_at FROM {schema.migrations.migrations_table}")
    assert [tuple(row) for row in rows] == [
        ("0001_first", "2026-11-22T09:30:01+08:00"),
        ("0002_adopted", "2026-11-22T09:30:01+08:00"),
        ("0003_form", "2026-11-22T09:30:01+08:00"),
        ("0004_sync", "2026-11-22T09:30:01+08:00"),
        ("0005_booking", "2026-11-22T09:30:01+08:00"),
        ("0006_trace+", "2026-11-22T09:30:01+08:00"),
    ]
    assert tuple(row["name"] for row in rows) == versions.NAMES
