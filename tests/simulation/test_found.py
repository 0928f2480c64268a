"""Histories that once broke a rule, played as far as that needs."""

from collections.abc import Callable

import pytest

from simulators.world.history import Told

FOUND = [
    pytest.param(386, 57, id="a word that a failing disk took without an answer was said for ever"),
    pytest.param(395, 40, id="a payment undone just before the end of its time was blamed at once"),
]


@pytest.mark.parametrize(("seed", "payments"), FOUND)
def test_what_a_history_once_found_stays_mended(
    seed: int, payments: int, played: Callable[..., Told]
) -> None:
    assert played(seed, payments).violations == ()
