"""The invariants of payment-states §4, each a judge beside the world. `RULES` says who answers.

Two-sided: what the box says is looked up in the providers' book, and what a provider holds is
looked up in the journal.
"""

from collections.abc import Mapping

from simulators.world.checkers.cards import CardReplaced, ClosesInOrder, NothingNewOnAFailingDisk
from simulators.world.checkers.center import (
    ChainAtTheCenter,
    DaysAtTheCenter,
    LostIsFetched,
    OnceAtTheCenter,
    OnlyApproved,
)
from simulators.world.checkers.checker import Checker
from simulators.world.checkers.desk import Bookings, DaysAreSummed, OnlyArmedIsReplaced
from simulators.world.checkers.ends import ClockMayJump, NeverBackToPaid, UnknownEnds
from simulators.world.checkers.files import ChainHolds, NothingLeaks
from simulators.world.checkers.money import (
    AtMostOnePaid,
    DaysAddUp,
    EveryOrderKnown,
    LatePayGivenBack,
    NotPaidIsNotPaid,
    PaidIsPaid,
)
from simulators.world.checkers.requests import (
    IntentFirst,
    OneAmount,
    OneAtATime,
    OneAttemptPerCode,
    OneRefundPerId,
    OnlyArmedCodes,
    ReverseFollowsQuery,
)
from simulators.world.checkers.told import NoEarlySuccess, OfferedUntilKnown, StoredAnswers

RULES: Mapping[str, type[Checker] | str] = {
    "M1": AtMostOnePaid,
    "M2": IntentFirst,
    "M3": PaidIsPaid,
    "M4": NotPaidIsNotPaid,
    "M5": EveryOrderKnown,
    "M6": UnknownEnds,
    "M7": NeverBackToPaid,
    "M8": ReverseFollowsQuery,
    "M9": LatePayGivenBack,
    "M10": OneAmount,
    "M11": OnlyArmedCodes,
    "M12": OneAttemptPerCode,
    "M13": OneAtATime,
    "M14": StoredAnswers,
    "M15": "judged where the HIS contradicts itself: `cashier.py`",
    "M16": OnceAtTheCenter,
    "M17": ChainHolds,
    "M18": ClockMayJump,
    "M19": NothingLeaks,
    "M20": CardReplaced,
    "M21": NothingNewOnAFailingDisk,
    "M22": NoEarlySuccess,
    "M23": "not here (image and updates)",
    "M24": DaysAddUp,
    "M25": LostIsFetched,
    "SIGTERM": ClosesInOrder,
    "ACTIONS": OnlyApproved,
    "OFFERS": OfferedUntilKnown,
    "BOOK": Bookings,
    "SUPERSEDE": OnlyArmedIsReplaced,
    "SUMMARY": DaysAreSummed,
}
"""Invariant -> its judge, or who else answers for it; SIGTERM is payment-states §2, ACTIONS
center §4, OFFERS, SUPERSEDE, BOOK and SUMMARY are his-link §3.6, §3.7, §3.8 and §3.13."""

BESIDE: tuple[type[Checker], ...] = (ChainAtTheCenter, DaysAtTheCenter, OneRefundPerId)
"""The same rules at the centre's end, and over all cards."""

CHECKERS: tuple[type[Checker], ...] = (
    *(k for k in RULES.values() if not isinstance(k, str)),
    *BESIDE,
)
ELSEWHERE: Mapping[str, str] = {name: k for name, k in RULES.items() if isinstance(k, str)}
