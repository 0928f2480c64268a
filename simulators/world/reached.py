"""Which states a history reached, seen at its end in the books (payment-states §5)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from simulators.gateway.model import State, Trade
from simulators.world.sometimes import Sometimes
from simulators.world.view import View


class Row(NamedTuple):
    """An attempt as the journal has it at the end."""

    out_trade_no: str
    number: int
    state: str
    confirmed: int
    cancel_wish: int
    held_paid: int
    refunded: int
    """How many refunds of it succeeded."""


ROWS = (
    "SELECT out_trade_no, number, state, confirmed, cancel_wish, held_paid, (SELECT count(*)"
    " FROM refunds r WHERE r.out_trade_no = a.out_trade_no AND r.state = 'refunded')"
    " FROM attempts a"
)


@dataclass(frozen=True, slots=True)
class Seen:
    """An attempt, what its code was to meet, what the box asked, what the provider has."""

    row: Row
    luck: str
    calls: list[str]
    trade: Trade | None
    met_nothing: bool

    @property
    def returned(self) -> bool:
        """Whether the payer got the money back."""
        return self.trade is not None and self.trade.state is State.RETURNED


def _reversed_again(luck: str) -> Callable[[Seen], bool]:
    return lambda seen: seen.luck == luck and seen.calls.count("reverse") > 1


def _met(luck: str) -> Callable[[Seen], bool]:
    return lambda seen: seen.luck == luck and "query" in seen.calls


TABLE: Mapping[str, Callable[[Seen], bool]] = {
    "paid at once": lambda s: s.row.state == "paid" and s.calls[-1:] == ["pay"],
    "password then paid": lambda s: s.luck == "password" and s.row.state == "paid",
    "password never": lambda s: s.luck == "password_never" and "reverse" in s.calls,
    "paid between the last query and the reverse": lambda s: s.returned and not s.row.held_paid,
    "SYSTEMERROR and paid": lambda s: s.luck == "system_error" and s.row.state == "paid",
    "SYSTEMERROR and not created": lambda s: (
        s.luck == "system_error_not_created" and s.trade is None
    ),
    "10003 then cancel": lambda s: bool(s.row.confirmed and s.row.cancel_wish),
    "late pay found and given back": lambda s: s.met_nothing and s.returned,
    "recall=Y": _reversed_again("recall"),
    "reverse refused while paying": _reversed_again("reverse_paying"),
    "reverse window over, refunded": lambda s: s.row.state == "refunded",
    "cancel crosses paid": lambda s: bool(s.row.cancel_wish and s.row.held_paid),
    "rescan after declined": lambda s: s.row.number > 1,
    "two attempts of one charge": lambda s: s.row.number > 1 and s.row.state == "paid",
    "an answer with another amount": _met("other_amount"),
    "an answer for another order": _met("other_number"),
    "an answer with a bad signature": _met("bad_signature"),
    "an answer without a signature": _met("no_signature"),
    "refund pending, later good": lambda s: s.luck == "refund_processing" and s.row.refunded > 0,
    "refund for lack of balance, later good": lambda s: (
        s.luck == "refund_not_enough" and s.row.refunded > 0
    ),
}
"""State of §5 -> how it is recognised."""


HELD = (
    "SELECT c.booking FROM charges c WHERE EXISTS (SELECT 1 FROM events e WHERE e.kind = 'charge'"
    " AND e.state = 'held' AND (e.his_id, e.business_date, e.try) ="
    " (c.his_id, c.business_date, c.try))"
)
"""How the booking of every charge that was ever held stands now."""


def note(view: View, sometimes: Sometimes) -> None:
    """Say what this history reached."""
    for seen in _seen(view):
        for name, holds in TABLE.items():
            if holds(seen):
                sometimes(name)
    for (booking,) in view.disk.rows(HELD):
        sometimes("confirm held")
        if booking != "held":
            sometimes("confirm after it was held")


def _seen(view: View) -> Iterator[Seen]:
    for values in view.disk.rows(ROWS):
        row = Row(*values)
        number = row.out_trade_no
        yield Seen(
            row,
            view.luck.get(number, ""),
            view.calls.get(number, []),
            view.trade(number),
            number in view.met_nothing,
        )
