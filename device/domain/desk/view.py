"""What the display and the lamp say, derived from the desk's state: nothing is shown by hand.

So success cannot be on the glass before `paid` is in the state, and the state is adopted only
after its commit (M22).
"""

import math
from dataclasses import replace

from device.domain.charge import Charge, ChargeState
from device.domain.desk.model import RESULT_STAYS_S, TOO_SOON_STAYS_S, Desk, Health, Phase, Seat
from device.domain.payment import GOING_BACK, Attempt, AttemptState
from device.domain.record import Moment
from device.domain.screens import (
    AmountDue,
    AskingProvider,
    CallCashier,
    ClockNotSet,
    DeclinedScreen,
    GivenBack,
    GivingBack,
    Idle,
    Message,
    NotBookedScreen,
    NothingDue,
    NotPaidScreen,
    OfflineScreen,
    OperatorView,
    PaidScreen,
    Password,
    Paying,
    SameAmount,
    ScannerMissing,
    Screen,
    Signal,
    Starting,
    StorageFailed,
    UndoOffered,
)
from device.domain.words import Reason, Wallet

HELD_STAYS_S = 10.0  # with light and sound, long enough for a cashier who looks elsewhere


def screen_of(desk: Desk, now_s: float) -> Screen:
    """What the glass shows now."""
    if desk.local_view and now_s < desk.local_view[1]:
        return desk.local_view[0]
    if desk.seat and desk.seat.phase is not Phase.CHECKING:
        return _seat_screen(desk, desk.seat, now_s)
    if desk.result and now_s < desk.result[1]:
        return desk.result[0]
    return _resting_screen(desk)


def _seat_screen(desk: Desk, seat: Seat, now_s: float) -> Screen:
    attempt, fen = seat.attempt, seat.charge.amount_fen
    if seat.phase is Phase.UNDER_WAY and attempt:
        return _under_way_screen(attempt, _payer_has(desk, seat, attempt, now_s))
    if seat.declined and not seat.hint:
        return DeclinedScreen(fen, seat.declined, retry=True)
    return AmountDue(
        amount_fen=fen,
        title=seat.charge.title,
        masked_name=seat.masked_name,
        wallets=tuple(w for w in Wallet if w in seat.wallets),
        seconds_left=max(0, math.ceil(seat.ttl_left(now_s))),
        hint=seat.hint.value if seat.hint else "",
    )


def _payer_has(desk: Desk, seat: Seat, attempt: Attempt, now_s: float) -> int | None:
    """Seconds the box will still wait for the payer; None where it was not told how long."""
    wait_s = desk.settings.waits_s.get(attempt.wallet)
    return None if wait_s is None else max(0, math.ceil(seat.sent_s + wait_s - now_s))


def _under_way_screen(attempt: Attempt, seconds_left: int | None) -> Screen:
    if attempt.cancel_wish:
        return GivingBack(attempt.amount_fen, attempt.wallet)
    if attempt.state is AttemptState.INTENDED:
        return Paying(attempt.amount_fen, attempt.wallet)
    if attempt.state is AttemptState.WAITING:
        return Password(attempt.amount_fen, attempt.wallet, seconds_left)
    return AskingProvider(attempt.amount_fen, attempt.wallet)


def _resting_screen(desk: Desk) -> Screen:
    """Nobody at the desk: a doubt of before the boot, what is wrong, the HIS's text, else idle."""
    if desk.doubts:
        return AskingProvider(*next(iter(desk.doubts.values())))
    trouble = next((screen for wrong, screen in _troubles(desk.health) if wrong), None)
    return trouble or (Message(desk.notice.lines) if desk.notice else _idle(desk))


def _troubles(health: Health) -> tuple[tuple[bool, Screen], ...]:
    """What keeps the box from taking money, the gravest first."""
    return (
        (not health.clock_sane, ClockNotSet()),
        (not health.vpn_up, OfflineScreen("vpn")),
        (health.verifying, Starting()),
        (not health.reachable, OfflineScreen("wallet")),
        (not health.verified, OfflineScreen("channel_not_verified")),
        (not health.scanner_online, ScannerMissing()),
    )


def too_soon(desk: Desk, now: Moment) -> Desk:
    """A code came and nothing is to be paid: say so, unless something else is being said."""
    at_rest = desk.seat is None and desk.result is None
    if not at_rest or not isinstance(_resting_screen(desk), Idle):
        return desk
    return replace(desk, result=(NothingDue(), now.mono_s + TOO_SOON_STAYS_S))


def _idle(desk: Desk) -> Screen:
    return Idle(desk.settings.hospital, desk.settings.desk, ready_wallets(desk.health))


def ready_wallets(health: Health) -> tuple[Wallet, ...]:
    """Those that can take money now, always in the same order."""
    return tuple(w for w in Wallet if w in health.verified & health.reachable)


def outcome_screen(charge: Charge, attempt: Attempt | None, now: Moment) -> tuple[Screen, float]:
    """How the charge left the desk, shown for some seconds."""
    return _outcome(charge, attempt), now.mono_s + RESULT_STAYS_S


def _outcome(charge: Charge, attempt: Attempt | None) -> Screen:
    fen = charge.amount_fen
    if attempt and attempt.state is AttemptState.PAID:
        return PaidScreen(fen, attempt.wallet)
    if attempt and attempt.state in GOING_BACK:
        return GivingBack(fen, attempt.wallet)
    if attempt and attempt.state is AttemptState.MANUAL:
        return CallCashier(fen)
    if attempt and charge.reason not in {Reason.CANCELLED, Reason.CANCELLED_AT_BOX}:
        return DeclinedScreen(fen, charge.reason, retry=False)
    return NotPaidScreen(fen, charge.reason)


def returned_screen(charge: Charge, now: Moment) -> tuple[Screen, float] | None:
    """Money that went back after the desk was free, if it did."""
    if charge.state is ChargeState.OPEN or charge.reason is Reason.PAYER_TIMEOUT:
        return None
    return GivenBack(charge.amount_fen), now.mono_s + RESULT_STAYS_S


def held_screen(charge: Charge, now: Moment) -> tuple[Screen, float]:
    """Paid, and the HIS did not say that it booked it: the cashier must look."""
    return NotBookedScreen(charge.amount_fen), now.mono_s + HELD_STAYS_S


SIGNALS: dict[type[Screen], Signal] = {
    AmountDue: Signal.WAITING,
    Paying: Signal.WORKING,
    Password: Signal.PASSWORD,
    PaidScreen: Signal.PAID,
    DeclinedScreen: Signal.DECLINED,
    NotPaidScreen: Signal.DECLINED,
    AskingProvider: Signal.DOUBT,
    GivingBack: Signal.DOUBT,
    SameAmount: Signal.DOUBT,
    UndoOffered: Signal.DOUBT,
    OfflineScreen: Signal.OFFLINE,
    ClockNotSet: Signal.OFFLINE,
    ScannerMissing: Signal.FAULT,
    CallCashier: Signal.FAULT,
    NotBookedScreen: Signal.FAULT,
    StorageFailed: Signal.FAULT,
}


def signal_of(screen: Screen) -> Signal:
    """What the lamp says beside this screen."""
    if isinstance(screen, OperatorView):
        return screen.beneath
    if isinstance(screen, AmountDue) and screen.hint:
        return Signal.RESCAN
    if isinstance(screen, Idle) and not screen.wallets:
        return Signal.OFFLINE
    return SIGNALS.get(type(screen), Signal.IDLE)
