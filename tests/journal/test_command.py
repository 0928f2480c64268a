import asyncio
import csv
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from device.domain.charge import ChargeState
from device.domain.payment import AttemptState
from device.domain.record import PutRefund
from device.domain.refund import RefundState
from device.journal import Inline, SqliteJournal
from device.journal.command import STATES, main

if TYPE_CHECKING:
    from tests.journal.conftest import FakeClock, Records

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def running(path: Path, clock: "FakeClock", make: "Records") -> Iterator[SqliteJournal]:
    """A journal that a box has open, with two payments and a refund."""

    async def fill() -> SqliteJournal:
        journal = await SqliteJournal.open(path, clock, Inline(), randomness=bytes)
        for n in (1, 2):
            event = replace(make.event(n, "intended"), his_id=f"MZ{n}")
            await journal.commit((*make.intended(n)[:3], event))
            clock.move(wall=timedelta(seconds=1))
        event = replace(make.event(1, "paid"), his_id="MZ1", operator="=收费员")
        await journal.commit((*make.paid(1)[:2], event, make.result(1)))
        await journal.commit((PutRefund(replace(make.refund(1, "TK1", 5), pay_id="MZ1")),))
        return journal

    journal = asyncio.run(fill())
    yield journal
    journal._store.close()


def test_list_is_a_table_oldest_first(
    running: SqliteJournal, path: Path, capsys: Captured, make: "Records"
) -> None:
    assert running.epoch
    assert main(["list"], path) == 0
    heading, first, second = (line.split() for line in capsys.readouterr().out.splitlines())
    assert heading == ["时间", "单号", "次", "金额", "渠道", "状态", "商户单号"]
    paid = ["2026-11-22", "09:30:01", "MZ1", "1", "123.45", "微信", "已付款"]
    assert first == [*paid, make.trade_no(1)]
    assert second[2:] == ["MZ2", "1", "123.45", "微信", "已发起", make.trade_no(2)]
    assert main(["list", "-n", "1"], path) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_columns_stand_under_each_other(
    running: SqliteJournal, path: Path, capsys: Captured
) -> None:
    assert running.epoch
    main(["list"], path)
    wide = [line.encode("gb18030") for line in capsys.readouterr().out.splitlines()]
    assert len({line.rindex(b" ") for line in wide}) == 1


@pytest.mark.parametrize("name", ["MZ1", "MZ030000000000000000000000000001"])
def test_show_tells_everything_under_an_id(
    running: SqliteJournal, path: Path, capsys: Captured, name: str
) -> None:
    assert running.epoch
    assert main(["show", name], path) == 0
    out = capsys.readouterr().out
    assert [
        part for part in ("【收款】", "【退款】", "【答复】", "【事件】") if part not in out
    ] == []
    assert "RTK1" in out
    assert "MZ2" not in out


def test_show_of_a_refund(running: SqliteJournal, path: Path, capsys: Captured) -> None:
    assert running.epoch
    assert main(["show", "RTK1"], path) == 0
    assert "0.05" in capsys.readouterr().out


def test_show_of_nothing_fails(running: SqliteJournal, path: Path, capsys: Captured) -> None:
    assert running.epoch
    assert main(["show", "nobody"], path) == 1
    assert capsys.readouterr().err == "没有单号 nobody 的记录\n"


def test_verify_tells_good_from_bad(running: SqliteJournal, path: Path, capsys: Captured) -> None:
    assert running.epoch
    assert main(["verify"], path) == 0
    assert capsys.readouterr().out.startswith("完好：3 条事件")
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TRIGGER event_fixed")
        db.execute("UPDATE events SET amount_fen = 1 WHERE id = 2")
        db.commit()
    assert main(["verify"], path) == 1
    fault, verdict = capsys.readouterr().out.splitlines()
    assert "event 2" in fault
    assert verdict.startswith("发现 1 处问题")


def test_export_gives_every_event_as_json(
    running: SqliteJournal, path: Path, capsys: Captured
) -> None:
    assert main(["export"], path) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    waiting = asyncio.run(running.backlog(10))
    assert rows == [{"epoch": waiting.epoch, **row} for row in waiting.rows]


def test_export_gives_csv_that_no_spreadsheet_runs(
    running: SqliteJournal, path: Path, capsys: Captured
) -> None:
    assert running.epoch
    assert main(["export", "--format", "csv"], path) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["seq"] for row in rows] == ["1", "2", "3"]
    assert rows[2]["operator"] == "'=收费员"


def test_a_closed_journal_in_a_read_only_place_can_be_read(
    running: SqliteJournal, path: Path, capsys: Captured
) -> None:
    running._store.close()
    path.parent.chmod(0o500)
    try:
        assert main(["list"], path) == 0
    finally:
        path.parent.chmod(0o700)
    assert "MZ1" in capsys.readouterr().out


def test_looking_leaves_no_trace(running: SqliteJournal, path: Path) -> None:
    running._store.close()
    before = path.read_bytes()
    main(["list"], path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("argv", [[], ["drop"], ["show"], ["list", "-n", "many"]])
def test_a_wrong_command_is_one_line_and_exit_2(
    path: Path, capsys: Captured, argv: list[str]
) -> None:
    assert main(argv, path) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_help_is_not_an_error(path: Path, capsys: Captured) -> None:
    assert main(["--help"], path) == 0
    assert "只读" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, b"not a database at all" * 99])
def test_a_file_that_cannot_be_read_is_one_line_and_exit_2(
    path: Path, capsys: Captured, content: bytes | None
) -> None:
    if content:
        path.write_bytes(content)
    assert main(["list"], path) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert path.exists() == bool(content)


def test_a_file_of_a_newer_version_is_one_line_and_exit_2(
    running: SqliteJournal, path: Path, capsys: Captured
) -> None:
    assert running.epoch
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE _sqlite_migrations SET name = '9999_x' WHERE id = 1")
        db.commit()
    assert main(["list"], path) == 2
    assert "newer version" in capsys.readouterr().err


def test_a_file_without_our_tables_is_one_line_and_exit_2(path: Path, capsys: Captured) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE other (x)")
        db.commit()
    assert main(["verify"], path) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_every_state_has_its_chinese_word() -> None:
    assert {*ChargeState, *AttemptState, *RefundState} <= set(STATES)
