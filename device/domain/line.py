"""What a one-way line says, whatever bytes it says it with (his-link §5)."""

from dataclasses import dataclass
from enum import StrEnum


class Meaning(StrEnum):
    """What the bytes mean for the amount on the glass."""

    DUE = "due"  # this is to be paid now
    CASH = "cash"  # the cashier takes cash or gives change
    NOTHING = "nothing"  # zero, negative, or no amount that can be read
    CLEAR = "clear"  # the display is wiped, a patient is done


@dataclass(frozen=True, slots=True)
class Said:
    """One word of the line; `amount_fen` is there with DUE, always positive then."""

    meaning: Meaning
    amount_fen: int = 0


def due(fen: int) -> Said:
    """Return what an amount on the line means: zero and less is nothing to pay."""
    return Said(Meaning.DUE, fen) if fen > 0 else Said(Meaning.NOTHING)
