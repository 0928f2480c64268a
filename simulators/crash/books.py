"""What a journal holds, read by plain SQL: the checkers do not ask the code that they check."""

import hashlib
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

TABLES = ("charges", "attempts", "orders", "refunds", "answers", "events", "epochs")
"""All that counts; `meta` only says when it was opened."""


@dataclass(frozen=True, slots=True)
class Books:
    """The money side of a journal; `digest` is equal for equal content."""

    digest: bytes
    attempts: dict[str, dict[str, Any]] = field(repr=False)
    """By out_trade_no."""
    refunds: dict[str, dict[str, Any]] = field(repr=False)
    """By out_refund_no."""
    answers: dict[tuple[str, int], dict[str, Any]] = field(repr=False)
    """(his_id, revision) -> the message's fields."""
    events: dict[tuple[str, int], str] = field(repr=False)
    """(epoch, seq) -> hash, in their order."""
    epochs: dict[str, float] = field(repr=False)
    """Epoch -> the last seq that counts; infinite while it goes on."""


def read(path: Path) -> Books:
    """Read a journal; `sqlite3.Error` if it cannot be."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        rows = {t: [dict(r) for r in connection.execute(f"SELECT * FROM {t}")] for t in TABLES}  # noqa: S608  our own names
    text = json.dumps(rows, sort_keys=True, ensure_ascii=False)
    return Books(
        digest=hashlib.blake2b(text.encode()).digest(),
        attempts={r["out_trade_no"]: r for r in rows["attempts"]},
        refunds={r["out_refund_no"]: r for r in rows["refunds"]},
        events={(r["epoch"], r["seq"]): r["hash"] for r in rows["events"]},
        epochs={r["epoch"]: inf if r["ended"] is None else r["ended"] for r in rows["epochs"]},
        answers={(r["his_id"], r["revision"]): json.loads(r["content"]) for r in rows["answers"]},
    )
