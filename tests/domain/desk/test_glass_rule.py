"""M10, M11 against random histories: a code is used only if its first key met its own amount."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from device.domain.desk.events import ButtonHeld, ButtonPressed, Garbled
from device.domain.outcome import Declined, Paid, Unknown
from device.domain.requests import Cancel
from device.domain.screens import AmountDue, DeclinedScreen
from device.domain.words import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from device.domain.outcome import PayOutcome
    from tests.domain.desk.conftest import Till

STEP_S = 0.05  # between two things that happen
WAIT_S = 0.5
OUTCOMES: tuple[PayOutcome, ...] = (
    *[Declined(Reason.DECLINED_BALANCE)] * 4,
    Declined(Reason.DECLINED_OTHER),
    Unknown("timeout"),
)


class Hall:
    """A desk, its patients and its technician; remembers what stood on the glass when."""

    def __init__(self, till: Till) -> None:
        self.till = till
        self.bills = 0
        self.codes = 0
        self.glass: list[tuple[float, str, int]] = []
        """Since when, whose amount (empty = nobody's), how much."""

    def look(self) -> None:
        """The panel draws what the desk shows, and reports an amount."""
        till, screen = self.till, self.till.screen
        seat = till.desk.seat
        shows = seat and isinstance(screen, AmountDue | DeclinedScreen)
        if shows and seat and seat.drawn_s is None:
            till.drawn()
        whose = seat.charge.key.his_id if shows and seat else ""
        self.glass.append((till.now_s, whose, getattr(screen, "amount_fen", 0) if whose else 0))

    def stood(self, at_s: float) -> tuple[str, int]:
        """What stood on the glass then."""
        return next(((w, f) for since, w, f in reversed(self.glass) if since <= at_s), ("", 0))

    def bill(self, _: int) -> None:
        if self.till.desk.seat is None:
            self.bills += 1
            self.till.arm(f"B{self.bills}", 1000 + self.bills)

    def scan(self, back: int) -> None:
        """A code whose first key came some steps ago; never the same code twice."""
        self.codes += 1
        began_s, before = self.till.now_s - back * STEP_S, len(self.till.calls)
        self.till.scan(f"13{self.codes:016}", first_key_s=began_s)
        for call in self.till.calls[before:]:
            charge = call.charge
            assert self.stood(began_s) == (charge.key.his_id, charge.amount_fen)

    def answer(self, which: int) -> None:
        seat = self.till.desk.seat
        if seat and seat.attempt and not seat.attempt.provider_trade_no:
            outcomes = (*OUTCOMES, Paid("42", seat.charge.amount_fen))
            self.till.answer(outcomes[which % len(outcomes)])

    def cancel(self, _: int) -> None:
        if self.till.desk.seat:
            self.till.ask(Cancel(f"B{self.bills}"))

    def hold(self, _: int) -> None:
        self.till.event(ButtonHeld("0.1.0", "10.1.2.3"))

    def press(self, _: int) -> None:
        self.till.event(ButtonPressed())

    def garbage(self, _: int) -> None:
        self.till.event(Garbled("overrun"))

    def wait(self, steps: int) -> None:
        self.till.wait(steps * WAIT_S)


DEEDS: tuple[Callable[[Hall, int], None], ...] = (
    *(Hall.bill, Hall.bill, Hall.scan, Hall.scan, Hall.scan, Hall.answer, Hall.answer),
    *(Hall.cancel, Hall.hold, Hall.hold, Hall.press, Hall.garbage, Hall.wait),
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_code_is_used_for_an_amount_it_did_not_meet(
    new_till: type[Till], data: st.DataObject
) -> None:
    hall = Hall(new_till())
    hall.look()
    for deed, how in data.draw(
        st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 6)), max_size=25)
    ):
        deed(hall, how)
        hall.look()
        hall.till.now_s += STEP_S
