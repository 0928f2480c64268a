"""What the box could end itself is handed to a person, or what is handed over is not told."""

from dataclasses import replace
from typing import Any

from device.domain import answers, payment
from device.domain.charge import Charge
from device.domain.desk import adopt
from device.domain.payment import Attempt, AttemptEvent, AttemptState
from device.domain.replies import Result
from simulators.planted.bug import Patch, bug


@bug("a late payment is left to a person", "M9", "M6", stir="late_pay")
def _(patch: Patch) -> None:
    for ended in (AttemptState.FAILED, AttemptState.REVERSED):
        patch.setitem(payment.TABLE[ended], AttemptEvent.REVERSE_WANTED, AttemptState.MANUAL)


@bug("a window that is over is left to a person", "M6", "M4", stir="reverse reverse_expired")
def _(patch: Patch) -> None:
    row = payment.TABLE[AttemptState.REVERSING]
    patch.setitem(row, AttemptEvent.WINDOW_OVER, AttemptState.MANUAL)


@bug("a reverse that is refused is left to a person", "M6", "M4", stir="reverse reverse_refused")
def _(patch: Patch) -> None:
    true = payment._target

    def tired(attempt: Attempt, event: AttemptEvent, listed: Any) -> AttemptState:
        state = true(attempt, event, listed)
        refused = event is AttemptEvent.REFUSED and state is AttemptState.REFUND_DUE
        return AttemptState.MANUAL if refused else state

    patch.setattr(payment, "_target", tired)


@bug("a sum that contradicts itself is left to a person", "M6", "M4", stir="other_sum")
def _(patch: Patch) -> None:
    true = payment._target

    def puzzled(attempt: Attempt, event: AttemptEvent, listed: Any) -> AttemptState:
        state = true(attempt, event, listed)
        twice = event is AttemptEvent.CONTRADICTION and state is AttemptState.REVERSING
        return AttemptState.MANUAL if twice else state

    patch.setattr(payment, "_target", puzzled)


@bug("two that a new card finds paid are both taken", "M1", "M3", stir="card_replaced late_pay")
def _(patch: Patch) -> None:
    patch.setattr(adopt, "_contradicted", lambda judged: judged)


@bug("the HIS is not told that a person must look", "M1", stir="card_replaced late_pay")
def _(patch: Patch) -> None:
    true = answers.result_of

    def calm(charge: Charge, revision: int) -> Result:
        result = true(charge, revision)
        return replace(result, attention=result.attention and result.state != "manual")

    patch.setattr(answers, "result_of", calm)
