"""Booking in two steps: what `confirm: true` adds to a charge (his-link §3.8).

Read the table as prose: while a payment is *wanted* there is nothing to book. Once paid it is
*offered*: the HIS says `booked: true` and it is *booked*, or `booked: false` and it is *refused*,
which gives the money back. Without a word in time it is *held*: the alarm is on, the money stays
where it is, and only a later `confirm` or a person ends that. The box itself never gives back what
is booked.
"""

from enum import StrEnum

from device.domain.payment import IllegalEvent


class BookingState(StrEnum):
    """Where the booking of a charge stands; the comment says what is true in it."""

    NONE = "none"  # `confirm` was not asked for: the HIS books on `paid` at once
    WANTED = "wanted"  # `confirm: true`, and nothing is paid yet
    OFFERED = "offered"  # `paid` was stored as an offer; the HIS has `confirm_wait_s` to answer it
    HELD = "held"  # no word in time: the alarm is on, the money stays
    BOOKED = "booked"  # the HIS has recorded the payment
    REFUSED = "refused"  # the HIS will not record it: the money goes back


class BookingEvent(StrEnum):
    """What can happen to a booking."""

    PAID = "paid"  # the charge is paid
    CONFIRMED = "confirmed"  # `confirm` with `booked: true`
    DENIED = "denied"  # `confirm` with `booked: false`
    OVERDUE = "overdue"  # `confirm_wait_s` without a word


S, E = BookingState, BookingEvent

BOOKING_TABLE: dict[BookingState, dict[BookingEvent, BookingState]] = {
    S.NONE: {E.PAID: S.NONE},
    S.WANTED: {E.PAID: S.OFFERED},
    S.OFFERED: {
        E.PAID: S.OFFERED,  # a second attempt of it was found paid
        E.CONFIRMED: S.BOOKED,
        E.DENIED: S.REFUSED,
        E.OVERDUE: S.HELD,
    },
    S.HELD: {E.PAID: S.HELD, E.CONFIRMED: S.BOOKED, E.DENIED: S.REFUSED},
    S.BOOKED: {E.PAID: S.BOOKED, E.CONFIRMED: S.BOOKED},
    S.REFUSED: {E.PAID: S.REFUSED, E.CONFIRMED: S.REFUSED, E.DENIED: S.REFUSED},
}
OPEN_BOOKINGS = frozenset({S.OFFERED, S.HELD})
"""The HIS has still to answer these."""


def step(state: BookingState, event: BookingEvent) -> BookingState:
    """Return the state after the event; IllegalEvent where the table has none."""
    row = BOOKING_TABLE[state]
    if event not in row:
        raise IllegalEvent(f"{event} in booking {state}")
    return row[event]
