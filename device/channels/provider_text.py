"""What a provider wrote, made fit for a screen, a journal row and a record.

The words are a stranger's: they may hold control characters, half a surrogate pair, or the payer
code itself (M19).
"""

import re
from datetime import datetime

from device.clock import BEIJING

TEXT_LIMIT = 64  # outcome.Declined: at most 64 characters reach the cashier
NUMBER_LIMIT = 32  # the longest number either provider gives: transaction_id, refund_id
CODE_LIMIT = 64  # the longest documented code has 43
LONG_DIGITS = re.compile(r"[0-9]{12,}")
NOT_IN_A_CODE = re.compile(r"[^0-9A-Za-z_.\-]+")


def shown(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return at most `limit` printable characters, with every long row of digits hidden."""
    printable = "".join(c for c in text if c.isprintable()).strip()
    return LONG_DIGITS.sub("***", printable)[:limit]


def short_code(text: str) -> str:
    """Return a provider's code with nothing but the characters codes are made of."""
    return LONG_DIGITS.sub("***", NOT_IN_A_CODE.sub("_", text))[:CODE_LIMIT]


def provider_number(text: str) -> str:
    """Return a provider's own number of a trade or refund: long rows of digits are its nature."""
    return NOT_IN_A_CODE.sub("_", text)[:NUMBER_LIMIT]


def within_bytes(text: str, limit: int) -> str:
    """Return the printable characters of `text` that fit in `limit` bytes of UTF-8."""
    printable = "".join(c for c in text if c.isprintable())
    return printable.encode()[:limit].decode(errors="ignore")


def beijing_time(text: str, form: str) -> datetime | None:
    """Return a provider's time with its offset +08:00; None if it is not one."""
    try:
        return datetime.strptime(text, form).replace(tzinfo=BEIJING)
    except ValueError:
        return None
