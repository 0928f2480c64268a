"""The table of the long proof, and that a proof goes on where it was."""

import argparse
from pathlib import Path

import pytest

from simulators import prove
from simulators.crash.life import LIVES, Life
from simulators.prove import Found, Proof, table
from simulators.world.sometimes import STATES

SMALL = argparse.Namespace(seeds=2, payments=2, jobs=1)


def test_a_part_that_was_done_is_not_done_again(tmp_path: Path) -> None:
    done: list[int] = []

    def work() -> Found:
        done.append(1)
        return Found({"images": 7}, {}, ["one"])

    proof = Proof(SMALL, tmp_path)
    assert proof.once("part", work) == proof.once("part", work) == Found({"images": 7}, {}, ["one"])
    assert len(done) == 1


def test_the_world_is_played_once_for_the_same_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Proof(SMALL, tmp_path).world()
    monkeypatch.setattr(prove, "_histories", None)
    assert Proof(SMALL, tmp_path).world() == first
    assert first.counts["histories"] == 2


@pytest.mark.parametrize("jobs", [1, 3])
def test_lives_are_lived_side_by_side_and_each_is_kept(
    jobs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lived(life: Life, _: argparse.Namespace) -> Found:
        return Found({"images": 1}, violations=[life.name])

    monkeypatch.setattr(prove, "_life", lived)  # the processes are forked: they have it too
    options = argparse.Namespace(jobs=jobs, subsets=1, again=0)
    first = Proof(options, tmp_path).crash()
    assert first.counts["images"] == len(LIVES)
    assert sorted(first.violations) == sorted(life.name for life in LIVES)
    monkeypatch.setattr(prove, "_life", None)
    assert Proof(options, tmp_path).crash().counts == first.counts


def test_the_table_says_what_was_tried_and_what_came_of_it() -> None:
    found = Found(
        {"payments": 1000, "cpu_s": 2.0, "virtual_s": 9000.0, "planted": 50, "caught": 49},
        {STATES[0]: 1},
        ["not caught: one"],
    )
    rows = dict(table(found))
    assert rows["速度 speed"] == "500 payments/s and core, 4,500 x real time"
    assert rows["到达的状态 states reached"] == f"1 / {len(STATES)}"
    assert rows["埋下的错误 planted bugs"] == "49 / 50 caught"
    assert rows["违反 violations"] == "1"


def test_a_state_that_was_not_reached_fails_the_proof(capsys: pytest.CaptureFixture[str]) -> None:
    every = dict.fromkeys(STATES, 1)
    assert prove._print(Found({"payments": 1, "cpu_s": 1.0}, every)) == 0
    del every[STATES[3]]
    assert prove._print(Found({"payments": 1, "cpu_s": 1.0}, every)) == 1
    assert STATES[3] in capsys.readouterr().out


def test_another_source_is_another_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "device" / "a.py"
    source.parent.mkdir()
    source.write_text("one = 1\n")
    monkeypatch.setattr(prove, "ROOT", tmp_path)
    before = prove._fingerprint()
    source.write_text("one = 2\n")
    assert prove._fingerprint() != before
