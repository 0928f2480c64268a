"""Every cell of the booking table (his-link §3.8)."""

from itertools import product

import pytest

from device.domain.booking import BOOKING_TABLE, BookingEvent, BookingState, step
from device.domain.payment import IllegalEvent

S, E = BookingState, BookingEvent
CELLS = list(product(BookingState, BookingEvent))


@pytest.mark.parametrize(("state", "event"), CELLS)
def test_every_cell_is_listed_or_illegal(state: BookingState, event: BookingEvent) -> None:
    listed = BOOKING_TABLE[state].get(event)
    if listed is None:
        with pytest.raises(IllegalEvent):
            step(state, event)
    else:
        assert step(state, event) is listed


def test_what_is_booked_is_never_refused_or_held() -> None:
    assert set(BOOKING_TABLE[S.BOOKED].values()) == {S.BOOKED}


def test_what_is_refused_stays_refused() -> None:
    assert set(BOOKING_TABLE[S.REFUSED].values()) == {S.REFUSED}


def test_only_an_offer_is_ever_held() -> None:
    assert [s for s in BookingState if E.OVERDUE in BOOKING_TABLE[s]] == [S.OFFERED]


def test_nothing_is_booked_before_it_is_paid() -> None:
    for state in (S.NONE, S.WANTED):
        assert {E.CONFIRMED, E.DENIED} & set(BOOKING_TABLE[state]) == set()
