"""What the wallets hold of an id that a young journal does not know (payment-states §1.9)."""

from dataclasses import dataclass

from device.domain.charge import MAX_ATTEMPTS
from device.domain.outcome import Closed, Open, Paid, PayFailed, Returned
from device.domain.words import Wallet

MISSING_TRIES = 3  # in a row with nothing: no later try exists
MISSING_ATTEMPTS = MAX_ATTEMPTS
"""In a row that do not exist: no later attempt of this try exists. A declined code leaves no order,
so the one that paid may be the fifth."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which numbers are to be asked for."""

    business_date: str
    his_id: str
    tries: tuple[int, ...] = ()
    """Exactly these (a `pay`); empty: 1, 2, ... until three in a row have nothing."""
    amount_fen: int = 0
    """What a `pay` asks for; 0 = no amount was named."""


@dataclass(frozen=True, slots=True)
class FoundOrder:
    """A number that exists at a wallet."""

    try_: int
    number: int
    """Which attempt of the try."""
    wallet: Wallet
    out_trade_no: str
    held: Paid | Returned | Open | PayFailed | Closed


@dataclass(frozen=True, slots=True)
class Found:
    """The answer of every configured wallet."""

    orders: tuple[FoundOrder, ...] = ()
    offline: bool = False
    """A wallet could not be asked, so nothing is known."""

    def taken(self, try_: int) -> int:
        """The highest attempt of a try whose number was used at a wallet; 0 if none."""
        return max((o.number for o in self.orders if o.try_ == try_), default=0)


OFFLINE = Found(offline=True)
EVERY_TRY = range(1, 100)
"""All that his-link §2 allows."""
