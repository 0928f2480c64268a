# ruff: noqa: D102  `Checker` says what each hook is told; a judge takes what it needs
"""That everything ends, in time and one way (M6, M7)."""

from collections import defaultdict, deque

from device.domain.screens import AmountDue, Screen
from simulators.world.checkers.checker import OPEN, UNDER_WAY, Checker
from simulators.world.view import View
from simulators.world.wire import Sent

GIVEN_BACK = (
    "SELECT 1 FROM attempts JOIN charges USING (his_id, business_date, try) WHERE out_trade_no = ?"
    " AND undo = '' AND cancel_wish = 0 AND attempts.state IN ('failed','reversing','reversed')"
)
UNDONE = (
    "SELECT 1 FROM attempts JOIN charges USING (his_id, business_date, try) WHERE out_trade_no = ?"
    " AND answered_paid = 1 AND attempts.state IN ('reversing','refund_due','refunding')"
)
LONGEST_TTL_S = 310.0  # his-link §2: ttl_s is 300 at the most
MINUTE_S = 60.0
MOST_IN_A_MINUTE = 100  # five times what the shortest intervals give


class UnknownEnds(Checker):
    """M6: when all is well again nothing stays open, and the HIS has heard the end."""

    invariant = "M6"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._armed_s: float | None = None
        self._asked: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=MOST_IN_A_MINUTE))

    def at_end(self) -> None:
        a_persons = self.view.with_a_person()
        for row in self.view.attempts():
            if row.state in OPEN:
                self.blame(f"{row.out_trade_no} ({row.his_id}) stays {row.state}")
            elif row.state == "manual" and row.out_trade_no not in a_persons:
                self.blame(f"{row.out_trade_no} is left to a person, and the box could end it")
        for his_id, state in self.view.disk.rows("SELECT his_id, state FROM refunds"):
            if state in {"requested", "sent", "pending"}:
                self.blame(f"refund {his_id} stays {state}")
        for key, answer in self.view.answers().items():
            if answer["status"] == "unknown" and answer.get("state") != "manual":
                self.blame(f"{key.his_id}/{key.try_} ends unknown/{answer.get('state')}")

    def on_sent(self, sent: Sent) -> None:
        asked = self._asked[sent.out_trade_no]
        asked.append(sent.at_s)
        if len(asked) == MOST_IN_A_MINUTE and sent.at_s - asked[0] < MINUTE_S:
            self.blame(f"{sent.out_trade_no} is asked about {len(asked)} times in a minute")

    def on_show(self, screen: Screen) -> None:
        now_s = self.view.now_s()
        if self._armed_s is not None and now_s > self._armed_s + LONGEST_TTL_S:
            self.blame(f"an amount stood on the glass for {now_s - self._armed_s:.0f} s")
        if not isinstance(screen, AmountDue):
            self._armed_s = None
        elif self._armed_s is None:
            self._armed_s = now_s

    def on_boot(self) -> None:
        self._armed_s = None

    def in_time(self, number: str, left_s: float) -> None:
        """Called when an undisturbed attempt must have ended.

        One that was answered `paid` has, and is a new doubt from where it is undone (seed 395).
        """
        self._paid_in_time(number, left_s)
        if not self.view.disk.rows(UNDONE, number):
            self._must_have_ended(number, left_s)

    def undone_in_time(self, number: str, undone_s: float) -> None:
        """Called when what is to be given back must be back, counted from its first answer."""
        if self.view.disk.rows(UNDONE, number):
            self._must_have_ended(number, undone_s)

    def _must_have_ended(self, number: str, since_s: float) -> None:
        row = self.view.attempt(number)
        calm = number not in self.view.disturbed and self.view.disturbed_s < since_s
        if calm and row and row.state in OPEN:
            jumped = self.view.wall_jumped_s >= since_s
            rule = ClockMayJump.invariant if jumped else self.invariant
            self.view.blame(rule, f"{number} is {row.state} though nothing went wrong")

    def _paid_in_time(self, number: str, left_s: float) -> None:
        """Who typed his password in time has paid, unless somebody wished otherwise."""
        in_time = self.view.luck.get(number) == "password" and number not in self.view.disturbed
        if in_time and self.view.disturbed_s < left_s and self.view.disk.rows(GIVEN_BACK, number):
            self.blame(f"{number} was paid in time and is given back")


class ClockMayJump(Checker):
    """M18: a wall clock that jumps disturbs nothing: the limits of M6 hold as if it had not.

    Judged by `UnknownEnds`, and every other judge is the check too.
    """

    invariant = "M18"


class NeverBackToPaid(Checker):
    """M7: reversing never goes back to paid, nor does what the HIS cancelled in mid-payment."""

    invariant = "M7"

    def at_end(self) -> None:
        for key, answer in self.view.answers().items():
            kept = answer.get("out_trade_no") not in self.view.lost
            if key in self.view.wished and answer["status"] == "paid" and kept:
                self.blame(f"{key.his_id}/{key.try_} was cancelled in mid-payment and is paid")
        went: set[str] = set()
        before = ""
        sql = "SELECT epoch, uid, state FROM events WHERE kind = 'payment' ORDER BY id"
        for epoch, uid, state in self.view.disk.rows(sql):
            if epoch != before:  # a new epoch begins with rows of the last one, written again
                went, before = set(), epoch
            if state == "reversing":
                went.add(uid)
            elif uid in went and state in {"paid", *UNDER_WAY}:
                self.blame(f"{uid} was reversing and became {state}")
