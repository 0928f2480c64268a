"""WeChat's comments of payers (`batchquerycomment`): the text of the answer to reviews. Pure.

First line: the offset to ask with next. Then a line a comment: time, WeChat's order number, stars,
text, each with a backtick in front; the text may hold commas and backticks.
"""

from dataclasses import dataclass
from datetime import datetime

from device.channels.bill_text import BadBill, time_of

FIELDS = 4
STARS = range(1, 6)


@dataclass(frozen=True, slots=True)
class Review:
    """What a payer said about one payment. The text is the payer's and may not be published."""

    at: datetime
    provider_trade_no: str
    stars: int
    text: str


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """Some reviews; offsets are not contiguous, so the next question takes `next_offset`."""

    reviews: tuple[Review, ...]
    next_offset: int


def read(body: bytes) -> ReviewPage:
    """Return the reviews of one answer; BadBill if it is none."""
    try:
        lines = body.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise BadBill("reviews that are not UTF-8") from None
    if not lines or not lines[0].strip().strip("`").isdecimal():
        raise BadBill("reviews without their offset")
    offset = int(lines[0].strip().strip("`"))
    return ReviewPage(tuple(_review(line) for line in lines[1:] if line.strip()), offset)


def _review(line: str) -> Review:
    parts = line.strip().removeprefix("`").split(",`", FIELDS - 1)
    if len(parts) < FIELDS:  # samples exist with the comma before the backtick's own field
        parts = [p.strip() for p in line.strip().split(",", FIELDS - 1)]
    values = [part.strip().strip("`,").strip() for part in parts]
    if len(values) != FIELDS or not values[2].isdecimal() or int(values[2]) not in STARS:
        raise BadBill("a review that cannot be read")
    return Review(time_of(values[0]), values[1], int(values[2]), values[3])
