"""A message as one JSON object, strictly: the canonical form (his-link §2)."""

import json
from typing import Any, NoReturn

from device.his_link.text import MAX_INT_CHARS, BadBody


class Inexact:
    """Stands for a number with fraction or exponent, or far too long: no field accepts it."""


def loads(text: str) -> dict[str, Any]:
    """Return the fields of one JSON object; BadBody if the text is none."""
    try:
        message = json.loads(
            text,
            parse_float=_inexact,
            parse_int=_integer,
            parse_constant=_refuse_constant,
            object_pairs_hook=_distinct,
        )
    except (ValueError, RecursionError):
        raise BadBody("not JSON") from None
    if not isinstance(message, dict):
        raise BadBody("not a JSON object")
    return message


def dumps(message: dict[str, Any]) -> str:
    """Return the canonical text: no blanks, characters as themselves."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def _inexact(_: str) -> Inexact:
    return Inexact()


def _integer(text: str) -> int | Inexact:
    return int(text) if len(text) <= MAX_INT_CHARS else Inexact()


def _refuse_constant(name: str) -> NoReturn:
    raise BadBody(f"{name} is not JSON")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadBody("a key stands twice")
    return fields
