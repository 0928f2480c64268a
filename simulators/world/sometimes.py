"""What a long run must have reached: a run that never met a state has proven nothing about it.

The names are those of payment-states §5; the world says `sometimes(name)` where it happens.
"""

from collections import Counter

STATES: tuple[str, ...] = (
    "paid at once",
    "password then paid",
    "password never",
    "paid between the last query and the reverse",
    "SYSTEMERROR and paid",
    "SYSTEMERROR and not created",
    "10003 then cancel",
    "no such trade, then a late pay",
    "late pay found and given back",
    "recall=Y",
    "reverse refused while paying",
    "reverse answer lost",
    "reverse window over, refunded",
    "cashier cancels while the patient types",
    "cancel crosses paid",
    "rescan after declined",
    "two attempts of one charge",
    "power cut before a commit",
    "power cut after a commit",
    "power cut between two steps",
    "power cut with a payment open",
    "boot with no network",
    "boot with a wrong clock",
    "wall clock jumped",
    "HIS link lost before the result",
    "HIS asks again after reboot",
    "HIS never asks again",
    "same id in flight",
    "same id after the end",
    "same id with another amount",
    "same id after 30 min",
    "next try after not_paid",
    "next try too early",
    "next try after paid",
    "scan before amount",
    "A's scan finishing after B is armed",
    "two HIS connections",
    "double scan",
    "scanner garbage",
    "truncated code after an overrun",
    "scanner noise before a code",
    "stale keep-alive reset after the bytes left",
    "VPN lost before connect",
    "VPN lost after the bytes left",
    "an answer with another amount",
    "an answer for another order",
    "an answer with a bad signature",
    "an answer without a signature",
    "HTML 502",
    "duplicate delivery",
    "delayed delivery",
    "disk full",
    "disk dead for a while",
    "commit error, not durable",
    "commit error though durable",
    "refund good",
    "refund twice with one id",
    "refund over the amount",
    "refund while reversing",
    "refund pending, later good",
    "refund for lack of balance, later good",
    "reverse asked by the HIS",
    "panel broken",
    "SIGTERM",
    "card replaced after paid",
    "cloned card on another board",
    "refund at another desk",
    "an order of another desk refunded here",
    "ids restarted daily",
    "confirm lost",
    "confirm refused",
    "confirm held",
    "confirm after it was held",
    "an armed amount replaced",
    "HIS vanishes without closing",
    "a code of the HIS's own scanner",
    "a refund asked again on a new card",
    "a reverse asked again on a new card",
    "a refund of another amount while offline",
    "centre away for 30 days",
    "centre acknowledges twice or out of order",
)


class Sometimes:
    """Counts what was reached."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def __call__(self, name: str) -> None:
        """It happened."""
        assert name in STATES, name
        self.counts[name] += 1

    def missing(self) -> list[str]:
        """What was never reached."""
        return [name for name in STATES if not self.counts[name]]
