"""The accountant's morning with real programs: about 35 seconds."""

from collections import Counter
from pathlib import Path

import pytest

from simulators.differences import Difference
from simulators.morning.__main__ import play
from simulators.morning.made import Size
from simulators.morning.seeds import play_seed
from simulators.morning.table import faults, lines


async def test_every_planted_difference_is_named_and_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code = await play(tmp_path, seed=3)
    assert exit_code == 0, capsys.readouterr().out


async def test_invented_days_are_named_too_and_the_day_without_differences_has_none(
    tmp_path: Path,
) -> None:
    one = await play_seed(tmp_path, 7, 2, Size(days=3, plain=16, refunded=12, odd=3))
    assert one.planted.total() > 92, "46 ways for a list to differ, and what the refunds show"
    assert list(faults(one.planted, one.found)) == []
    assert one.good


def test_what_is_missed_and_what_is_named_wrongly_is_told() -> None:
    left = ("his", Difference("amount", "wechat", "payment", "H1", 5))
    told = ("his", Difference("amount", "wechat", "payment", "H1", 6))
    found = list(faults(Counter([left]), Counter([told])))
    assert [line.split(":")[0].strip() for line in found] == ["missed", "wrong"]
    assert [line.split()[-4:] for line in lines(Counter([left]), Counter([told]))][1] == [
        *("1", "1", "1", "1")
    ]
