"""A short form of `make power-cuts`: the real program, killed in the middle of payments."""

from pathlib import Path

import pytest

from simulators.power_cuts import cut

ROUNDS = 12
SEED = 20261122


@pytest.mark.slow
async def test_after_every_power_cut_the_three_books_agree(tmp_path: Path) -> None:
    tally = await cut(ROUNDS, SEED, tmp_path)
    assert tally.faults == []
    assert tally.cuts >= ROUNDS
    assert sum(tally.ends.values()) == ROUNDS
