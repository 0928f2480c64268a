"""The card: a journal on a real file in memory, with a disk that fails and a power that goes.

What counts as on disk is what was synced: the file and its write-ahead log as of the last commit
that SQLite was told to sync. A power cut starts the next life on a copy of exactly that.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from simulators.world.loop import PowerCut

FULL = 2  # PRAGMA synchronous: a commit returns when it is on the disk
MAGIC = "journal.sqlite3"

OnCommit = Callable[[], str]
"""Asked at each COMMIT: '' fine, or one of the fault names below."""
FAULTS = ("error_before", "error_after", "cut_before", "cut_after")


class Disk:
    """One card. `directory` holds a file for each life."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.on_commit: OnCommit = lambda: ""
        self.on_cut: Callable[[], None] = lambda: None
        self.full = False
        self.dead = False
        """Nothing can be read or written."""
        self.failing = False
        """The last commit was refused: a reverse may run from memory (M21)."""
        self.commits = 0
        self.path = directory / "life-0" / MAGIC
        """The journal's file of this life."""
        self._wal = str(_wal(self.path))
        self._life = 0
        self._synced = 0
        self._connections: list[sqlite3.Connection] = []
        self._reader: sqlite3.Connection | None = None

    def begin(self, image: bytes = b"") -> None:
        """A first card: empty, or with the journal of earlier days."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if image:
            self.path.write_bytes(image)

    def connect(self, path: Path) -> sqlite3.Connection:
        """Open for the journal (`device.journal.connection.Connect`)."""
        if self.dead:
            raise _fault("unable to open database file", sqlite3.SQLITE_CANTOPEN)
        connection = sqlite3.connect(
            _uri(path, "mode=rwc"), uri=True, isolation_level=None, factory=_Connection
        )
        assert isinstance(connection, _Connection)
        connection.disk = self
        self._connections.append(connection)
        return connection

    def cut(self) -> None:
        """The power goes: what was synced is all there is."""
        image, wal = self.path, _wal(self.path)
        self._next_life()
        self.path.parent.mkdir()
        if image.exists():
            shutil.copyfile(image, self.path)
        if wal.exists():
            shutil.copyfile(wal, _wal(self.path))
            if self._synced < wal.stat().st_size:
                with _wal(self.path).open("r+b") as file:
                    file.truncate(self._synced)

    def photograph(self) -> Path:
        """Keep a copy of the card as it is now, whole and synced."""
        kept = self.directory / f"kept-{self._life}-{self.commits}"
        kept.mkdir()
        for file in (self.path, _wal(self.path)):
            if file.exists():
                shutil.copyfile(file, kept / file.name)
        return kept

    def put_back(self, kept: Path) -> None:
        """What was written since then was never on the card, whatever it said."""
        self._close_reader()
        self._life += 1
        self.path = self.directory / f"life-{self._life}" / MAGIC
        self._wal = str(_wal(self.path))
        shutil.copytree(kept, self.path.parent)
        self._synced = _size(self._wal)

    def replace(self) -> None:
        """The card is lost; the next life starts on an empty one."""
        self._next_life()
        self._synced = 0
        self.begin()

    def _next_life(self) -> None:
        self._close_reader()
        self._life += 1
        self.path = self.directory / f"life-{self._life}" / MAGIC
        self._wal = str(_wal(self.path))

    def forget(self) -> None:
        """Close what earlier lives left open, and remove their files."""
        self._close_reader()
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        for old in self.directory.glob("life-*"):
            if old != self.path.parent:
                shutil.rmtree(old)

    def synced(self, connection: sqlite3.Connection) -> None:
        """Note a commit that returned, and whether it was synced."""
        self.commits += 1
        self.failing = False
        if connection.execute("PRAGMA synchronous").fetchone()[0] >= FULL:
            self._synced = _size(self._wal)

    @property
    def all_synced(self) -> bool:
        """Whether everything that was committed is on the disk."""
        return self._synced >= _size(self._wal)

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask what is committed, by a connection of our own."""
        if self._reader is None:
            if not self.path.exists():
                return []
            self._reader = sqlite3.connect(_uri(self.path, "mode=rw"), uri=True)
            self._reader.execute("PRAGMA query_only = 1")
        try:
            return self._reader.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []  # the power went before the first commit
            raise

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


class _Connection(sqlite3.Connection):
    """SQLite's own connection, with the faults of a disk at COMMIT."""

    disk: Disk

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        if self.disk.dead:
            self.disk.failing = True
            raise _fault("disk I/O error", sqlite3.SQLITE_IOERR)
        if sql != "COMMIT":
            if sql == "BEGIN IMMEDIATE" and self.disk.full:
                self.disk.failing = True
                raise _fault("database or disk is full", sqlite3.SQLITE_FULL)
            return super().execute(sql, *args)
        fault = self.disk.on_commit()
        if fault == "error_before":
            self.disk.failing = True
            raise _fault("disk I/O error", sqlite3.SQLITE_IOERR)
        if fault == "cut_before":
            self._cut()
        cursor = super().execute(sql)
        self.disk.synced(self)
        if fault == "cut_after":
            self._cut()
        if fault == "error_after":
            raise _fault("disk I/O error", sqlite3.SQLITE_IOERR)
        return cursor

    def _cut(self) -> None:
        self.disk.on_cut()
        raise PowerCut


def _fault(text: str, code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116  asked at every commit and every arrival
    except FileNotFoundError:
        return 0


def _wal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _uri(path: Path, query: str) -> str:
    return f"file:{quote(str(path.absolute()))}?{query}"
