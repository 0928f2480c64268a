"""The connection that Django opens (it looks for a module of this name).

Django runs each pragma up to its first row. The switch to WAL gives that row first and writes
afterwards, so that a failed write is an error that nobody hears: SQLite calls the file WAL until it
next reads it, and goes on with a rollback journal. A page would then wait for the batch that is
being stored, and the syncs are others than those of decision 0007.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from django.db.backends.sqlite3 import base, operations

HELD = {"wal", "memory"}
"""Journal modes that are served; a database in memory (tests) has no file to keep."""


class DatabaseOperations(operations.DatabaseOperations):
    """A time in UTC, as ingest has it, becomes its text in a third of Django's time."""

    def adapt_datetimefield_value(self, value: Any) -> Any:
        """Return what the file holds; everything else is Django's to turn."""
        if type(value) is datetime and value.tzinfo is UTC and self.connection.timezone is UTC:
            return str(value.replace(tzinfo=None))
        return super().adapt_datetimefield_value(value)


class Kept:
    """Connections between two requests. The last that was used goes first: its pages are in memory.

    Opening one takes two milliseconds, and the last to close writes the whole log into the file.
    """

    def __init__(self) -> None:
        self._free: list[sqlite3.Connection] = []
        self.most = 0
        """How many are kept; none but in the server, which has a thread for each request."""

    def take(self) -> sqlite3.Connection | None:
        """Return one that nobody uses, if there is any."""
        with suppress(IndexError):
            return self._free.pop()
        return None

    def give(self, connection: sqlite3.Connection) -> bool:
        """Keep it; False if there is no room, or if something is under way on it."""
        if len(self._free) >= self.most or connection.in_transaction:
            return False
        self._free.append(connection)
        return True

    def close(self) -> None:
        """Keep none any more."""
        self.most = 0
        while connection := self.take():
            connection.close()


KEPT = Kept()


class DatabaseWrapper(base.DatabaseWrapper):
    """Opens the file in WAL, or raises OperationalError: the next request tries again."""

    ops_class = DatabaseOperations

    def get_new_connection(self, conn_params: Mapping[str, Any]) -> sqlite3.Connection:
        """Return a connection whose pragmas hold; errors are `sqlite3.Error`, mapped by Django."""
        if kept := KEPT.take():
            return kept
        connection: sqlite3.Connection = super().get_new_connection(conn_params)
        try:
            _into_wal(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _close(self) -> None:
        """Keep a connection that met no error for the next request."""
        if self.connection and not self.errors_occurred and KEPT.give(self.connection):
            return
        super()._close()  # type: ignore[misc]  # django-stubs leaves it out


def _into_wal(connection: sqlite3.Connection) -> None:
    """Run the switch to its end, read the file once, and read the mode back."""
    connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode not in HELD:
        raise sqlite3.OperationalError(f"the database file's journal_mode is {mode}, not wal")
