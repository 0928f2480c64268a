# ruff: noqa: D102  `Checker` says what each hook is told; a judge takes what it needs
"""That everything ends, in time and one way (M6, M7)."""

from simulators.world.checkers.checker import OPEN, UNDER_WAY, Checker


class UnknownEnds(Checker):
    """M6: when all is well again nothing stays open, and the HIS has heard the end."""

    invariant = "M6"

    def at_end(self) -> None:
        for row in self.view.attempts():
            if row.state in OPEN:
                self.blame(f"{row.out_trade_no} ({row.his_id}) stays {row.state}")
        for his_id, state in self.view.disk.rows("SELECT his_id, state FROM refunds"):
            if state in {"requested", "sent", "pending"}:
                self.blame(f"refund {his_id} stays {state}")
        for key, answer in self.view.answers().items():
            if answer["status"] == "unknown" and answer.get("state") != "manual":
                self.blame(f"{key.his_id}/{key.try_} ends unknown/{answer.get('state')}")

    def in_time(self, number: str, left_s: float) -> None:
        """Called when an undisturbed attempt must have ended."""
        row = self.view.attempt(number)
        calm = number not in self.view.disturbed and self.view.disturbed_s < left_s
        if calm and row and row.state in OPEN:
            jumped = self.view.wall_jumped_s >= left_s
            rule = ClockMayJump.invariant if jumped else self.invariant
            self.view.blame(rule, f"{number} is {row.state} though nothing went wrong")


class ClockMayJump(Checker):
    """M18: a wall clock that jumps disturbs nothing: the limits of M6 hold as if it had not.

    Judged by `UnknownEnds`, and every other judge is the check too.
    """

    invariant = "M18"


class NeverBackToPaid(Checker):
    """M7: reversing never goes back to paid."""

    invariant = "M7"

    def at_end(self) -> None:
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
