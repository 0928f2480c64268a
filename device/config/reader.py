"""Read one TOML table into one frozen dataclass by the kinds that stand beside its fields.

A field says what it takes: `width: Annotated[int, Whole(1, 256)] = 128`. No default means that the
key is required; a field whose type is a dataclass is a table inside the table. Every refusal is one
`ConfigError` line: the file, the key, what is wrong, what is allowed.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from device.config.kinds import Kind, Locate, Refused
from device.errors import ConfigError

SHOWN_LENGTH = 40  # characters of a wrong value repeated in a message: enough to find it

T = TypeVar("T")


def wrong(file: Path, section: str, key: str, what: str) -> ConfigError:
    """Return the one line: `paybox.toml: [box] desk_code: must be ...`."""
    place = " ".join(part for part in (f"[{section}]" if section else "", key) if part)
    return ConfigError(": ".join(printable(part) for part in (str(file), place, what) if part))


def printable(text: str) -> str:
    """Return the text on one line: what is not printable is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _shown(value: object) -> str:
    try:
        text = printable(json.dumps(value, ensure_ascii=False, default=str))
    except (ValueError, RecursionError):  # a number or a list of monstrous length
        return "…"
    return text if len(text) <= SHOWN_LENGTH else text[:SHOWN_LENGTH] + "…"


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a section as its dataclass declares it."""

    name: str
    kind: Kind
    default: object
    """`dataclasses.MISSING` for a required key."""

    @property
    def required(self) -> bool:
        """Whether the file must have it."""
        return self.default is dataclasses.MISSING


@dataclass(frozen=True, slots=True)
class Table:
    """One table inside a section (or the file)."""

    name: str
    section: type[Any]
    optional: bool
    """Stays None when the file does not have it."""
    required: bool


def declared(section: type[Any]) -> Iterator[Key | Table]:
    """Yield what a section takes, in order."""
    hints = get_type_hints(section, include_extras=True)
    for field in dataclasses.fields(section):
        hint = hints[field.name]
        if get_origin(hint) is Annotated:
            made = field.default_factory
            default = field.default if made is dataclasses.MISSING else made()
            yield Key(field.name, get_args(hint)[1], default)
        else:
            inner = next(t for t in get_args(hint) or (hint,) if dataclasses.is_dataclass(t))
            assert isinstance(inner, type)
            missing = field.default is dataclasses.MISSING
            yield Table(field.name, inner, optional=hint is not inner, required=missing)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the tables of one file."""

    file: Path
    locate: Locate

    def read(self, section: type[T], table: object, name: str = "") -> T:
        """Return the section; ConfigError on the first thing that is not allowed."""
        if not isinstance(table, dict):
            raise wrong(self.file, name, "", "must be a table")
        fields = {field.name: field for field in declared(section)}
        for key in table:
            if key not in fields:
                raise wrong(self.file, name, key, "unknown key; allowed: " + ", ".join(fields))
        return section(**{key: self._field(f, table, name) for key, f in fields.items()})

    def _field(self, field: Key | Table, table: dict[str, object], name: str) -> object:
        if isinstance(field, Key):
            return self._key(field, table, name)
        return self._table(field, table, f"{name}.{field.name}" if name else field.name)

    def _table(self, field: Table, table: dict[str, object], name: str) -> object:
        if field.name in table:
            return self.read(field.section, table[field.name], name)
        if field.required:
            raise wrong(self.file, name, "", "this section is required")
        return None if field.optional else self.read(field.section, {}, name)

    def _key(self, field: Key, table: dict[str, object], name: str) -> object:
        if field.required and field.name not in table:
            what = f"is missing and required: must be {field.kind.allowed}"
            raise wrong(self.file, name, field.name, what)
        value = table.get(field.name, plain(field.default))
        try:
            return field.kind.read(value, self.locate)
        except Refused as refused:
            shown = f"{field.name} = {_shown(value)}" if field.kind.quoted else field.name
            raise wrong(self.file, name, shown, str(refused)) from None


def plain(default: object) -> object:
    """Return a default as it would stand in the file."""
    if default is None:
        return ""
    if isinstance(default, Path):
        return str(default)
    if isinstance(default, tuple):
        return list(default)
    return dict(default) if isinstance(default, Mapping) else default
