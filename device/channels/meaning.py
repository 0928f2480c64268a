"""The makers that the code tables are written with: (code, text) -> outcome.

A table says what each documented code means; a code that is in no table is `Unknown`
(payment-states §1.2).
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

from device.channels.provider_text import short_code, shown
from device.domain.outcome import (
    Declined,
    Later,
    Missing,
    PayerConfirming,
    RefundFailed,
    RefundStuck,
    Refused,
    Unknown,
    WindowOver,
)
from device.domain.words import Reason

T = TypeVar("T")
Maker = Callable[[str, str], T]


def declined(reason: Reason) -> Maker[Declined]:
    """Make the end of a payment: allow-listed codes only."""
    return lambda code, text: Declined(reason, code, text)


def later(reason: Reason = Reason.PROVIDER_BUSY) -> Maker[Later]:
    """Make an invitation to ask again."""
    return lambda code, _text: Later(code, reason)


def refund_failed(reason: Reason) -> Maker[RefundFailed]:
    """Make the end of a refund: codes that can never succeed only."""
    return lambda code, text: RefundFailed(reason, code, text)


def unknown(code: str, _text: str) -> Unknown:
    """Make the outcome that is asked about."""
    return Unknown(code or "no code")


def confirming(_code: str, _text: str) -> PayerConfirming:
    """Make the outcome of a payer who is typing a password."""
    return PayerConfirming()


def missing(_code: str, _text: str) -> Missing:
    """Make the outcome of a number the provider says it does not have."""
    return Missing()


def refused(code: str, _text: str) -> Refused:
    """Make a refusal of a reverse that waiting will not change."""
    return Refused(code)


def window_over(code: str, _text: str) -> WindowOver:
    """Make the end of the time in which a reverse is possible."""
    return WindowOver(code)


def stuck(code: str, _text: str) -> RefundStuck:
    """Make a refund that a person must look at."""
    return RefundStuck(code)


def meaning_of(table: Mapping[str, Maker[T]], code: str, text: str) -> T | Unknown:
    """Return what the table says of a code, exactly as it came; Unknown for what it does not hold.

    What is passed on of the provider's code and words is made fit for a journal and a screen.
    """
    maker = table.get(code, unknown)
    return maker(short_code(code), shown(text))
