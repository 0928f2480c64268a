"""What a commit promises, and what happens when the disk does not keep it."""

import asyncio
import logging
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from device.domain.record import PutAttempt, PutCharge, PutRefund
from device.errors import CommitRefused, JournalDamaged, StorageError
from device.journal import Inline, SqliteJournal, WriterThread
from device.journal import connection as opening
from device.journal.store import DEFERRED_LIMIT

if TYPE_CHECKING:
    from device.domain.ports import Journal
    from tests.journal.conftest import FakeClock, Opener, Records


@dataclass
class Disk:
    """A connection that fails as told: `before` the statement runs, or `after` it took hold."""

    before: str | tuple[str, ...] = ""
    after: str = ""
    missing: bool = False
    hook: Callable[[str], None] = lambda _: None
    opened: int = 0
    statements: list[str] = field(default_factory=list)

    def connect(self, path: Path) -> sqlite3.Connection:
        if self.missing:
            raise sqlite3.OperationalError("unable to open database file")
        self.opened += 1
        disk = self

        connection: sqlite3.Connection

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                disk.statements.append(sql)
                disk.hook(sql)
                if disk.before and sql.startswith(disk.before):
                    raise sqlite3.OperationalError("disk I/O error")
                cursor = super().execute(sql, *parameters)
                if disk.after and sql.startswith(disk.after):
                    raise sqlite3.OperationalError("disk I/O error")
                return cursor

        connection = sqlite3.connect(path, factory=Connection, isolation_level=None)
        return connection


def count(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as db:
        (number,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(number)


async def test_settings_are_read_back(opened: "Opener") -> None:
    def without_wal(_: Path) -> sqlite3.Connection:
        return sqlite3.connect(":memory:", isolation_level=None)

    with pytest.raises(StorageError, match="journal_mode is memory, not wal"):
        await opened(connect=without_wal)


async def test_every_setting_holds_in_the_open_file(opened: "Opener") -> None:
    held: list[sqlite3.Connection] = []

    def connect(path: Path) -> sqlite3.Connection:
        held.append(opening.connect(path))
        return held[-1]

    await opened(connect=connect)
    for name, value in opening.SETTINGS.items():
        assert held[-1].execute(f"PRAGMA {name}").fetchone()[0] == value
    assert held[-1].execute("PRAGMA page_size").fetchone()[0] == opening.PAGE_SIZE


async def test_it_is_the_domains_port(opened: "Opener") -> None:
    port: Journal = await opened()
    assert port.epoch == "00" * 8


async def test_the_epoch_comes_from_the_injected_randomness_and_stays(opened: "Opener") -> None:
    journal = await opened(randomness=lambda n: b"\xab" * n)
    assert journal.epoch == "ab" * 8
    await journal.aclose()
    assert (await opened(randomness=lambda n: b"\xcd" * n)).epoch == "ab" * 8


async def test_a_commit_is_in_the_file_when_it_returns(
    opened: "Opener", make: "Records", path: Path
) -> None:
    journal = await opened()
    await journal.commit(make.intended(1))
    assert count(path, "attempts") == count(path, "events") == count(path, "orders") == 1


async def test_one_commit_is_one_transaction(opened: "Opener", make: "Records") -> None:
    disk = Disk()
    journal = await opened(connect=disk.connect)
    journal.defer((make.event(1, "armed"),))
    disk.statements.clear()
    await journal.commit(make.intended(1))
    assert disk.statements[0] == "BEGIN IMMEDIATE"
    assert disk.statements[-1] == "COMMIT"
    assert sum(s in {"BEGIN IMMEDIATE", "COMMIT"} for s in disk.statements) == 2


async def test_seq_runs_on_over_reopening_and_the_outbox_follows(
    opened: "Opener", make: "Records"
) -> None:
    journal = await opened()
    await journal.commit(make.intended(1))
    await journal.aclose()
    journal = await opened()
    await journal.commit(make.paid(1))
    rows = (await journal.backlog(10)).rows
    assert [(r["seq"], r["state"]) for r in rows] == [(1, "intended"), (2, "paid")]
    assert rows[1]["prev"] == rows[0]["hash"]
    assert "id" not in rows[0]
    await journal.acknowledge(journal.epoch, 1)
    assert [r["seq"] for r in (await journal.backlog(10)).rows] == [2]
    await journal.acknowledge(journal.epoch, 0)  # never goes back
    await journal.acknowledge("another", 2)  # not ours
    await journal.acknowledge(journal.epoch, 3)  # above what there is
    assert [r["seq"] for r in (await journal.backlog(10)).rows] == [2]
    assert [r["seq"] for r in (await journal.backlog(0)).rows] == []


# --- deferred writes


async def test_reads_see_what_is_deferred_and_the_file_does_not(
    opened: "Opener", make: "Records", path: Path
) -> None:
    journal = await opened()
    journal.defer((PutCharge(make.charge(1)), make.event(1, "armed"), make.result(1, "unknown")))
    ticket = await journal.ticket("", "MZ1")
    assert ticket
    assert ticket.charges == (make.charge(1),)
    assert ticket.stored
    assert ticket.stored.this_boot
    assert len(await journal.unsettled()) == 1
    assert count(path, "charges") == 0


async def test_deferred_changes_are_written_first_and_in_order(
    opened: "Opener", make: "Records"
) -> None:
    journal = await opened()
    journal.defer((make.event(1, "first"),))
    journal.defer((make.event(1, "second"),))
    await journal.commit((make.event(1, "third"),))
    assert [r["state"] for r in (await journal.backlog(9)).rows] == ["first", "second", "third"]


async def test_deferred_changes_are_written_in_a_pause(
    opened: "Opener", make: "Records", path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.journal.journal.IDLE_S", 0.0)
    journal = await opened()
    journal.defer((make.event(1, "armed"),))
    assert count(path, "events") == 0
    for _ in range(10):
        await asyncio.sleep(0)
    assert count(path, "events") == 1


async def test_deferred_changes_are_written_at_the_end(
    opened: "Opener", make: "Records", path: Path
) -> None:
    journal = await opened()
    journal.defer((make.event(1, "armed"),))
    await journal.aclose()
    assert count(path, "events") == 1


async def test_a_pause_on_a_bad_disk_is_tried_again(
    opened: "Opener",
    make: "Records",
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("device.journal.journal.IDLE_S", 0.0)
    disk = Disk()
    journal = await opened(connect=disk.connect)
    disk.before = "COMMIT"
    journal.defer((make.event(1, "armed"),))
    for _ in range(10):
        await asyncio.sleep(0)
    assert "commit failed" in caplog.text
    disk.before = ""
    for _ in range(10):
        await asyncio.sleep(0)
    assert count(path, "events") == 1


async def test_a_refused_deferred_change_does_not_hold_up_the_commit(
    opened: "Opener", make: "Records", caplog: pytest.LogCaptureFixture
) -> None:
    journal = await opened()
    journal.defer((make.event(1, "armed"), PutRefund(make.refund(7, "TK7", 1))))
    journal.defer((make.event(1, "kept"),))
    with caplog.at_level(logging.ERROR):
        await journal.commit(make.intended(1))
    states = [r["state"] for r in (await journal.backlog(9)).rows]
    assert states == ["kept", "intended"]
    assert "a deferred change was refused" in caplog.text
    assert (await journal.verify()).faults == ()


async def test_what_is_held_back_is_bounded(opened: "Opener", make: "Records") -> None:
    journal = await opened()
    for _ in range(DEFERRED_LIMIT):
        journal.defer((make.event(1, "armed"),))
    with pytest.raises(StorageError, match="too much"):
        journal.defer((make.event(1, "armed"),))


# --- a bad disk


async def test_a_commit_that_raised_and_took_hold_has_succeeded(
    opened: "Opener", make: "Records", path: Path
) -> None:
    disk = Disk()
    journal = await opened(connect=disk.connect)
    journal.defer((PutCharge(make.charge(9)),))
    disk.after = "COMMIT"
    await journal.commit(make.intended(1))
    assert disk.opened == 2
    assert "PRAGMA wal_checkpoint(TRUNCATE)" in disk.statements  # synced before it counts
    assert count(path, "events") == 1
    disk.after = ""
    await journal.commit(make.paid(1))
    assert [r["seq"] for r in (await journal.backlog(9)).rows] == [1, 2]


async def test_a_commit_found_again_but_not_synced_has_not_succeeded(
    opened: "Opener", make: "Records"
) -> None:
    disk = Disk()
    journal = await opened(connect=disk.connect)
    disk.after = "COMMIT"
    disk.before = "PRAGMA wal_checkpoint"
    with pytest.raises(StorageError, match="cannot be looked for"):
        await journal.commit(make.intended(1))
    disk.after = disk.before = ""
    await journal.commit(make.intended(1))  # the caller tries again
    assert (await journal.verify()).faults == ()


@pytest.mark.parametrize(
    "statement",
    ["BEGIN", "SAVEPOINT", "INSERT INTO attempts", "INSERT INTO ev", "COMMIT", ("COMMIT", "ROLL")],
)
async def test_a_commit_that_did_not_take_hold_is_an_error_and_can_be_tried_again(
    opened: "Opener", make: "Records", path: Path, statement: str | tuple[str, ...]
) -> None:
    disk = Disk()
    journal = await opened(connect=disk.connect)
    journal.defer((make.event(1, "armed"),))
    disk.before = statement
    with pytest.raises(StorageError, match="commit failed"):
        await journal.commit(make.intended(1))
    assert count(path, "events") == count(path, "attempts") == 0
    disk.before = ""
    await journal.commit(make.intended(1))
    assert [r["state"] for r in (await journal.backlog(9)).rows] == ["armed", "intended"]


async def test_a_disk_that_is_gone_and_comes_back(opened: "Opener", make: "Records") -> None:
    disk = Disk()
    journal = await opened(connect=disk.connect)
    disk.before, disk.missing = "COMMIT", True
    for _ in range(2):
        with pytest.raises(StorageError):
            await journal.commit(make.intended(1))
    with pytest.raises(StorageError, match="cannot reopen"):
        await journal.ticket("", "MZ1")
    disk.before, disk.missing = "", False
    await journal.commit(make.intended(1))
    assert len(await journal.unsettled()) == 1


async def test_a_rollback_that_fails_is_repaired_by_reopening(
    opened: "Opener", make: "Records"
) -> None:
    disk = Disk()
    journal = await opened(connect=disk.connect)
    disk.before = "ROLLBACK"
    with pytest.raises(CommitRefused):
        await journal.commit((PutRefund(make.refund(1, "TK1", 1)),))
    disk.before = ""
    with pytest.raises(StorageError):  # the connection was given up
        await journal.commit(make.intended(1))
    await journal.commit(make.intended(1))
    assert (await journal.verify()).faults == ()


async def test_a_read_that_fails_reopens(opened: "Opener", make: "Records") -> None:
    disk = Disk()
    journal = await opened(connect=disk.connect)
    await journal.commit(make.intended(1))
    disk.before = "SELECT * FROM charges"
    with pytest.raises(StorageError, match="cannot read"):
        await journal.ticket("", "MZ1")
    disk.before = ""
    assert await journal.ticket("", "MZ1")
    assert disk.opened == 2


async def test_a_full_disk_and_then_room_again(
    opened: "Opener", make: "Records", path: Path
) -> None:
    held: list[sqlite3.Connection] = []

    def connect(path: Path) -> sqlite3.Connection:
        held.append(opening.connect(path))
        held[-1].execute("PRAGMA max_page_count = 80")
        return held[-1]

    journal = await opened(connect=connect)
    stored = 0

    async def fill() -> None:
        nonlocal stored
        for n in range(1, 200):
            await journal.commit(make.intended(n))
            stored = n

    with pytest.raises(StorageError, match="full"):
        await fill()
    assert count(path, "attempts") == stored
    held[-1].execute("PRAGMA max_page_count = 100000")
    await journal.commit(make.intended(stored + 1))
    assert count(path, "attempts") == stored + 1


async def test_a_write_that_the_kernel_refuses(
    opened: "Opener", make: "Records", path: Path
) -> None:
    journal = await opened()
    await journal.commit(make.intended(1))
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = path.with_name(path.name + "-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 1000, hard))
    try:
        with pytest.raises(StorageError):
            await journal.commit(make.intended(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await journal.commit(make.intended(2))
    assert (await journal.verify()).faults == ()
    assert count(path, "attempts") == 2


async def test_a_read_only_disk(opened: "Opener", make: "Records") -> None:
    await (await opened()).aclose()

    def connect(path: Path) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)

    with pytest.raises(StorageError, match="readonly"):
        await opened(connect=connect)
    await (await opened()).commit(make.intended(1))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write in any directory")
def test_a_read_only_directory(clock: "FakeClock", tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageError):
            asyncio.run(SqliteJournal.open(tmp_path / "journal.sqlite3", clock, Inline()))
    finally:
        tmp_path.chmod(0o700)


async def test_a_path_that_cannot_be(clock: "FakeClock", tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing" / "journal.sqlite3"):
        with pytest.raises(StorageError, match=r"^journal: cannot open: unable to open"):
            await SqliteJournal.open(path, clock, Inline())


def test_a_file_that_is_no_database_is_damage(clock: "FakeClock", path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(JournalDamaged, match="not a database"):
        asyncio.run(SqliteJournal.open(path, clock, Inline()))


async def test_a_file_exchanged_under_the_box_is_noticed(
    opened: "Opener", make: "Records", path: Path
) -> None:
    disk = Disk()
    journal = await opened(connect=disk.connect)
    disk.before = "COMMIT"
    with pytest.raises(StorageError):
        await journal.commit(make.intended(1))
    disk.missing = True
    with pytest.raises(StorageError):
        await journal.commit(make.intended(1))
    disk.before, disk.missing = "", False
    for left in path.parent.iterdir():
        left.unlink()
    await (await opened(randomness=lambda n: b"\xee" * n)).aclose()
    with pytest.raises(JournalDamaged, match="replaced"):
        await journal.commit(make.intended(1))


async def test_no_message_holds_a_value(opened: "Opener", make: "Records") -> None:
    journal = await opened()
    await journal.commit(make.intended(1))
    await journal.commit((PutCharge(make.charge(2)),))
    twin = replace(make.attempt(1), code_hash="secret-code-hash")
    with pytest.raises(CommitRefused) as caught:
        await journal.commit((PutAttempt(make.key(2), twin),))
    assert "secret" not in repr(caught.value) + repr(caught.value.__cause__)


# --- a process that dies

DYING = """
import asyncio, os, sys
from pathlib import Path
from device.clock import BEIJING, SystemClock
from device.domain.record import Event
from device.journal import Inline, SqliteJournal
from datetime import datetime

async def main():
    journal = await SqliteJournal.open(Path(sys.argv[1]), SystemClock(), Inline())
    at = datetime.now(BEIJING)
    for n in range(10_000):
        if n == 20 and sys.argv[2] == "inside":
            db = journal._store._db
            db.execute("BEGIN IMMEDIATE")
            db.execute("UPDATE meta SET value = 'half'")
            os._exit(9)
        await journal.commit((Event(f"u{n}", "payment", "intended", "D", at),))
        print(n, flush=True)

asyncio.run(main())
"""


def die(path: Path) -> None:
    command = [sys.executable, "-c", DYING, str(path), "inside"]
    done = subprocess.run(command, check=False, capture_output=True)
    assert done.returncode == 9, done.stderr


def kill_after_60(path: Path) -> int:
    """Return how many commits were acknowledged before the kill."""
    command = [sys.executable, "-c", DYING, str(path), "killed"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as dying:
        assert dying.stdout
        for line in dying.stdout:
            if line.strip() == "60":
                dying.kill()
                break
        return 61 + len(dying.stdout.readlines())


async def test_a_process_that_dies_inside_a_transaction(
    opened: "Opener", path: Path, make: "Records"
) -> None:
    die(path)
    journal = await opened()
    assert count(path, "events") == 20
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM meta WHERE value = 'half'").fetchone() == (0,)
    await journal.commit(make.intended(1))
    assert (await journal.verify()).faults == ()


async def test_a_process_that_is_killed_loses_nothing_it_acknowledged(
    opened: "Opener", path: Path
) -> None:
    acknowledged = kill_after_60(path)
    journal = await opened()
    assert (await journal.verify()).faults == ()
    assert acknowledged <= count(path, "events") <= acknowledged + 1


# --- the thread


async def test_a_stalled_disk_stalls_the_thread_and_not_the_loop(
    path: Path, clock: "FakeClock", make: "Records"
) -> None:
    stalled, good = threading.Event(), threading.Event()

    def hook(sql: str) -> None:
        if sql == "COMMIT" and stalled.is_set():
            assert good.wait(10)

    disk = Disk(hook=hook)
    journal = await SqliteJournal.open(path, clock, WriterThread(), connect=disk.connect)
    stalled.set()
    commit = asyncio.create_task(journal.commit(make.intended(1)))
    read = asyncio.create_task(journal.ticket("", "MZ1"))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not commit.done()
    good.set()
    await commit
    assert await read
    await journal.aclose()


async def test_a_commit_whose_asker_is_gone_is_made(
    path: Path, clock: "FakeClock", make: "Records"
) -> None:
    good = threading.Event()
    disk = Disk()
    journal = await SqliteJournal.open(path, clock, WriterThread(), connect=disk.connect)
    disk.hook = lambda sql: None if sql != "COMMIT" else assert_true(good.wait(10))
    tasks = [asyncio.create_task(journal.commit(make.intended(n))) for n in (1, 2)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(task.cancelled() for task in tasks)
    good.set()
    await journal.aclose()
    assert count(path, "attempts") == 2


def assert_true(value: object) -> None:
    assert value


async def test_many_askers_at_once_and_a_reader_beside_them(
    path: Path, clock: "FakeClock", make: "Records"
) -> None:
    journal = await SqliteJournal.open(path, clock, WriterThread())
    stop = threading.Event()
    faults: list[str] = []

    def look() -> None:
        while not stop.is_set():
            db = opening.open_read_only(path)
            counts = ", ".join(f"(SELECT count(*) FROM {t})" for t in ("events", "attempts"))
            events, attempts = db.execute(f"SELECT {counts}").fetchone()
            if events != attempts:
                faults.append("half a commit was seen")
            db.close()

    reader = threading.Thread(target=look)
    reader.start()
    await asyncio.gather(*(journal.commit(make.intended(n)) for n in range(1, 101)))
    tickets = await asyncio.gather(*(journal.ticket("", f"MZ{n}") for n in range(1, 101)))
    stop.set()
    reader.join()
    assert faults == []
    assert all(tickets)
    assert (await journal.verify()).faults == ()
    await journal.aclose()


async def test_a_checkpoint_is_made_in_a_pause_when_it_is_due(
    opened: "Opener", make: "Records", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.journal.store.CHECKPOINT_COMMITS", 3)
    disk = Disk()
    journal = await opened(connect=disk.connect)
    disk.statements.clear()
    for n in (1, 2, 3):
        await journal.commit(make.intended(n))
    assert not any("checkpoint(" in s for s in disk.statements)  # never inside a commit
    monkeypatch.setattr("device.journal.journal.IDLE_S", 0.0)
    journal.defer((make.event(1, "x"),))
    await journal.commit(())
    for _ in range(10):
        await asyncio.sleep(0)
    assert disk.statements[-1] == "PRAGMA wal_checkpoint(PASSIVE)"
