"""The data belong to one board: a cloned card does not run on another (payment-states §1.9)."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from device import config as paybox_config
from device.__main__ import main
from device.app.board import check_board
from device.clock import SystemClock
from device.errors import ConfigError
from device.journal import Inline, SqliteJournal

WriteConfig = Callable[..., Path]
SERIAL = "10000000abcdef01"


@pytest.fixture
def serial(tmp_path: Path) -> Path:
    """What the board says of itself; device trees end a text with NUL."""
    path = tmp_path / "serial-number"
    path.write_bytes(SERIAL.encode() + b"\0")
    return path


@pytest.fixture
def written(write_config: WriteConfig, serial: Path) -> Path:
    path = write_config({"box": {"board_serial_file": str(serial)}})
    paybox_config.load(path).box.data_dir.mkdir(exist_ok=True)
    return path


def start(path: Path) -> None:
    """What `run` does with the journal before anything else."""
    asyncio.run(_start(path))


async def _start(path: Path) -> None:
    config = paybox_config.load(path)
    journal = await _open(config.box.data_dir)
    try:
        await check_board(config.box, journal)
    finally:
        await journal.aclose()


async def _open(data_dir: Path) -> SqliteJournal:
    clock = SystemClock(lambda: True)
    return await SqliteJournal.open(data_dir / "journal.sqlite3", clock, Inline())


def meta(path: Path) -> dict[str, str]:
    file = paybox_config.load(path).box.data_dir / "journal.sqlite3"
    with closing(sqlite3.connect(file)) as db:
        return dict(db.execute("SELECT key, value FROM meta"))


def test_the_first_start_binds_the_data_to_the_board(written: Path) -> None:
    start(written)
    assert len(meta(written)["board"]) == 64
    assert SERIAL not in str(meta(written))
    start(written)


def test_another_board_is_refused_in_one_line_that_says_what_to_do(
    written: Path, serial: Path
) -> None:
    start(written)
    serial.write_text("10000000abcdef02")
    with pytest.raises(ConfigError) as refused:
        start(written)
    line = str(refused.value)
    assert "\n" not in line
    assert "board_serial_file" in line
    assert "paybox provision --replace-board" in line
    assert "abcdef" not in line


def test_run_exits_2_on_another_board(
    written: Path, serial: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    start(written)
    serial.write_text("10000000abcdef02")
    assert main(["run", "-c", str(written)]) == 2
    assert "paybox provision --replace-board" in capfd.readouterr().err


def test_bound_data_on_a_board_without_a_number_are_refused(written: Path, serial: Path) -> None:
    start(written)
    serial.unlink()
    with pytest.raises(ConfigError):
        start(written)


@pytest.mark.parametrize("content", [None, b"", b"\0", b" \n"])
def test_without_a_number_nothing_is_bound(
    written: Path, serial: Path, content: bytes | None
) -> None:
    serial.unlink()
    if content is not None:
        serial.write_bytes(content)
    start(written)
    assert "board" not in meta(written)


def test_an_empty_setting_asks_for_no_board(
    written: Path, serial: Path, write_config: WriteConfig
) -> None:
    start(written)
    serial.write_text("10000000abcdef02")
    start(write_config({"box": {"board_serial_file": ""}}))


def test_replace_board_binds_to_the_board_it_runs_on(
    written: Path, serial: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start(written)
    before = meta(written)
    serial.write_text("10000000abcdef02")
    assert main(["provision", "--replace-board", "-c", str(written)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert meta(written)["board"] != before["board"]
    start(written)


def test_after_another_board_the_journal_is_young_again(written: Path, serial: Path) -> None:
    """The card may be an old copy, and what its twin collected since is not in it."""
    start(written)
    file = paybox_config.load(written).box.data_dir / "journal.sqlite3"
    with closing(sqlite3.connect(file)) as db:
        db.execute("INSERT OR REPLACE INTO meta VALUES ('sane_since', '2026-01-01T00:00:00+00:00')")
        db.commit()
    old = is_young(file)
    serial.write_text("10000000abcdef02")
    assert main(["provision", "--replace-board", "-c", str(written)]) == 0
    assert (old, is_young(file)) == (False, True)


def is_young(file: Path) -> bool:
    async def look() -> bool:
        journal = await _open(file.parent)
        try:
            return journal.young
        finally:
            await journal.aclose()

    return asyncio.run(look())


def test_replace_board_needs_a_number_and_a_journal(
    written: Path, serial: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["provision", "--replace-board", "-c", str(written)]) == 2
    start(written)
    serial.unlink()
    assert main(["provision", "--replace-board", "-c", str(written)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_provision_does_nothing_without_being_told_what(written: Path) -> None:
    with pytest.raises(SystemExit) as left:
        main(["provision", "-c", str(written)])
    assert left.value.code == 2
