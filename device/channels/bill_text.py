"""Reading numbers and times of a bill, for every wallet; what cannot be read is a BadBill."""

import re
from datetime import datetime, timedelta, timezone

from device.errors import BadAnswer

BEIJING = timezone(timedelta(hours=8))
_NUMBER = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,5}))?")
E5 = 5  # digits after the point that a fee may have
FEN = 2


class BadBill(BadAnswer):
    """A bill that cannot be read whole: nothing of it counts. The text holds no values of it."""


def fen_of(text: str) -> int:
    """'12.3' -> 1230 fen."""
    return _scaled(text, FEN)


def e5_of(text: str) -> int:
    """'-0.02000' -> -2000 hundred-thousandths."""
    return _scaled(text, E5)


def count_of(text: str) -> int:
    """'45.0' -> 45."""
    return _scaled(text, 0)


def _scaled(text: str, digits: int) -> int:
    found = _NUMBER.fullmatch(text.strip())
    if not found:
        raise BadBill("a number that is none")
    sign, whole, part = found[1], found[2], (found[3] or "").ljust(digits, "0")
    if part[digits:].strip("0"):
        raise BadBill("a number with too many digits")
    value = int(whole + part[:digits])
    return -value if sign else value


def time_of(text: str) -> datetime:
    """'2026-11-22 09:30:01' -> Beijing time."""
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
    except ValueError:
        raise BadBill("a time that is none") from None
