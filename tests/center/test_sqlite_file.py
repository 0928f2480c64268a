"""How the centre opens its file while the disk fails: in WAL, or not at all."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError
from django.db.utils import ConnectionHandler
from pytest_django.plugin import DjangoDbBlocker

from center import settings
from center.sqlite.base import KEPT, Kept
from simulators.crash.tape import Operation
from simulators.crash.vfs import OK, Disk, Hook, missing

IOERR = 10
FULL = 2
OPERATIONS = 13  # of making the file, up to the first commit in WAL


class OneFailure(Disk):
    """Fails one operation of the disk, once."""

    def __init__(self, nth: int) -> None:
        self.left = nth

    def before(self, _operation: Operation) -> int:
        self.left -= 1
        return IOERR if self.left == 0 else OK


@contextmanager
def database(name: str, engine: str, **options: Any) -> Iterator[Any]:
    """A connection with the product's settings, to a file of the test."""
    product = {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": settings.PRAGMAS}
    default = {"ENGINE": engine, "NAME": name, "OPTIONS": product | options}
    connection = ConnectionHandler({"default": default})["default"]
    connection.inc_thread_sharing()
    try:
        yield connection
    finally:
        connection.close()


def mode_after_a_write(connection: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a)")
        (mode,) = cursor.execute("PRAGMA journal_mode").fetchone()
    return str(mode)


@pytest.fixture(autouse=True)
def _files_of_our_own(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def _hookable() -> None:
    if reason := missing():
        pytest.skip(reason)


@pytest.mark.usefixtures("_hookable")
@pytest.mark.parametrize("nth", range(1, OPERATIONS + 2))
def test_the_file_is_in_wal_or_the_failure_is_heard(nth: int, tmp_path: Path) -> None:
    """While it is made, the switch was refused at operations 4 to 9, and nobody heard."""
    disk = OneFailure(nth)
    hook = Hook(disk)
    try:
        name = f"file:{tmp_path / 'center'}?mode=rwc&vfs={hook.name}"
        with database(name, settings.SQLITE, uri=True) as connection:
            try:
                held = mode_after_a_write(connection)
            except DatabaseError:
                assert disk.left <= 0
                connection.close()  # as at the end of a request
                held = mode_after_a_write(connection)
            assert held == "wal"
    finally:
        hook.close()


def test_a_file_that_cannot_be_in_wal_is_refused(tmp_path: Path) -> None:
    """Where files share no memory, as on a network's disk, SQLite only answers `delete`."""
    name = f"file:{tmp_path / 'center'}?mode=rwc&vfs=unix-dotfile"
    with database(name, settings.SQLITE, uri=True) as connection:
        with pytest.raises(DatabaseError, match="journal_mode is delete, not wal"):
            connection.ensure_connection()
        assert connection.connection is None


def test_the_file_is_in_wal_and_syncs_every_commit(tmp_path: Path) -> None:
    with database(str(tmp_path / "center"), settings.SQLITE) as connection:
        with connection.cursor() as cursor:
            (synchronous,) = cursor.execute("PRAGMA synchronous").fetchone()
        assert synchronous == FULL
    with closing(sqlite3.connect(tmp_path / "center")) as plain:
        assert plain.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.fixture
def keeping() -> Iterator[Kept]:
    KEPT.most = 1
    yield KEPT
    KEPT.close()


def opened(connection: Any) -> Any:
    connection.ensure_connection()
    return connection.connection


def test_the_server_keeps_a_connection_for_the_next_request(tmp_path: Path, keeping: Kept) -> None:
    with database(str(tmp_path / "center"), settings.SQLITE) as connection:
        first = opened(connection)
        connection.close()
        assert opened(connection) is first
        connection.close()
        keeping.close()
        assert opened(connection) is not first


def test_not_more_than_that_are_kept(tmp_path: Path, keeping: Kept) -> None:
    name = str(tmp_path / "center")
    with database(name, settings.SQLITE) as one, database(name, settings.SQLITE) as two:
        first, second = opened(one), opened(two)
        one.close()
        two.close()
        assert [keeping.take(), keeping.take()] == [first, None]
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            second.execute("SELECT 1")
        first.close()


def test_a_connection_that_met_an_error_is_not_kept(tmp_path: Path, keeping: Kept) -> None:
    with database(str(tmp_path / "center"), settings.SQLITE) as connection:
        with pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SELECT * FROM there_is_none")
        connection.close()
        assert keeping.take() is None


def test_a_connection_in_a_transaction_is_not_kept(tmp_path: Path, keeping: Kept) -> None:
    with database(str(tmp_path / "center"), settings.SQLITE) as connection:
        opened(connection).execute("BEGIN IMMEDIATE")
        connection.close()
        assert keeping.take() is None
    with closing(sqlite3.connect(tmp_path / "center")) as other:
        other.execute("CREATE TABLE t (a)")  # nothing is locked


def test_nothing_is_kept_outside_the_server(tmp_path: Path) -> None:
    with database(str(tmp_path / "center"), settings.SQLITE) as connection:
        opened(connection)
        connection.close()
    assert KEPT.take() is None
