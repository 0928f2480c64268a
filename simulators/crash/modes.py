"""How SQLite is set while a life is lived: as in the product, or in ways known to lose money.

The bad ones are the harness's own test: a harness that finds no loss there would find none here.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

from device.journal import connection

Setting = Mapping[str, str | int]
NORMAL, FULL, EXTRA = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Mode:
    """Pragmas that replace the product's."""

    name: str
    changes: Setting
    loses: bool
    """Whether acknowledged commits are known to be lost in it."""


def _delete(synchronous: int) -> Setting:
    return MappingProxyType({"journal_mode": "delete", "synchronous": synchronous})


PRODUCT = Mode("WAL/FULL", MappingProxyType({}), loses=False)
MODES = (
    PRODUCT,
    Mode("DELETE/EXTRA", _delete(EXTRA), loses=False),
    Mode("WAL/NORMAL", MappingProxyType({"synchronous": NORMAL}), loses=True),
    Mode("DELETE/FULL", _delete(FULL), loses=True),
)


@contextmanager
def in_mode(mode: Mode) -> Iterator[None]:
    """Every journal opened inside is set so, also the one that is opened after the cut."""
    before = dict(connection.SETTINGS)
    connection.SETTINGS.update(mode.changes)
    try:
        yield
    finally:
        connection.SETTINGS.update(before)
