"""A SQLite VFS that notes every disk operation, or lets one fail; by ctypes, no extra library.

The default VFS of the libsqlite3 that the standard `sqlite3` module has loaded is copied; only
xOpen and xDelete are replaced, and in each opened file a copy of its methods with xWrite,
xTruncate and xSync replaced. Everything real is still done by SQLite's own code. This needs a
libsqlite3 that is a file of its own: `missing()` says why not, where it is not.
"""

import ctypes
import sqlite3
from collections.abc import Callable
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p
from itertools import count
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from simulators.crash.tape import Create, Delete, Operation, Sync, Truncate, Write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from device.journal.connection import Connect

OK = 0
OPEN_CREATE = 0x4
OPEN_JOURNALS = 0x800 | 0x4000 | 0x80000  # main journal, super journal, WAL
MAPS = Path("/proc/self/maps")

X_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
X_DELETE = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
X_WRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
X_TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
X_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)


class _Methods(Structure):
    """`sqlite3_io_methods`, version 3."""

    _fields_ = (
        ("iVersion", c_int),
        *((name, c_void_p) for name in ("xClose", "xRead")),
        *(("xWrite", X_WRITE), ("xTruncate", X_TRUNCATE), ("xSync", X_SYNC)),
        *((f"rest{i}", c_void_p) for i in range(13)),
    )


class _File(Structure):
    """`sqlite3_file`."""

    _fields_ = (("pMethods", POINTER(_Methods)),)


class _Vfs(Structure):
    """`sqlite3_vfs`, version 3."""

    _fields_ = (
        *(("iVersion", c_int), ("szOsFile", c_int), ("mxPathname", c_int)),
        *(("pNext", c_void_p), ("zName", c_char_p), ("pAppData", c_void_p)),
        *(("xOpen", X_OPEN), ("xDelete", X_DELETE)),
        *((f"rest{i}", c_void_p) for i in range(14)),
    )


def missing() -> str:
    """Why disk operations cannot be watched here; empty where they can."""
    if not MAPS.exists():
        return "no /proc/self/maps to find libsqlite3 by"
    path = _library()
    if not path:
        return "sqlite3 is built into this Python: there is no libsqlite3 to hook"
    held = ctypes.CDLL(path)
    held.sqlite3_libversion.restype = c_char_p
    version = held.sqlite3_libversion().decode()
    used = sqlite3.sqlite_version
    return "" if version == used else f"{path} is SQLite {version}, the module uses {used}"


def _library() -> str:
    files = (line.split()[-1] for line in MAPS.read_text().splitlines() if "/" in line)
    return next((f for f in files if "libsqlite3" in f), "")


class Disk:
    """What a hooked VFS reports to: override what is of interest."""

    def before(self, _operation: Operation) -> int:
        """Return OK, or the SQLite error code that this operation is to fail with."""
        return OK

    def after(self, operation: Operation) -> None:
        """The operation was done."""


_names = (f"paybox-crash-{n}" for n in count(1))


class Hook:
    """The registered VFS; `close` unregisters it, and must come before the object goes."""

    def __init__(self, disk: Disk) -> None:
        self.name = next(_names)
        self._disk = disk
        self._sqlite = ctypes.CDLL(_library())
        self._sqlite.sqlite3_vfs_find.restype = POINTER(_Vfs)
        self._default = self._sqlite.sqlite3_vfs_find(None)
        self._vfs = _Vfs.from_buffer_copy(self._default.contents)
        self._vfs.pNext, self._vfs.zName = None, self.name.encode()
        self._keep: tuple[Any, ...] = (X_OPEN(self._open), X_DELETE(self._delete))
        self._vfs.xOpen, self._vfs.xDelete = self._keep
        self._patched: dict[int, tuple[_Methods, Any, Any]] = {}
        self._files: dict[int, str] = {}
        self._unsynced_names: set[str] = set()
        if self._sqlite.sqlite3_vfs_register(ctypes.byref(self._vfs), 0):
            raise OSError("SQLite refused the VFS")

    def close(self) -> None:
        """Unregister; every connection through it must be closed."""
        self._sqlite.sqlite3_vfs_unregister(ctypes.byref(self._vfs))

    def connect(self, path: Path) -> sqlite3.Connection:
        """Stand in for `journal.connection.connect`."""
        uri = f"file:{path}?mode=rwc&vfs={self.name}"
        return sqlite3.connect(uri, uri=True, isolation_level=None)

    # ------------------------------------------------------------ the replaced methods

    def _do(self, operation: Operation, work: Callable[[], int]) -> int:
        code = self._disk.before(operation) or work()
        if code == OK:
            self._disk.after(operation)
        return code

    def _open(self, _vfs: int, name: int | None, file: int, flags: int, out: int) -> int:
        path = ctypes.string_at(name).decode() if name else ""
        plain = PurePath(path).name
        default = self._default

        def work() -> int:
            return int(default.contents.xOpen(default, name, file, flags, out))

        if path and flags & OPEN_CREATE and not Path(path).exists():
            code = self._do(Create(plain), work)
            if flags & OPEN_JOURNALS:
                self._unsynced_names.add(plain)  # SQLite syncs the directory with the first sync
        else:
            code = work()
        opened = _File.from_address(file)
        if code == OK and path and opened.pMethods:
            self._files[file] = plain
            self._patch(opened)
        return code

    def _patch(self, opened: _File) -> None:
        address = ctypes.addressof(opened.pMethods.contents)
        if address not in self._patched:
            real = opened.pMethods.contents
            methods = _Methods.from_buffer_copy(real)
            hooks = self._hooks(real)
            methods.xWrite, methods.xTruncate, methods.xSync = hooks
            self._patched[address] = (methods, hooks, real)
        opened.pMethods = ctypes.pointer(self._patched[address][0])

    def _hooks(self, real: _Methods) -> tuple[Any, Any, Any]:
        files = self._files

        def write(file: int, data: int, size: int, offset: int) -> int:
            operation = Write(files[file], offset, ctypes.string_at(data, size))
            return self._do(operation, lambda: real.xWrite(file, data, size, offset))

        def truncate(file: int, size: int) -> int:
            return self._do(Truncate(files[file], size), lambda: real.xTruncate(file, size))

        def sync(file: int, flags: int) -> int:
            name = files[file]
            operation = Sync(name, directory=name in self._unsynced_names)
            code = self._do(operation, lambda: real.xSync(file, flags))
            if code == OK:
                self._unsynced_names.discard(name)
            return code

        return X_WRITE(write), X_TRUNCATE(truncate), X_SYNC(sync)

    def _delete(self, _vfs: int, name: bytes, synced: int) -> int:
        default, plain = self._default, PurePath(name.decode()).name
        if not Path(name.decode()).exists():
            return int(default.contents.xDelete(default, name, synced))
        operation = Delete(plain, synced=bool(synced))
        return self._do(operation, lambda: default.contents.xDelete(default, name, synced))


@contextmanager
def hooked(disk: Disk) -> "Iterator[Connect]":
    """Give a `connect` for `SqliteJournal.open` that reports to `disk`."""
    hook = Hook(disk)
    try:
        yield hook.connect
    finally:
        hook.close()
