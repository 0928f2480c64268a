"""What a report is: data only. `catalog.py` of each area declares them; `REPORTS` finds them.

A report is read by four readers: the page (`pages.py`), the export (`output.py`), the read API
(`api.py`) and the chart builder (`charts.py`). None of them knows which report it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.db.models import QuerySet
from django.http import Http404

from center.accounts.models import User
from center.accounts.roles import Permission

Words = Any
"""A translated text that is chosen when it is shown."""


class Form(StrEnum):
    """How a value is shown and written."""

    TEXT = "text"
    NUMBER = "number"  # an identifier of digits: never a quantity, never right-aligned
    COUNT = "count"
    MONEY = "money"  # fen; shown in yuan
    TIME = "time"
    DAY = "day"
    WORD = "word"  # one of a closed list; shown by its name
    WORDS = "words"  # several of them
    MARK = "mark"  # yes or no


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the attribute of a row and how it is shown."""

    name: str
    title: Words
    form: Form = Form.TEXT
    words: Mapping[str, Words] = field(default_factory=dict)
    """For `Form.WORD`: the text of each word."""
    badge: Mapping[str, str] = field(default_factory=dict)
    """For `Form.WORD`: good | bad | wait | doubt, the colour of each word."""
    aside: bool = False
    """Left out of the table on the page: it stands in exports and where the row leads."""


class Match(StrEnum):
    """How a filter's value is compared."""

    IS = "is"
    STARTS = "starts"
    ONE_OF = "one_of"
    DAYS = "days"  # two days, both included
    FEN = "fen"  # two amounts in yuan, both included


@dataclass(frozen=True, slots=True)
class Filter:
    """One thing that a person may ask for."""

    name: str
    title: Words
    match: Match = Match.IS
    fields: tuple[str, ...] = ()
    """The attributes that are compared, any of them; empty = `name`."""
    words: Mapping[str, Words] = field(default_factory=dict)
    """For `Match.ONE_OF`."""
    hint: Words = ""


@dataclass(frozen=True, slots=True)
class Report:
    """One report."""

    name: str
    title: Words
    permission: Permission
    rows: Callable[[User], QuerySet[Any]]
    """The rows that this user may see."""
    columns: tuple[Column, ...]
    filters: tuple[Filter, ...] = ()
    newest_by: str = ""
    """The attribute it is ordered by, newest first; with `key` it makes the page's place."""
    key: str = "pk"
    within: str = ""
    """A day column that the order begins with: one index for its filter and the order."""
    sums: tuple[str, ...] = ()
    """Money columns whose sum stands under the table."""
    counted: tuple[str, str] | None = None
    """Column and word of the rows that are its money: rows with another word have sums of their
    own, and a chart leaves them out, unless that column is asked for."""
    groups: tuple[str, ...] = ()
    """Columns that a chart may group by."""
    default_days: int = 7
    """How many days are shown unless others are asked for; 0 = all."""
    link: Callable[[Any], str] | None = None
    """Where a row leads."""
    add: tuple[str, Words] | None = None
    """Where a new row is made: the name of its address, and the button's text."""
    patient_level: bool = True
    """Its rows are about single patients: a manager does not see them."""

    @property
    def order(self) -> tuple[str, ...]:
        """The attributes that the rows are ordered by, all of them downwards."""
        return (*((self.within,) if self.within else ()), self.newest_by, self.key)

    @property
    def has_days(self) -> bool:
        """Whether it can be asked for days."""
        return any(f.match is Match.DAYS for f in self.filters)

    @property
    def table(self) -> tuple[Column, ...]:
        """The columns of the table on the page."""
        return tuple(c for c in self.columns if not c.aside)

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(c for c in self.columns if c.name == name)


REPORTS: dict[str, Report] = {}


def register(*reports: Report) -> None:
    """Make reports known by name."""
    for report in reports:
        assert report.name not in REPORTS, report.name
        REPORTS[report.name] = report


def find(name: str) -> Report:
    """Return the report of that name; Http404 if there is none."""
    if name not in REPORTS:
        raise Http404
    return REPORTS[name]
