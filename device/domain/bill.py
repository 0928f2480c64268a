"""A provider's bill of one day, the same shape for every wallet: what really happened to money.

`channels/*/bill.py` make it from the provider's file; the statistics centre believes it only after
`fault` found nothing: the lines must add up to the provider's own totals row.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class BillKind(StrEnum):
    """What a line is about."""

    PAYMENT = "payment"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line. Amounts are positive fen; what a refund gave back is its `amount_fen`."""

    kind: BillKind
    out_trade_no: str
    provider_trade_no: str
    amount_fen: int
    settled_fen: int
    """What the provider settles for it before the fee: less coupons that the merchant pays."""
    at: datetime
    """When the money moved, Beijing time."""
    out_refund_no: str = ""
    provider_refund_no: str = ""
    fee_e5: int = 0
    """The provider's fee in hundred-thousandths of a yuan; negative where it gives it back."""
    state: str = ""
    """The provider's own word: SUCCESS, REVOKED, REFUND ..."""
    terminal: str = ""
    """The box that sent it, where the provider repeats it."""


@dataclass(frozen=True, slots=True)
class BillTotals:
    """What the provider says the lines add up to; a field is None where it does not say."""

    lines: int | None = None
    payments: int | None = None
    paid_fen: int | None = None
    refunds: int | None = None
    refunded_fen: int | None = None
    settled_paid_fen: int | None = None
    settled_back_fen: int | None = None
    fee_e5: int | None = None


@dataclass(frozen=True, slots=True)
class Bill:
    """One day of one merchant. An empty day has no lines and totals of zero."""

    lines: tuple[BillLine, ...] = ()
    totals: BillTotals = BillTotals()


def sums(lines: tuple[BillLine, ...]) -> BillTotals:
    """Return what the lines add up to."""
    paid = [line for line in lines if line.kind is BillKind.PAYMENT]
    back = [line for line in lines if line.kind is BillKind.REFUND]
    return BillTotals(
        lines=len(lines),
        payments=len(paid),
        paid_fen=sum(line.amount_fen for line in paid),
        refunds=len(back),
        refunded_fen=sum(line.amount_fen for line in back),
        settled_paid_fen=sum(line.settled_fen for line in paid),
        settled_back_fen=sum(line.settled_fen for line in back),
        fee_e5=sum(line.fee_e5 for line in lines),
    )


def fault(bill: Bill) -> str:
    """Return which total does not fit, as one word with both figures; '' = the bill adds up."""
    found = sums(bill.lines)
    for name in BillTotals.__slots__:
        said, counted = getattr(bill.totals, name), getattr(found, name)
        if said is not None and said != counted:
            return f"{name}: {said} / {counted}"
    return ""
