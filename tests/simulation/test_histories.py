"""The world itself: histories without a violation, the same again, on any hash seed."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from simulators.world.__main__ import main
from simulators.world.history import Told
from simulators.world.sometimes import STATES

Play = Callable[..., Told]


@pytest.mark.parametrize("seed", range(1, 25))
def test_a_history_breaks_no_rule(seed: int, played: Play) -> None:
    told = played(seed, 12)
    assert told.violations == ()
    assert told.payments


@pytest.mark.parametrize("seed", range(1, 21))
def test_a_seed_is_one_history(seed: int, played: Play) -> None:
    first, second = played(seed, 4), played(seed, 4)
    assert first == second


def test_another_seed_is_another_history(played: Play) -> None:
    assert played(1, 3).events != played(2, 3).events


def test_a_history_without_faults_has_none(played: Play) -> None:
    told = played(3, 6, frozenset())
    assert told.faults == ()
    assert told.violations == ()
    assert told.cuts == 0


PRINT_HASH = """
import hashlib
from simulators.world.history import play
print(hashlib.sha256("\\n".join(play(7, 8).events).encode()).hexdigest())
"""


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_history_does_not_hang_on_the_order_of_sets(hash_seed: str, played: Play) -> None:
    expected = hashlib.sha256("\n".join(played(7, 8).events).encode()).hexdigest()
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", PRINT_HASH], capture_output=True, env=environment, check=True
    )
    assert done.stdout.decode().strip() == expected


def test_the_command_prints_what_it_came_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "1..2", "--payments", "3"]) == 0
    said = capsys.readouterr().out
    for line in ("payments", "power cuts", "violations", "x real time", STATES[0]):
        assert line in said


@pytest.mark.parametrize("seeds", ["5..1", "x", "1..y"])
def test_a_wrong_range_is_refused(seeds: str) -> None:
    with pytest.raises(SystemExit):
        main(["--seeds", seeds])
