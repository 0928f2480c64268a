"""Opening the file: the one place where a connection is made, set up and checked.

WAL with `synchronous=FULL` is the only mode that was measured to lose nothing at any power cut and
to stay within four flushes a payment; it is read back, because SQLite answers a refused pragma
with silence.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from device.errors import JournalDamaged, StorageError

BUSY_TIMEOUT_MS = 5_000  # the command line may hold a lock for a moment; longer is a fault
PAGE_SIZE = 1_024
"""Bytes. A payment changes some 27 pages and each is written whole to the WAL. Measured, for a
payment of three commits: 36 KiB with 1 KiB pages, 58 with 2, 100 with 4. An event needs 0.65."""
WAL_AUTOCHECKPOINT_PAGES = 4_000
"""A backstop of 4 MiB, over 100 payments. Checkpoints are made by the journal in pauses
(`store.idle`) so that no payment waits for one; this is for a desk that never pauses."""
WAL_KEPT_BYTES = 8 * 1024 * 1024  # a WAL that once grew beyond this is cut again

Connect = Callable[[Path], sqlite3.Connection]

SETTINGS: dict[str, str | int] = {
    "journal_mode": "wal",
    "synchronous": 2,  # FULL: a commit returns when it is on the disk
    "foreign_keys": 1,
    "busy_timeout": BUSY_TIMEOUT_MS,
    "wal_autocheckpoint": WAL_AUTOCHECKPOINT_PAGES,
    "journal_size_limit": WAL_KEPT_BYTES,
    "cell_size_check": 1,
    "trusted_schema": 0,
    "recursive_triggers": 1,  # a row that is replaced is a row deleted: its triggers say no
}
"""Pragma -> value; each is set and read back at every opening."""

DAMAGE_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
PRIMARY_CODE_MASK = 0xFF  # the low byte of an extended SQLite code is its family


def connect(path: Path) -> sqlite3.Connection:
    """Open or create the file for writing; another VFS is injected by replacing this function."""
    return sqlite3.connect(_uri(path, "mode=rwc"), uri=True, isolation_level=None)


def open_database(path: Path, connect: Connect = connect) -> sqlite3.Connection:
    """Return the file ready for commits; `sqlite3.Error`, or StorageError if a setting is refused.

    The caller maps `sqlite3.Error` by `storage_error`. The directory needs no sync of ours: SQLite
    syncs it when it first syncs the rollback journal and the WAL of a new file, both made here.
    """
    connection = connect(path)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")  # heeded only while the file is empty
        _set(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_read_only(path: Path) -> sqlite3.Connection:
    """Return the file for looking only, also while the box runs; `sqlite3.Error` if it cannot be.

    A box that runs always has a WAL. Where there is none, nobody writes: the file is then read as
    a picture, which needs no right to write beside it and leaves no `-shm` of a stranger behind.
    """
    running = path.with_name(path.name + "-wal").exists()
    how = _uri(path, "mode=ro" if running else "mode=ro&immutable=1")
    connection = sqlite3.connect(how, uri=True, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA query_only = 1")
        connection.execute("SELECT count(*) FROM sqlite_master")
    except BaseException:
        connection.close()
        raise
    return connection


def storage_error(error: Exception, doing: str) -> StorageError:
    """Return the error of our tree: JournalDamaged if SQLite calls the file corrupt.

    SQLite's own messages name tables and columns, never values.
    """
    code = getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE_MASK
    kind = JournalDamaged if code in DAMAGE_CODES else StorageError
    return kind(f"journal: {doing}: {error}")


def _set(connection: sqlite3.Connection) -> None:
    """Set every pragma, read the file once, and read every pragma back.

    Each statement is run to its end: the switch to WAL gives its row first and writes afterwards,
    so that where the row alone is fetched a failed write is an error that nobody hears. SQLite
    calls such a file WAL until it next reads it, and goes on with a rollback journal.
    """
    for name, value in SETTINGS.items():
        connection.execute(f"PRAGMA {name} = {value}").fetchall()
    connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    for name, value in SETTINGS.items():
        (held,) = connection.execute(f"PRAGMA {name}").fetchone()
        if held != value:
            raise StorageError(f"journal: {name} is {held}, not {value}")


def _uri(path: Path, query: str) -> str:
    return f"file:{quote(str(path.absolute()))}?{query}"
