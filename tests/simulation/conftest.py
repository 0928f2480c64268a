"""Histories of the world, quick ones."""

import gc
from collections.abc import Callable, Iterator

import pytest

from simulators.world.history import Told, play

Play = Callable[..., Told]


@pytest.fixture
def played() -> Iterator[Play]:
    """Play a history, and leave no garbage for the next test to be blamed for."""
    yield play
    gc.collect()
