"""What counts as growth, and a very short soak."""

from pathlib import Path

import pytest

from device.his_link.calls import NoAnswer
from simulators.bench.stand import Footprint, Stand
from simulators.soak import Held, Link, one_story, soak


def held(*rows: tuple[float, int, int]) -> Held:
    payments = [10_000 * n for n in range(1, len(rows) + 1)]
    return Held("tcp", payments, [Footprint(*row) for row in rows])


def test_what_grows_after_the_warm_up_is_named() -> None:
    flat = ((70.0, 19, 3), (70.5, 19, 3))
    assert held(*flat).faults() == []
    assert held(*flat, (71.5, 19, 3)).faults() == ["tcp: memory grew by 1.5"]
    grown = held(*flat, (70, 22, 4)).faults()
    assert grown == ["tcp: descriptors grew by 3", "tcp: threads grew by 1"]


def test_a_short_run_is_judged_from_its_middle_on() -> None:
    short = Held("serial", [1_000, 2_000], [Footprint(60, 19, 3), Footprint(62, 19, 3)])
    assert short.settled() == tuple(short.samples)


@pytest.mark.slow
@pytest.mark.parametrize("link", ["tcp", "serial"])
async def test_a_short_soak_holds_its_descriptors_and_threads(link: Link, tmp_path: Path) -> None:
    rows = (await soak(40, tmp_path, link)).samples
    first = rows[0]
    assert max(row.threads for row in rows) <= first.threads + 1  # the first name lookup has one
    assert max(row.descriptors for row in rows) <= first.descriptors + 3  # a file that is written


async def test_a_his_that_hears_nothing_asks_how_it_ended() -> None:
    class Silent(Stand):
        def __init__(self) -> None:
            self.asked: list[int] = []

        async def pay(self, number: int, wallet: str, *, declined: bool = False) -> None:
            raise NoAnswer(f"{number} {wallet} {declined}")

        async def find_out(self, number: int) -> None:
            self.asked.append(number)

    stand, told = Silent(), held()
    await one_story(stand, told, 5)
    assert (stand.asked, told.silences) == ([5], 1)
