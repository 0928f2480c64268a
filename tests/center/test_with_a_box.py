"""The firmware's own journal and uploader against the centre's own process, over HTTP."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from device.journal import SqliteJournal
from device.sync.client import CenterClient
from device.sync.uploader import Uploader
from tests.sync.conftest import (  # noqa: F401  fixtures
    BOX,
    KEY,
    Sides,
    brought,
    center,
    clock,
    make,
    opened,
    path,
    sides,
)
from tests.sync.test_uploader import payments


class Center:
    """One centre's folder; its process may be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "boxes").mkdir()
        (folder / "boxes" / f"{BOX}.key").write_bytes(KEY)
        self._file = folder / "paybox-center.toml"
        self._listen("127.0.0.1:0")
        self._process: subprocess.Popen[str] | None = None
        self.address = ""

    def _listen(self, address: str) -> None:
        self._file.write_text(f'listen = "{address}"\n')

    def start(self) -> None:
        command = (sys.executable, "-m", "center", "run", "-c", str(self._file))
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        ready = next(line for line in self._process.stdout if line.startswith("ready "))
        self.address = ready.split()[1].rstrip("/")
        self._listen(self.address.removeprefix("http://"))  # the same port at the next start

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=15)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.folder / "center.sqlite3")) as database:
            return database.execute(sql).fetchall()


@pytest.fixture
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Center]:
    real = Center(tmp_path_factory.mktemp("center"))
    real.start()
    yield real
    real.stop()


async def exchanged(sides: Sides, journal: SqliteJournal, real: Center, times: int) -> Uploader:  # noqa: F811
    client = CenterClient(real.address, BOX, "1")
    sides.center = client  # type: ignore[assignment]  # the real one in place of the small one
    uploader = sides.uploader(journal)
    for _ in range(times):
        await uploader.exchange()
    await client.aclose()
    return uploader


async def test_each_event_of_a_box_arrives_once_though_the_centre_restarts(
    real: Center,
    sides: Sides,  # noqa: F811
) -> None:
    journal = await sides.opened()
    await payments(journal, sides, 1, 300)  # more rows than one batch takes
    await exchanged(sides, journal, real, 1)
    real.stop()
    away = await exchanged(sides, journal, real, 1)
    assert away.part().state != "ok"
    await payments(journal, sides, 301, 320)
    real.start()
    uploader = await exchanged(sides, journal, real, 3)
    assert uploader.part().state == "ok"
    (stored,) = real.rows("SELECT count(*), max(seq) FROM ledger_event")
    assert stored == ((await journal.backlog(9)).acknowledged,) * 2
    assert real.rows("SELECT count(*) FROM ledger_payment WHERE state = 'paid'") == [(320,)]
    (totals,) = real.rows("SELECT sum(count) FROM ledger_daytotal WHERE kind = 'payment'")
    assert totals == (320,)
    assert real.rows("SELECT why FROM ledger_quarantine") == []
    assert real.rows("SELECT kind, facts FROM ledger_alarm") == []
