"""`flush` tells whether the disk takes a write again, and takes along what was kept (M21)."""

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from device.domain.payment import AttemptState
from device.errors import StorageError

if TYPE_CHECKING:
    from tests.journal.conftest import Opener, Records


class FullDisk:
    """Nothing can be written when it is full; what was read before can be read on."""

    full = False

    def connect(self, path: Path) -> sqlite3.Connection:
        disk = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                if disk.full and sql == "COMMIT" and self.total_changes:
                    raise sqlite3.OperationalError("database or disk is full")
                return super().execute(sql, *parameters)

        return sqlite3.connect(path, factory=Connection, isolation_level=None)


async def test_with_nothing_kept_it_still_finds_out(opened: "Opener") -> None:
    disk = FullDisk()
    journal = await opened(connect=disk.connect)
    disk.full = True
    with pytest.raises(StorageError):
        await journal.flush()
    disk.full = False
    await journal.flush()


async def test_what_was_kept_is_read_on_a_full_disk_and_written_by_the_flush(
    opened: "Opener", make: "Records"
) -> None:
    disk = FullDisk()
    journal = await opened(connect=disk.connect)
    await journal.commit(make.intended(1))
    disk.full = True
    with pytest.raises(StorageError):
        await journal.commit(make.paid(1))
    journal.defer(make.paid(1))
    key = make.key(1)
    held = await journal.ticket(key.business_date, key.his_id)
    assert held
    assert held.charges[0].attempts[0].state is AttemptState.PAID
    with pytest.raises(StorageError):
        await journal.flush()
    disk.full = False
    await journal.flush()
    assert (await journal.verify()).faults == ()
    await journal.aclose()
    again = await opened()
    held = await again.ticket(key.business_date, key.his_id)
    assert held
    assert held.charges[0].attempts[0].state is AttemptState.PAID


class ReadOnlyDisk(FullDisk):
    """The file system was remounted read-only: not even a transaction can be begun."""

    def connect(self, path: Path) -> sqlite3.Connection:
        disk = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                if disk.full and sql.startswith(("BEGIN IMMEDIATE", "COMMIT")):
                    raise sqlite3.OperationalError("attempt to write a readonly database")
                return super().execute(sql, *parameters)

        return sqlite3.connect(path, factory=Connection, isolation_level=None)


async def test_what_was_kept_is_read_on_a_read_only_disk(opened: "Opener", make: "Records") -> None:
    disk = ReadOnlyDisk()
    journal = await opened(connect=disk.connect)
    await journal.commit(make.intended(1))
    disk.full = True
    with pytest.raises(StorageError):
        await journal.commit(make.paid(1))
    journal.defer(make.paid(1))
    for _ in range(2):
        held = await journal.ticket("", "MZ1")
        assert held
        assert held.charges[0].attempts[0].state is AttemptState.PAID
    disk.full = False
    await journal.commit(make.intended(2))
    assert await journal.ticket("", "MZ2")
    assert (await journal.verify()).faults == ()
