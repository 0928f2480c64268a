"""A planted bug: a changed line, function or table of the product, and who must catch it."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from unittest import mock


class Patch(ExitStack):
    """Changes to the product that are undone at the end of the `with` block."""

    def setattr(self, target: Any, name: str, value: object) -> None:
        """Replace an attribute of a module or class."""
        self.enter_context(mock.patch.object(target, name, value))

    def setitem(self, table: Any, key: object, value: object) -> None:
        """Replace an entry of a table."""
        self.enter_context(mock.patch.dict(table, {key: value}))


Plant = Callable[[Patch], None]


@dataclass(frozen=True, slots=True)
class Bug:
    """One row of the table."""

    name: str
    plant: Plant
    rules: tuple[str, ...]
    """The invariants of payment-states §4 of which one must be reported broken."""
    blind: bool
    """Planted by someone who had read the rules and the product, but not the judges."""
    stir: frozenset[str] = frozenset()
    """Kinds of trouble of the world that this bug needs to show."""
    table: str = ""
    """The provider's table of codes that is wrong, if it is one."""


BUGS: list[Bug] = []


def bug(
    name: str, *rules: str, blind: bool = False, stir: str = "", table: str = ""
) -> Callable[[Plant], None]:
    """Add a row to the table."""

    def add(plant: Plant) -> None:
        BUGS.append(Bug(name, plant, rules, blind, frozenset(stir.split()), table))

    return add


@dataclass(frozen=True, slots=True)
class Harmless:
    """A change that breaks no rule, and why: something else holds the rule too."""

    name: str
    plant: Plant
    why: str


HARMLESS: list[Harmless] = []


def harmless(name: str, why: str) -> Callable[[Plant], None]:
    """Add a row to the other table; it is planted too, and nothing may be reported."""

    def add(plant: Plant) -> None:
        HARMLESS.append(Harmless(name, plant, why))

    return add
