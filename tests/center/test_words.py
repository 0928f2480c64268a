"""Whatever word a box may send, the centre knows it: a new one fails here, not in quarantine."""

from enum import StrEnum

import pytest
from django.db.models import TextChoices

from center.ledger import words
from device.domain.booking import BookingState
from device.domain.charge import ChargeState
from device.domain.payment import AttemptState
from device.domain.refund import RefundState
from device.domain.words import Business, Department, Wallet

MORE: dict[type[StrEnum], set[str]] = {
    ChargeState: {b.value for b in BookingState} - {"none", "wanted"},
    RefundState: {"reversed"},
}
"""Words that no state of that name has: a charge's booking, and the centre's own for a refund."""


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (AttemptState, words.PaymentState),
        (RefundState, words.RefundState),
        (ChargeState, words.ChargeState),
        (Business, words.Business),
        (Department, words.Department),
        (Wallet, words.Channel),
    ],
)
def test_each_word_of_the_firmware_is_known(theirs: type[StrEnum], ours: type[TextChoices]) -> None:
    assert set(ours.values) == {word.value for word in theirs} | MORE.get(theirs, set())
