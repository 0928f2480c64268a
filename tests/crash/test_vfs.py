import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from simulators.crash.tape import Create, Delete, Operation, Sync, Write
from simulators.crash.vfs import OK, Disk, Hook, hooked

FULL = 13
IOERR_FSYNC = 1034


@dataclass
class Notes(Disk):
    done: list[Operation] = field(default_factory=list)
    fault: Callable[[Operation], int] = lambda _: OK

    def before(self, operation: Operation) -> int:
        return self.fault(operation)

    def after(self, operation: Operation) -> None:
        self.done.append(operation)


def kinds(operations: list[Operation]) -> list[str]:
    return [f"{type(o).__name__} {o.name}" for o in operations]


def test_every_operation_of_a_commit_is_noted_in_order(tmp_path: Path) -> None:
    notes = Notes()
    with hooked(notes) as connect, closing(connect(tmp_path / "x")) as db:
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE t (a)")
    seen = kinds(notes.done)
    assert seen[0] == "Create x"
    assert [s for s in seen if "Write" not in s] == [
        "Create x",
        "Create x-journal",
        "Sync x-journal",
        "Sync x-journal",
        "Sync x",
        "Delete x-journal",
    ]
    assert Sync("x-journal", directory=True) in notes.done
    assert Delete("x-journal", synced=False) in notes.done


def test_what_is_noted_rebuilds_the_file(tmp_path: Path) -> None:
    notes = Notes()
    with hooked(notes) as connect, closing(connect(tmp_path / "x")) as db:
        db.execute("CREATE TABLE t (a)")
        db.execute("INSERT INTO t VALUES ('kept')")
    built = bytearray()
    for operation in notes.done:
        if isinstance(operation, Write) and operation.name == "x":
            end = operation.offset + len(operation.data)
            built.extend(bytes(max(0, end - len(built))))
            built[operation.offset : end] = operation.data
    assert bytes(built) == (tmp_path / "x").read_bytes()


def test_a_file_that_was_there_is_not_created(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "x").execute("CREATE TABLE t (a)").connection.close()
    notes = Notes()
    with hooked(notes) as connect, closing(connect(tmp_path / "x")) as db:
        db.execute("INSERT INTO t VALUES (1)")
    assert Create("x") not in notes.done


@pytest.mark.parametrize(
    ("kind", "code", "says"),
    [(Write, FULL, "full"), (Sync, IOERR_FSYNC, "I/O error"), (Create, 14, "unable to open")],
)
def test_an_operation_can_be_made_to_fail(
    tmp_path: Path, kind: type[Operation], code: int, says: str
) -> None:
    notes = Notes()
    with hooked(notes) as connect, closing(connect(tmp_path / "x")) as db:
        db.execute("CREATE TABLE t (a)")
        notes.done.clear()
        notes.fault = lambda operation: code if isinstance(operation, kind) else OK
        with pytest.raises(sqlite3.OperationalError, match=says):
            db.execute("INSERT INTO t VALUES (1)")
        notes.fault = lambda _: OK
        assert db.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_a_closed_hook_is_unknown_to_sqlite(tmp_path: Path) -> None:
    hook = Hook(Disk())
    hook.connect(tmp_path / "x").close()
    hook.close()
    with pytest.raises(sqlite3.OperationalError, match="no such vfs"):
        hook.connect(tmp_path / "x")
