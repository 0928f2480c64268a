"""Money is integer fen; yuan exist only as text at the edges."""

import re

YUAN = re.compile(r"(0|[1-9][0-9]{0,7})(\.[0-9]{1,2})?", re.ASCII)


def parse_yuan(text: str) -> int:
    """Return fen for yuan text such as `12`, `12.3` or `12.34`; ValueError for anything else.

    The pattern is his-link §2's: no sign, no exponent, no blank, at most two decimals.
    """
    if not YUAN.fullmatch(text):
        raise ValueError("not an amount in yuan")
    whole, _, cents = text.partition(".")
    return int(whole) * 100 + int(cents.ljust(2, "0") or "0")


def format_yuan(fen: int) -> str:
    """Return yuan with two decimals, `-` in front if negative: 5 -> `0.05`."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"
