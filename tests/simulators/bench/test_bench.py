"""The bench in its quick form: every row of the real box is measured."""

import json
from pathlib import Path

import pytest

from simulators.bench import __main__ as bench
from simulators.bench import others
from simulators.bench.bare import BareExchange
from simulators.bench.compare import main as compare
from simulators.bench.figures import TARGETS


@pytest.mark.slow
def test_the_quick_form_measures_every_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(others, "RECORDED", Path("/nowhere"))
    assert bench.main(["--quick", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [row["what"] for row in told] == [target.en.strip() for target in TARGETS.values()]
    empty = {row["what"] for row in told if not row["values"]}
    assert empty == {TARGETS["boot"].en}
    by_name = {row["what"]: row["values"] for row in told}
    assert by_name[TARGETS["violations"].en.strip()] == [0.0]
    assert by_name[TARGETS["panel_same"].en][0] == 0
    assert by_name[TARGETS["flushes"].en][0] <= TARGETS["flushes"].limits[0]
    assert by_name[TARGETS["disk"].en][0] <= TARGETS["disk"].limits[0]


def test_the_boot_of_the_card_is_taken_from_what_its_test_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = tmp_path / "figures.toml"
    recorded.write_text("images = 1\nboot_s = 68.5\n")
    monkeypatch.setattr(others, "RECORDED", recorded)
    assert others.boot() == {"boot": [68.5]}


def test_the_bare_exchange_syncs_and_travels(tmp_path: Path) -> None:
    with BareExchange(tmp_path) as exchange:
        assert exchange.take_ms() > 0
        assert exchange.take_ms() > 0
    assert (tmp_path / "bare").stat().st_size == 2 * 2 * 3 * 1024


def test_a_revision_without_a_bench_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(["no-such-revision"]) == 1
    assert "no-such-revision" in capsys.readouterr().err
