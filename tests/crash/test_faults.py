from pathlib import Path

import pytest

from simulators.crash.aftermath import Bench
from simulators.crash.faults import DiskTrouble, Ordeal, fail_every_call, net_troubles
from simulators.crash.life import LIVES
from simulators.crash.record import empty_journal
from simulators.gateway.identities import Identities

BY_NAME = {life.name: life for life in LIVES}


@pytest.fixture
def bench(keys: Identities, directory: Path) -> Bench:
    return Bench(keys, directory / "image")


def ordeal(name: str, bench: Bench) -> Ordeal:
    return Ordeal(BY_NAME[name], bench, empty_journal(bench.keys, bench.directory.parent / "life"))


@pytest.mark.parametrize("name", ["answer lost", "reversed"])
def test_any_call_to_a_provider_may_fail_once_or_for_good(name: str, bench: Bench) -> None:
    count = fail_every_call(ordeal(name, bench), net_troubles)
    assert count.violations == []
    assert count.runs > 12


def test_a_disk_operation_may_fail_once(bench: Bench) -> None:
    tried = ordeal("answer lost", bench)
    for nth in range(1, 120, 7):
        for full in (False, True):
            assert tried.live(DiskTrouble(nth, for_good=False, full=full)).violations == ()


@pytest.mark.parametrize("nth", range(1, 14))
def test_the_journal_is_made_well_or_not_at_all(nth: int, bench: Bench) -> None:
    """While it is made, the switch to WAL was refused at operations 4 to 9, and nobody heard."""
    tried = ordeal("first start", bench)
    assert tried.live(DiskTrouble(nth, for_good=False)).violations == ()


@pytest.mark.parametrize("nth", [*range(4, 12), 20, 51, 70])
def test_nothing_is_built_on_what_a_failed_sync_lost(nth: int, bench: Bench) -> None:
    """A failed fsync leaves frames in the page cache that no later sync of the WAL writes."""
    assert ordeal("answer lost", bench).live(DiskTrouble(nth, for_good=True)).violations == ()


def test_a_payment_that_was_called_off_but_is_on_the_disk_ends_well(bench: Bench) -> None:
    tried = ordeal("answer lost", bench)
    for nth in range(28, 40):  # the commit of the intent
        assert tried.live(DiskTrouble(nth, for_good=True)).violations == ()


@pytest.mark.parametrize("nth", [77, 90])
def test_a_twin_wrote_on_in_a_restored_centre_while_the_disk_took_nothing(
    nth: int, bench: Bench
) -> None:
    """The box goes on after rows that the centre no longer has, and must notice."""
    assert ordeal("synced", bench).live(DiskTrouble(nth, for_good=True)).violations == ()
