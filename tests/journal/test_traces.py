"""Traces are kept for the newest payments and drawn for a technician."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from device.domain.record import PutTrace
from device.domain.trace import Mark, Trace
from device.journal import SqliteJournal, writes
from device.journal.command import main

if TYPE_CHECKING:
    from tests.journal.conftest import Opener, Records

MARKS = ((Mark.TAKEN, 0.0), (Mark.INTENT, 2.0), (Mark.SIGNED, 3.0), (Mark.SENT, 4.0))
REST = ((Mark.ANSWERED, 104.0), (Mark.VERIFIED, 105.0), (Mark.STORED, 107.0), (Mark.TOLD, 108.0))


@pytest.fixture
async def journal(opened: "Opener") -> SqliteJournal:
    return await opened()


async def test_a_trace_waits_for_the_next_commit(
    journal: SqliteJournal, path: Path, make: "Records"
) -> None:
    journal.defer((PutTrace(Trace(make.trade_no(1), MARKS)),))
    await journal.commit(make.intended(1))
    assert main(["show", "MZ1", "--trace"], path) == 0


async def test_the_oldest_is_forgotten(
    journal: SqliteJournal, path: Path, make: "Records", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writes, "TRACES_KEPT", 2)
    for n in (1, 2, 3):
        await journal.commit((*make.intended(n), PutTrace(Trace(make.trade_no(n), MARKS))))
    assert [main(["show", f"MZ{n}", "--trace"], path) for n in (1, 2, 3)] == [1, 0, 0]


async def test_a_technician_reads_whose_time_it_was(
    journal: SqliteJournal,
    path: Path,
    make: "Records",
    capsys: pytest.CaptureFixture[str],
) -> None:
    trace = PutTrace(Trace(make.trade_no(1), (*MARKS, *REST)))
    await journal.commit((*make.intended(1), trace))
    assert main(["show", make.trade_no(1), "--trace"], path) == 0
    heading, *lines, _legend = capsys.readouterr().out.splitlines()
    assert heading.endswith("共 108.0 ms，扫码墩自身 8.0 ms")
    bars = [line.split("|")[1] for line in lines]
    assert [bar.strip()[0] for bar in bars] == ["█", "█", "█", "▒", "█", "█", "█"]
    assert {len(bar) for bar in bars} == {40}
    assert bars[3].count("▒") == 37
