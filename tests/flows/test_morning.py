"""The accountant's morning with real programs: about 25 seconds."""

from pathlib import Path

import pytest

from simulators.morning.__main__ import play


async def test_every_planted_difference_is_named_and_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code = await play(tmp_path, seed=3)
    assert exit_code == 0, capsys.readouterr().out
