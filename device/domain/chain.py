"""The fields of an event as the statistics centre gets it, and the rule of their chain (center §3).

hash = SHA-256(prev || canonical JSON of the row without prev and hash), in hex; prev enters as its
64 hex characters, keys are sorted, no blanks, UTF-8, non-ASCII not escaped; the first prev of an
epoch is 64 zeros. Box and centre both compute it from here. Vectors: tests/vectors/sync.json.
"""

import hashlib
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring as quoted
from operator import itemgetter
from typing import Any

GENESIS = "0" * 64

WireRow = dict[str, str | int]
"""One event with `prev` and `hash`."""

KINDS = ("payment", "refund", "charge", "do", "digest")
COLUMNS = (
    *("seq", "uid", "kind", "state", "reason", "ref", "channel", "desk", "department"),
    *("business", "business_date", "operator", "his_id", "try", "attempt", "revision"),
    *("amount_fen", "out_trade_no", "provider_trade_no", "out_refund_no", "payer_mask"),
    *("money_at", "at", "do_id"),
)
"""The fields of a row on the wire, in the contract's order, without `prev` and `hash`."""
DIGEST_COLUMNS = ("date", "count", "sum_fen", "last_hash")
"""What a digest row carries besides: how many rows came since the digest before it (or since the
epoch began), the sum of their `amount_fen`, and the hash of the last of them."""
WHOLE_NUMBERS = frozenset({"seq", "try", "attempt", "revision", "amount_fen", "count", "sum_fen"})


def columns_of(kind: object) -> tuple[str, ...]:
    """Return the fields that a row of this kind has on the wire."""
    return (*COLUMNS, *DIGEST_COLUMNS) if kind == "digest" else COLUMNS


def row_hash(prev: str, row: Mapping[str, Any]) -> str:
    """Return the hash of a row that follows `prev`; what is no field of the wire is left out."""
    return text_hash(prev, row_text(row))


def row_text(row: Mapping[str, Any]) -> str:
    """Return the canonical JSON of a row of the right types, without prev and hash."""
    return (_digest_text if row["kind"] == "digest" else _event_text)(row)


def _writer(columns: tuple[str, ...]) -> Callable[[Mapping[str, Any]], str]:
    """Return what writes a row of these fields: by a template, in a third of json's time."""
    texts = [name for name in columns if name not in WHOLE_NUMBERS]
    numbers = [name for name in columns if name in WHOLE_NUMBERS]
    names, order = sorted(columns), [*texts, *numbers]
    template = "{" + ",".join(f'"{name}":%s' for name in names) + "}"
    of_texts, of_numbers = itemgetter(*texts), itemgetter(*numbers)
    by_name = itemgetter(*map(order.index, names))
    return lambda row: template % by_name((*map(quoted, of_texts(row)), *of_numbers(row)))


_event_text, _digest_text = _writer(COLUMNS), _writer((*COLUMNS, *DIGEST_COLUMNS))


def text_hash(prev: str, text: str) -> str:
    """Return the hash of a row by its canonical JSON."""
    return hashlib.sha256(prev.encode() + text.encode()).hexdigest()


def linked_text(text: str, prev: str, hash_: str) -> str:
    """Return the canonical JSON of a row with prev and hash, as it is kept."""
    return f'{text[:-1]},"prev":{quoted(prev)},"hash":{quoted(hash_)}}}'
