"""What counts as growth, and a very short soak."""

from pathlib import Path

import pytest

from simulators.bench import Footprint
from simulators.soak import faults, soak


def samples(*rows: tuple[float, int, int]) -> list[Footprint]:
    return [Footprint(*row) for row in rows]


def test_what_grows_after_the_warm_up_is_named() -> None:
    flat = samples((60, 19, 3), (70, 19, 3), (70.5, 19, 3))
    assert faults(flat) == []
    assert faults([*flat, Footprint(71.5, 19, 3)]) == ["memory grew by 1.5"]
    leaky = [*flat, Footprint(70, 20, 4)]
    assert faults(leaky) == ["descriptors grew by 1", "threads grew by 1"]


@pytest.mark.slow
async def test_a_short_soak_holds_its_descriptors_and_threads(tmp_path: Path) -> None:
    held = await soak(40, tmp_path)
    assert {row.threads for row in held} == {held[0].threads}
    assert max(row.descriptors for row in held) - held[0].descriptors <= 2
