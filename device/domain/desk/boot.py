"""After a boot: every open end gets a task, and nothing is armed again (payment-states §2)."""

from dataclasses import replace

from device.domain.charge import Charge, ChargeState
from device.domain.desk import collect, deliver, one_way
from device.domain.desk.effects import Commit, Effect, PursueRefund, Step
from device.domain.desk.events import Booted
from device.domain.desk.model import Desk
from device.domain.desk.rows import attempt_change, charge_change
from device.domain.payment import OPEN_STATES, UNDER_WAY, Attempt, AttemptEvent, AttemptState
from device.domain.payment import step as attempt_step
from device.domain.record import Moment, Ticket
from device.domain.refund import OPEN_REFUNDS
from device.domain.verdict import with_attempt
from device.domain.words import Reason


def on_booted(desk: Desk, event: Booted, now: Moment) -> Step:
    """Give every open end a task: nothing is forgotten, nothing is armed again."""
    desk = deliver.restore(desk, event.undelivered, now)
    effects: list[Effect] = []
    for ticket in event.unsettled:
        desk, wanted = _boot_ticket(desk, ticket, now)
        effects += wanted
    desk = one_way.booted(desk, event, now)
    return desk, (*effects, *_boot_refunds(event.unsettled))


def _boot_refunds(unsettled: tuple[Ticket, ...]) -> tuple[Effect, ...]:
    """Pursue the open refunds, but not a `reverse` whose order is still being reversed.

    One money-moving task per order (his-link §3.10): it becomes a refund only if the reverse fails.
    """
    attempts = (a for t in unsettled for c in t.charges for a in c.attempts)
    reversing = {a.out_trade_no for a in attempts if a.state is AttemptState.REVERSING}
    refunds = (t.refund for t in unsettled if t.refund and t.refund.state in OPEN_REFUNDS)
    return tuple(PursueRefund(r) for r in refunds if r.out_trade_no not in reversing)


def _boot_ticket(desk: Desk, ticket: Ticket, now: Moment) -> Step:
    effects: list[Effect] = []
    for charge in ticket.charges:
        before = ticket
        desk, ticket, wanted = _boot_charge(desk, ticket, charge, now)
        desk, tells = deliver.announce(desk, ticket, before, None, now)
        effects += [*wanted, *tells]
    return desk, tuple(effects)


def _boot_charge(
    desk: Desk, ticket: Ticket, charge: Charge, now: Moment
) -> tuple[Desk, Ticket, tuple[Effect, ...]]:
    live = [a for a in charge.attempts if a.state in OPEN_STATES or a.watch_due]
    effects: list[Effect] = []
    for attempt in live:
        if attempt.state is AttemptState.INTENDED:  # the first byte may have left
            attempt = attempt_step(attempt, AttemptEvent.UNCLEAR)  # noqa: PLW2901  it is this one
            charge = with_attempt(charge, attempt)
            ticket, change = attempt_change(desk.settings, ticket, charge, attempt, now)
            effects.append(Commit(change))
        effects += collect.pursue(charge, attempt)
        desk = _in_doubt(desk, attempt)
    waits = any(a.state in OPEN_STATES | {AttemptState.MANUAL} for a in charge.attempts)
    if charge.state is ChargeState.OPEN and not waits:
        charge = _restarted(charge)
        ticket, change = charge_change(desk.settings, ticket, charge, now)
        effects.append(Commit(change))
    return desk, ticket, tuple(effects)


def _in_doubt(desk: Desk, attempt: Attempt) -> Desk:
    """The patient may still stand there: the glass says that the result is being asked for."""
    if attempt.state not in UNDER_WAY:
        return desk
    doubt = {attempt.out_trade_no: (attempt.amount_fen, attempt.wallet)}
    return replace(desk, doubts={**desk.doubts, **doubt})


def _restarted(charge: Charge) -> Charge:
    return replace(charge, state=ChargeState.NOT_PAID, reason=Reason.RESTARTED)
