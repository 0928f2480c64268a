"""Keys made once, a directory to try images in; skipped where SQLite cannot be watched."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.crash import vfs
from simulators.crash.__main__ import workshop
from simulators.gateway.identities import Identities, identities


@pytest.fixture(scope="session", autouse=True)
def watchable() -> None:
    if why := vfs.missing():
        pytest.skip(why)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Identities:
    return identities(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def directory() -> Iterator[Path]:
    with workshop() as path:
        yield path
