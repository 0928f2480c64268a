from pathlib import Path

import pytest

from device.domain.record import Change
from device.journal import SqliteJournal
from device.sync.exchange import BeginEpoch
from device.sync.uploader import Uploader
from simulators.crash.__main__ import cut_everywhere, main
from simulators.crash.images import DiskModel
from simulators.crash.life import LIVES
from simulators.crash.modes import MODES, PRODUCT
from simulators.crash.record import record
from simulators.crash.tape import Operation
from simulators.gateway.identities import Identities

BY_NAME = {life.name: life for life in LIVES}


@pytest.mark.parametrize("name", ["paid", "answer lost", "cancelled", "reversed", "synced"])
def test_no_power_cut_at_any_disk_operation_loses_anything(
    name: str, keys: Identities, directory: Path
) -> None:
    tally = cut_everywhere(BY_NAME[name], PRODUCT, keys, directory, subsets=1)
    assert tally.violations == []
    assert tally.operations > 100
    assert tally.images > tally.operations
    assert tally.recoveries > 10


def test_the_power_may_fail_again_during_the_recovery(keys: Identities, directory: Path) -> None:
    once = cut_everywhere(BY_NAME["cancelled"], PRODUCT, keys, directory, subsets=0)
    twice = cut_everywhere(BY_NAME["cancelled"], PRODUCT, keys, directory, subsets=0, again=2)
    assert twice.violations == []
    assert twice.recoveries > once.recoveries + 10


@pytest.mark.parametrize("mode", [m for m in MODES if m.loses], ids=lambda m: m.name)
def test_the_harness_finds_the_losses_of_a_bad_mode(
    mode: object, keys: Identities, directory: Path
) -> None:
    tally = cut_everywhere(BY_NAME["paid"], mode, keys, directory, subsets=1, enough=1)  # type: ignore[arg-type]
    assert tally.violations


def test_the_harness_finds_an_uploader_that_does_not_listen(
    keys: Identities, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ignore(*_: object) -> None:
        pass

    monkeypatch.setitem(Uploader._PERFORM, BeginEpoch, ignore)
    tally = cut_everywhere(BY_NAME["synced"], PRODUCT, keys, directory, subsets=0, enough=1)
    assert "M16" in tally.violations[0]


def test_the_names_of_a_new_journal_are_on_the_disk_before_anybody_is_told(
    keys: Identities, directory: Path
) -> None:
    """Nothing of ours syncs the directory; SQLite does it for the journals it makes."""
    tape = record(BY_NAME["first start"], keys, directory / "life", {}).tape
    disk = DiskModel()
    for entry in tape.entries:
        if not isinstance(entry, Operation):
            break
        disk.do(entry)
    assert disk.certain_names.keys() == {"journal.sqlite3", "journal.sqlite3-wal"}
    assert disk.pending_names == []


def test_the_command_says_what_it_tried(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lives", "answer lost", "--subsets", "0", "--seed", "7"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("seed 7, 0 random subsets a moment, WAL/FULL\n")
    assert "answer lost" in out


def test_the_command_fails_on_a_violation(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ["--lives", "answer lost", "--subsets", "0", "--mode", "WAL/NORMAL"]
    assert main(chosen) == 1
    assert "VIOLATION: answer lost, moment" in capsys.readouterr().out


def test_the_harness_finds_a_commit_that_only_promises(
    keys: Identities, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def promise(journal: SqliteJournal, change: Change) -> None:
        journal.defer(change)

    monkeypatch.setattr(SqliteJournal, "commit", promise)
    tally = cut_everywhere(BY_NAME["paid"], PRODUCT, keys, directory, subsets=0, enough=25)
    assert any("M2: pay of" in line for line in tally.violations)
