"""Which rows of the ledger are money that was taken, and money that was given back.

A reversed payment is neither taken nor given back, and so is the refund that undid it: the HIS
asked for a reverse, and a reverse is no refund at the provider, which writes it under a number of
its own. Such a refund stands in the ledger as `reversed` (`store` keeps it so), therefore no sum,
list or chart of what is `refunded` has it.
"""

from typing import Any

from center.ledger.models import Payment, Refund
from center.ledger.words import RefundState

TAKEN = ("paid", "refund_due", "refunding", "refunded")
"""States in which the money was taken; what was given back stands among the refunds."""
GIVEN_BACK = ("reversing", "reversed")
"""States of a payment whose refund is no refund."""


def taken() -> Any:
    """Payments that are money."""
    return Payment.objects.filter(state__in=TAKEN)


def given_back() -> Any:
    """Refunds that are money."""
    return Refund.objects.filter(state=RefundState.REFUNDED)
