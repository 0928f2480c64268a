"""What the statistics centre may ask of the box: approved actions on one order (center §4)."""

from dataclasses import dataclass
from enum import StrEnum


class ActionKind(StrEnum):
    """What is to be done with the order."""

    QUERY = "query"  # ask the provider again and go by its answer
    REVERSE = "reverse"  # the whole payment back
    REFUND = "refund"  # an amount back


@dataclass(frozen=True, slots=True)
class Action:
    """One action; it is repeated until a row with its id as `do_id` arrives at the centre."""

    id: str
    kind: ActionKind
    out_trade_no: str
    amount_fen: int = 0
    """Of a refund."""
    by: str = ""
    approved_by: str = ""
