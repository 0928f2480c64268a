"""Which rows of the ledger are money that was taken, and money that was given back.

A reversed payment is neither taken nor given back, and so is the refund that undid it: the HIS
asked for a reverse, and a reverse is no refund at the provider, which writes it under a number of
its own.
"""

from typing import Any

from django.db.models import Exists, OuterRef

from center.ledger.models import Payment, Refund

TAKEN = ("paid", "refund_due", "refunding", "refunded")
"""States in which the money was taken; what was given back stands among the refunds."""
GIVEN_BACK = frozenset({"reversing", "reversed"})


def taken() -> Any:
    """Payments that are money."""
    return Payment.objects.filter(state__in=TAKEN)


def given_back() -> Any:
    """Refunds that are money."""
    return Refund.objects.filter(~Exists(_undone()), state="refunded")


def undone() -> Any:
    """Refunds that undid a payment: done, and money of no list."""
    return Refund.objects.filter(Exists(_undone()), state="refunded")


def _undone() -> Any:
    return Payment.objects.filter(uid=OuterRef("ref"), state__in=GIVEN_BACK)
