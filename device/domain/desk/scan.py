"""A code is read: is it for this amount, is it a payer code, may it be used (M10, M11, M12)."""

from dataclasses import replace
from datetime import date

from device.domain.desk.collect import advance
from device.domain.desk.effects import CallPay, Step
from device.domain.desk.events import Garbled, PayAnswered, Scanned
from device.domain.desk.model import HINT_STAYS_S, Desk, Phase, Seat
from device.domain.desk.one_way import unsettled
from device.domain.desk.view import too_soon
from device.domain.numbers import keyed_hash, out_trade_no
from device.domain.outcome import Declined, Paid, PayerConfirming, PayOutcome
from device.domain.payer_code import PayerCode, classify
from device.domain.payment import NO_FACTS, Attempt, AttemptEvent, AttemptState, Facts
from device.domain.payment import step as attempt_step
from device.domain.record import Moment, PutOrder
from device.domain.screens import Hint
from device.domain.words import Wallet

WRONG_WALLET = {Wallet.WECHAT: Hint.OTHER_WALLET_WECHAT, Wallet.ALIPAY: Hint.OTHER_WALLET_ALIPAY}


def code_hash(desk: Desk, text: str) -> str:
    """What is stored instead of a code."""
    return keyed_hash(desk.settings.key, "code", text)


def on_scanned(desk: Desk, scan: Scanned, now: Moment) -> Step:
    """Use the code for the amount on the glass, or say why not. Nothing is kept for later."""
    seat = desk.seat
    if not seat or seat.phase is not Phase.ARMED:
        return too_soon(desk, now), ()
    too_early = seat.drawn_s is None or scan.first_key_s < seat.drawn_s or unsettled(desk)
    if scan.by_his:
        mine = scan.by_his == seat.charge.key  # what it was for may be gone meanwhile
        return _take(desk, seat, scan.text, now, used=scan.used) if mine else (desk, ())
    if too_early:
        return _hint(desk, seat, Hint.SCAN_AGAIN, now)
    return _take(desk, seat, scan.text, now, used=scan.used)


def _take(desk: Desk, seat: Seat, text: str, now: Moment, *, used: bool) -> Step:
    code = _usable(desk, seat, text, now.wall.date(), used=used)
    if isinstance(code, Hint):
        return _hint(desk, seat, code, now)
    return _intend(desk, seat, code, now)


def _usable(desk: Desk, seat: Seat, text: str, today: date, *, used: bool) -> PayerCode | Hint:
    code = classify(text, refuse_id_cards=desk.settings.refuse_id_cards, today=today)
    if isinstance(code, Hint):
        return code
    if seat.charge.wallet and seat.charge.wallet is not code.wallet:
        return WRONG_WALLET[seat.charge.wallet]
    if code.wallet not in seat.wallets:
        return Hint.WALLET_OFF
    return Hint.USED_CODE if used else code


def _hint(desk: Desk, seat: Seat, hint: Hint, now: Moment) -> Step:
    until_s = now.mono_s + HINT_STAYS_S
    return replace(desk, seat=replace(seat, hint=hint, hint_until_s=until_s)), ()


def hint_over(desk: Desk, now: Moment) -> Step:
    """It was read: the glass asks for a code again."""
    seat = desk.seat
    if not seat or not seat.hint or now.mono_s < seat.hint_until_s:
        return desk, ()
    return replace(desk, seat=replace(seat, hint=None)), ()


def _intend(desk: Desk, seat: Seat, code: PayerCode, now: Moment) -> Step:
    """Sync the intent; only then the first byte leaves (payment-states §1.1)."""
    settings, key = desk.settings, seat.charge.key
    number = max((a.number for a in seat.charge.attempts), default=seat.taken) + 1
    trade_no = out_trade_no(
        settings.key,
        settings.desk_code,
        settings.desk,
        key.business_date,
        key.his_id,
        key.try_,
        number,
    )
    attempt = Attempt(
        number=number,
        wallet=code.wallet,
        out_trade_no=trade_no,
        amount_fen=seat.charge.amount_fen,
        code_hash=code_hash(desk, code.text),
    )
    call = CallPay(attempt, seat.charge, code.text)
    order = PutOrder(trade_no, code.wallet, attempt.amount_fen)
    return advance(desk, attempt, now, more=(call,), order=order)


GARBLED_HINTS = {"letters": Hint.NOT_PAYER_CODE}
"""A link behind a QR code is no payer code; whatever else was mangled may be scanned again."""


def on_garbled(desk: Desk, event: Garbled, now: Moment) -> Step:
    """A scan was cut, mangled or something else: say so."""
    seat = desk.seat
    if not seat or seat.phase is not Phase.ARMED:
        return too_soon(desk, now), ()
    return _hint(desk, seat, GARBLED_HINTS.get(event.why, Hint.SCAN_AGAIN), now)


def on_pay_answered(desk: Desk, event: PayAnswered, now: Moment) -> Step:
    """The provider's first word on the seat's attempt."""
    attempt = desk.seat.attempt if desk.seat else None
    if not attempt or attempt.out_trade_no != event.out_trade_no:
        return desk, ()
    if attempt.state is not AttemptState.INTENDED:
        return desk, ()
    arrow, facts = heard(attempt, event.outcome)
    return advance(desk, attempt_step(attempt, arrow, facts), now)


def heard(attempt: Attempt, outcome: PayOutcome) -> tuple[AttemptEvent, Facts]:
    """Translate a pay outcome into the table's event; another amount is never `paid`."""
    if isinstance(outcome, Paid) and outcome.amount_fen == attempt.amount_fen:
        return AttemptEvent.PAID, paid_facts(outcome)
    if isinstance(outcome, Declined):
        return AttemptEvent.FAILED, Facts(reason=outcome.reason, detail=outcome.code)
    if isinstance(outcome, PayerConfirming):
        trade_no = outcome.provider_trade_no
        return AttemptEvent.CONFIRMING, replace(NO_FACTS, provider_trade_no=trade_no)
    return AttemptEvent.UNCLEAR, Facts(detail=getattr(outcome, "why", "amount"))


def paid_facts(paid: Paid) -> Facts:
    """What to remember of a success."""
    return Facts(
        provider_trade_no=paid.provider_trade_no,
        payer_mask=paid.payer_mask,
        paid_at=paid.paid_at,
        mark=paid.mark,
    )
