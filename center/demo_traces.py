"""Invented traces: where the time of a payment went, as a box notes it (`device.domain.trace`)."""

import random
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from device.domain.trace import Mark, Trace
from device.sync.wire import MAX_TRACES

STRETCHES = (
    (Mark.TAKEN, 20.0, 90.0),
    (Mark.INTENT, 1.5, 4.0),
    (Mark.SIGNED, 0.4, 1.2),
    (Mark.SENT, 0.2, 0.8),
    (Mark.ANSWERED, 90.0, 900.0),
    (Mark.VERIFIED, 0.4, 1.5),
    (Mark.STORED, 1.0, 3.0),
    (Mark.TOLD, 0.1, 0.5),
)
"""Each mark, and the least and the most milliseconds since the one before."""
TYPED = (Mark.STORED, 4_000.0, 16_000.0)
"""The payer's password, between two results on disk."""
PASSWORDS = 0.1  # of the payments want one


def traces_of(rows: Sequence[dict[str, Any]]) -> tuple[Trace, ...]:
    """Return a trace of each of the newest paid payments among the rows, as many as a batch has."""
    paid = [row["uid"] for row in rows if (row["kind"], row["state"]) == ("payment", "paid")]
    return tuple(_trace(uid) for uid in paid[-MAX_TRACES:])


def _trace(uid: str) -> Trace:
    draw = random.Random(uid)  # noqa: S311  invented data
    stretches = list(STRETCHES)
    if draw.random() < PASSWORDS:
        stretches.insert(-1, TYPED)
    times = accumulate(round(draw.uniform(low, high), 2) for _mark, low, high in stretches)
    marks = zip((mark for mark, *_ in stretches), (round(t, 2) for t in times), strict=True)
    return Trace(uid, ((Mark.FIRST_KEY, 0.0), *marks))
