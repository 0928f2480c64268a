"""The card: what was synced is all that a power cut leaves."""

import sqlite3
from pathlib import Path

import pytest

from simulators.world.disk import Disk
from simulators.world.loop import PowerCut


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    made = Disk(tmp_path)
    made.begin()
    return made


def opened(disk: Disk, synchronous: int = 2) -> sqlite3.Connection:
    connection = disk.connect(disk.path)
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    return connection


def write(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("CREATE TABLE IF NOT EXISTS t (n)")
    connection.execute("INSERT INTO t VALUES (?)", [number])
    connection.execute("COMMIT")


def numbers(disk: Disk) -> list[int]:
    return [n for (n,) in disk.rows("SELECT n FROM t")]


def test_a_synced_commit_is_there_after_a_cut(disk: Disk) -> None:
    connection = opened(disk)
    write(connection, 1)
    disk.cut()
    assert numbers(disk) == [1]
    connection.close()


def test_a_commit_that_was_not_synced_is_lost(disk: Disk) -> None:
    connection = opened(disk)
    write(connection, 1)
    connection.execute("PRAGMA synchronous = 1")
    write(connection, 2)
    assert not disk.all_synced
    disk.cut()
    assert numbers(disk) == [1]
    connection.close()


@pytest.mark.parametrize(("fault", "left"), [("cut_before", [1]), ("cut_after", [1, 2])])
def test_a_cut_at_a_commit_is_before_or_after_it(disk: Disk, fault: str, left: list[int]) -> None:
    connection = opened(disk)
    disk.on_cut = disk.cut
    write(connection, 1)
    disk.on_commit = lambda: fault
    with pytest.raises(PowerCut):
        write(connection, 2)
    assert numbers(disk) == left
    connection.close()


@pytest.mark.parametrize(("fault", "left"), [("error_before", [1]), ("error_after", [1, 2])])
def test_a_commit_that_raises_may_be_durable(disk: Disk, fault: str, left: list[int]) -> None:
    connection = opened(disk)
    write(connection, 1)
    disk.on_commit = lambda: fault
    with pytest.raises(sqlite3.OperationalError):
        write(connection, 2)
    if connection.in_transaction:
        connection.execute("ROLLBACK")
    assert numbers(disk) == left
    connection.close()
