# ruff: noqa: D102, ARG002  `Checker` says what each hook is told; a judge takes what it needs
"""What leaves the box, and when (M2, M8, M10-M13)."""

from collections import defaultdict

from device.domain.screens import AmountDue, Password, Paying, Screen
from simulators.world.checkers.checker import GOING, UNDER_WAY, Checker, Fields
from simulators.world.view import Attempt, Key, View
from simulators.world.wire import Sent

REVERSE_NOT_BEFORE_S = 15.0
ASKED = frozenset({"query", "refund_query"})  # the second follows a query that said REFUND
EPSILON_S = 1e-6
SETTLED_S = 3.0  # a frame that was on its way when the amount came may be sent again


class IntentFirst(Checker):
    """M2: nothing that moves money arrives before its row is on the synced disk."""

    invariant = "M2"

    def on_sent(self, sent: Sent) -> None:
        if sent.call == "reverse" and self.view.disk.failing:
            self.view.from_memory.add(sent.out_trade_no)

    def on_arrival(self, sent: Sent, row: Attempt | None) -> None:
        if not sent.moves_money or sent.probe or sent.at_s < self.view.card_s:
            return  # a lost card had its row
        if not self.view.disk.all_synced:
            self.blame(f"{sent.call} {sent.out_trade_no} arrives while a commit is not synced")
        if sent.call == "refund":
            sql = "SELECT state FROM refunds WHERE out_refund_no = ?"
            if not self.view.disk.rows(sql, sent.out_refund_no):
                self.blame(f"refund {sent.out_refund_no} arrives without a row")
        elif row is None:
            self.blame(f"{sent.call} {sent.out_trade_no} arrives without a row")
        elif sent.call == "reverse" and row.state not in GOING and not self._may(sent, row):
            self.blame(f"reverse of {sent.out_trade_no} arrives while it is {row.state}")

    def _may(self, sent: Sent, row: Attempt) -> bool:
        """On a failing disk what is under way may be reversed from memory: one exception (M21)."""
        return sent.out_trade_no in self.view.from_memory and row.state != "paid"


class ReverseFollowsQuery(Checker):
    """M8: a reverse is the next request after a query; WeChat's not within 15 s of its pay."""

    invariant = "M8"

    def on_sent(self, sent: Sent) -> None:
        if sent.call != "reverse":
            return
        number, before = sent.out_trade_no, self.view.last_sent.get(sent.out_trade_no)
        if before not in ASKED:
            self.blame(f"the reverse of {number} follows {before}")
        paid_s = self.view.pay_left_s.get(number)
        soon = paid_s is not None and sent.at_s - paid_s < REVERSE_NOT_BEFORE_S - EPSILON_S
        if sent.wallet == "wechat" and soon:
            self.blame(f"{number} is reversed {sent.at_s - (paid_s or 0):.1f} s after its pay")


class OneAmount(Checker):
    """M10: the amount sent is what the HIS asked and what the glass showed."""

    invariant = "M10"

    def on_arrival(self, sent: Sent, row: Attempt | None) -> None:
        if sent.call != "pay":
            return
        if sent.at_s < self.view.card_s:
            return
        shown = self.view.scans.glass.get(sent.code, set())
        wanted = self.view.wanted.get(Key(row.his_id, row.try_), set()) if row else set()
        if row and sent.amount_fen != row.amount_fen:
            self.blame(f"{sent.out_trade_no}: {sent.amount_fen} fen sent, journal has another")
        if row and sent.amount_fen not in wanted:
            self.blame(f"{sent.out_trade_no}: {sent.amount_fen} fen sent, {wanted} asked")
        if shown and sent.amount_fen not in shown:
            self.blame(f"{sent.out_trade_no}: {sent.amount_fen} fen sent, the glass had {shown}")


class OnlyArmedCodes(Checker):
    """M11: a code whose first key came while nothing was armed is never used."""

    invariant = "M11"

    def on_arrival(self, sent: Sent, row: Attempt | None) -> None:
        if sent.call == "pay" and not self.view.scans.glass.get(sent.code):
            self.blame(f"{sent.out_trade_no} uses a code that was shown for no amount")


class OneAttemptPerCode(Checker):
    """M12: one code is one attempt, and one attempt is one pay."""

    invariant = "M12"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._numbers: dict[str, set[str]] = defaultdict(set)

    def on_new_card(self) -> None:
        self._numbers.clear()  # which codes were used stood on the lost one

    def on_card_lied(self) -> None:
        self._numbers.clear()  # codes are no events: the centre cannot give them back

    def on_sent(self, sent: Sent) -> None:
        number, view = sent.out_trade_no, self.view
        again = sent.call == "pay" and "pay" in view.calls.get(number, ())
        if again and number not in view.lost:
            self.blame(f"the pay of {number} is sent a second time")

    def on_arrival(self, sent: Sent, row: Attempt | None) -> None:
        if sent.call == "pay" and sent.at_s >= self.view.card_s:
            numbers = self._numbers[sent.code]
            numbers.add(sent.out_trade_no)
            if len(numbers) > 1:
                self.blame(f"one code pays {' and '.join(sorted(numbers))}")


class OneRefundPerId(Checker):
    """M24: what one id asks back is one refund at the provider, over all cards."""

    invariant = "M24"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._numbers: dict[str, set[str]] = defaultdict(set)

    def on_arrival(self, sent: Sent, row: Attempt | None) -> None:
        if sent.call != "refund" or sent.at_s < self.view.card_s:
            return  # a lost card had its row
        sql = "SELECT his_id FROM refunds WHERE out_refund_no = ?"
        for (his_id,) in self.view.disk.rows(sql, sent.out_refund_no):
            self._numbers[his_id].add(sent.out_refund_no)
            if len(self._numbers[his_id]) > 1:
                self.blame(f"{his_id} is asked back as {' and '.join(self._numbers[his_id])}")


class OneAtATime(Checker):
    """M13: at most one charge under way at the desk."""

    invariant = "M13"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._shown_s: float | None = None
        """Since when the glass has shown that a charge is at the desk."""

    def on_boot(self) -> None:
        self._shown_s = None

    def on_show(self, screen: Screen) -> None:
        if not isinstance(screen, (AmountDue, Paying, Password)):
            self._shown_s = None
        elif self._shown_s is None:
            self._shown_s = self.view.now_s()

    def on_sent(self, sent: Sent) -> None:
        if sent.call != "pay":
            return
        for row in self.view.open_attempts():
            number = row.out_trade_no
            ours = number in self.view.of_this_life and number != sent.out_trade_no
            if ours and row.state in UNDER_WAY:
                self.blame(f"{sent.out_trade_no} is sent while {number} is {row.state}")
        self.view.of_this_life.add(sent.out_trade_no)

    def on_said(self, connection: str, message: Fields) -> None:
        """While a charge is at the desk only what is about it is sent unasked (his-link §3.6)."""
        view = self.view
        unasked = "re" not in message and message.get("type") in {"result", "refund_result"}
        taken = self._shown_s is not None and view.now_s() > self._shown_s + SETTLED_S
        if unasked and view.busy_with and taken and message["id"] != view.busy_with:
            self.blame(f"{message['id']} is sent unasked while {view.busy_with} is collected")
