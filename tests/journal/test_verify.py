"""What was changed behind the box's back is found, at the next opening or when asked."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from device.domain.payment import AttemptState
from device.domain.record import Event, PutAttempt, PutRefund
from device.domain.refund import RefundState
from device.errors import JournalDamaged
from device.journal import SqliteJournal

if TYPE_CHECKING:
    from tests.journal.conftest import Opener, Records

Tamper = Callable[[str], None]


@pytest.fixture
def tamper(path: Path) -> Tamper:
    """Runs SQL as someone would who takes the triggers away first."""

    def run(sql: str) -> None:
        with closing(sqlite3.connect(path)) as db:
            names = db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (name,) in names:
                db.execute(f"DROP TRIGGER {name}")
            db.execute("PRAGMA ignore_check_constraints = on")
            db.execute(sql)
            db.commit()

    return run


@pytest.fixture
async def full(opened: "Opener", make: "Records") -> SqliteJournal:
    journal = await opened()
    for n in range(1, 6):
        await journal.commit(make.intended(n))
        await journal.commit(make.paid(n))
    await journal.commit((PutRefund(make.refund(1, "TK1", 100)), requested(make)))
    return journal


def requested(make: "Records") -> Event:
    event = make.event(1, "requested", "refund")
    return replace(event, uid="RTK1", amount_fen=100)


async def test_an_untouched_journal_has_no_faults(full: SqliteJournal) -> None:
    report = await full.verify()
    assert report.faults == ()
    assert report.events == 11
    assert len(report.last_hash) == 64


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE events SET amount_fen = 1 WHERE id = 3",
        "UPDATE events SET state = 'failed' WHERE id = 11",
        "DELETE FROM events WHERE id = 4",
        "DELETE FROM events WHERE id = 1",
        "UPDATE events SET hash = prev WHERE id = 5",
        "UPDATE orders SET refund_fen = 0 WHERE refund_fen > 0",
        "DELETE FROM epochs",
    ],
)
async def test_a_changed_or_missing_row_is_found_at_the_next_opening(
    full: SqliteJournal, tamper: Tamper, opened: "Opener", sql: str
) -> None:
    await full.aclose()
    tamper(sql)
    with pytest.raises(JournalDamaged, match=r"^journal: "):
        await opened()


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("UPDATE events SET amount_fen = 1 WHERE id = 3", "event 3 .*changed"),
        ("DELETE FROM events WHERE id = 4", "event 4 is missing"),
        ("UPDATE orders SET refund_fen = 0 WHERE refund_fen > 0", "refund_fen 0, .*sum to 100"),
        ("UPDATE refunds SET amount_fen = 99", "refund_fen 100, .*sum to 99"),
        ("UPDATE attempts SET state = 'failed' WHERE his_id = 'MZ2'", "attempts .*newest event"),
        ("UPDATE attempts SET amount_fen = 1 WHERE his_id = 'MZ2'", "attempts .*newest event"),
        ("DELETE FROM events WHERE id >= 10", "attempts .*newest event"),
        ("DELETE FROM charges WHERE his_id = 'MZ2'", "table attempts: row without its parent"),
        ("UPDATE charges SET amount_fen = -1", "structure: CHECK constraint failed"),
    ],
)
async def test_a_full_verification_names_the_fault(
    full: SqliteJournal, tamper: Tamper, sql: str, fault: str
) -> None:
    tamper(sql)
    faults = (await full.verify()).faults
    assert any(re.search(fault, f) for f in faults), faults


async def test_an_ended_refund_must_be_what_its_event_told(
    full: SqliteJournal, make: "Records"
) -> None:
    await full.commit((PutRefund(make.refund(1, "TK1", 100, RefundState.REFUNDED)),))
    assert (await full.verify()).faults == ("refunds RTK1: differs from its newest event",)


async def test_an_ended_attempt_without_an_event_is_a_fault(
    full: SqliteJournal, make: "Records"
) -> None:
    await full.commit(make.intended(6)[:3])
    await full.commit((PutAttempt(make.key(6), make.attempt(6, AttemptState.PAID)),))
    assert len((await full.verify()).faults) == 1


async def test_only_the_newest_events_are_walked_at_opening(
    full: SqliteJournal, tamper: Tamper, opened: "Opener", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.journal.verify.AT_OPEN", 5)
    await full.aclose()
    tamper("UPDATE events SET amount_fen = 1 WHERE id = 3")
    journal = await opened()
    assert len((await journal.verify()).faults) == 1
    await journal.aclose()
    tamper("UPDATE events SET amount_fen = 1 WHERE id = 9")
    with pytest.raises(JournalDamaged, match=r"event 9 .*changed"):
        await opened()


async def test_a_damaged_page_is_damage(full: SqliteJournal, opened: "Opener", path: Path) -> None:
    await full.aclose()
    scratch(path)
    with pytest.raises(JournalDamaged):
        await opened()


def scratch(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[1024:] = bytes(b ^ 0x5A for b in content[1024:])
    path.write_bytes(content)
