"""Which migrations a file has and needs, without the tables themselves.

A box starts some thousand times on a file that is up to date: sqlite-utils, which applies the
migrations of `schema`, is imported (50 ms, 8 MB) only where one is missing.
"""

import sqlite3
from datetime import datetime

from device.errors import StorageError

SET, TABLE = "journal", "_sqlite_migrations"
NAMES = ("0001_first", "0002_adopted", "0003_form", "0004_sync", "0005_booking", "0006_trace+")
"""Every migration this version knows, in order."""
ADDITIVE = "+"
"""Ends the name of a migration that only adds (columns with defaults, tables, indexes): a release
from before it reads and writes the file as ever, so an update that fails its trial can go back."""


def is_additive(name: str) -> bool:
    """Whether a version that does not know this migration can use the file all the same."""
    return name.endswith(ADDITIVE)


def applied(db: sqlite3.Connection) -> list[str]:
    """Return the names of the migrations that the file has, as sqlite-utils keeps them."""
    there = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    if not db.execute(there, [TABLE]).fetchone():
        return []
    done = f"SELECT name FROM {TABLE} WHERE migration_set = ? ORDER BY rowid"  # noqa: S608  a constant
    return [row[0] for row in db.execute(done, [SET])]


def check_known(db: sqlite3.Connection) -> None:
    """Raise StorageError if a migration of the file means what this version does not know."""
    strange = [n for n in applied(db) if n not in NAMES and not is_additive(n)]
    if strange:
        raise StorageError(f"journal: written by a newer version (migration {strange[0]})")


def migrate(db: sqlite3.Connection, now: datetime) -> list[str]:
    """Apply what is missing, inside the caller's transaction; return the names applied.

    StorageError if the file was written by a newer version: what its tables mean is not known.
    """
    check_known(db)
    has = applied(db)
    pending = [name for name in NAMES if name not in has]
    if pending:
        from device.journal import schema  # noqa: PLC0415  see above

        schema.apply(db)
    for name in pending:  # sqlite-utils writes its own time of day; ours is injected
        db.execute(
            f"UPDATE {TABLE} SET applied_at = ? WHERE name = ?",  # noqa: S608  a constant
            [now.isoformat(), name],
        )
    return pending
