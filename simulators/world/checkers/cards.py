# ruff: noqa: D102, ARG002  `Checker` says what each hook is told; a judge takes what it needs
"""A card that is replaced, a disk that fails, a box that is told to stop (M20, M21, SIGTERM)."""

from device.domain.screens import Screen, StorageFailed
from simulators.world.bill import landed_unheard, only_in_bill
from simulators.world.checkers.checker import UNDER_WAY, Checker, Fields
from simulators.world.view import View
from simulators.world.wire import Sent

LAST_PAYMENT_S = 90.0  # payment-states §2: so long the running payment is waited for
ON_ITS_WAY_S = 5.0  # a code that was read just before: its connection may still be opened
EPSILON_S = 0.2


class CardReplaced(Checker):
    """M20: what a lost card had collected is known again once the HIS has asked about it.

    What landed later still is known to no box; then finance must see it in the bill.
    """

    invariant = "M20"

    def at_end(self) -> None:
        unheard, items = landed_unheard(self.view), only_in_bill(self.view)
        for number, trade in self.view.trades():
            forgotten = number in self.view.lost and self.view.attempt(number) is None
            if not forgotten or not self.view.held_fen(trade):
                continue
            if number not in unheard:
                self.blame(f"{number} was paid on a lost card and is known to nobody")
            elif items.get(number) != unheard[number]:
                self.blame(
                    f"{number} landed after its card was lost, and the bill does not show it"
                )


class NothingNewOnAFailingDisk(Checker):
    """M21: once the box has seen its disk fail nothing new is armed, and the display says so.

    The box knows when it shows `StorageFailed`; from then on, until a commit is synced again, it
    shows nothing else and no pay leaves.
    """

    invariant = "M21"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._since: int | None = None
        """How many commits had been synced when the box said that its disk fails."""

    @property
    def _failing(self) -> bool:
        return self._since is not None and self._since == self.view.disk.commits

    def on_show(self, screen: Screen) -> None:
        failed = isinstance(screen, StorageFailed)
        if self._failing and not failed:
            self.blame(f"{type(screen).__name__} is shown while the disk fails")
        self._since = self.view.disk.commits if failed else None

    def on_boot(self) -> None:
        self._since = None

    def on_said(self, connection: str, message: Fields) -> None:
        told = "storage_failed" in {message.get("reason"), message.get("code")}
        if told and self.view.disk.failing and not self._failing:
            self.blame("the HIS hears of a failing disk, and the display does not say so")

    def on_sent(self, sent: Sent) -> None:
        if self._failing and sent.call in {"pay", "refund"}:
            self.blame(f"a {sent.call} leaves while the disk fails")


class ClosesInOrder(Checker):
    """payment-states §2: after SIGTERM nothing new is armed, and the running payment is awaited."""

    invariant = "SIGTERM"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._since_s: float | None = None
        self._known: set[str] = set()

    def on_boot(self) -> None:
        self._since_s = None

    def on_closing(self) -> None:
        self._since_s = self.view.now_s()
        self._known = {row.out_trade_no for row in self.view.attempts()}

    def on_sent(self, sent: Sent) -> None:
        new = sent.call == "pay" and sent.out_trade_no not in self._known
        if new and self._since_s is not None and sent.at_s > self._since_s + ON_ITS_WAY_S:
            self.blame(f"{sent.out_trade_no} is paid though the box was told to stop")

    def on_closed(self) -> None:
        assert self._since_s is not None
        if self.view.now_s() > self._since_s + LAST_PAYMENT_S - EPSILON_S:
            return
        for row in self.view.open_attempts():
            if row.out_trade_no in self.view.of_this_life and row.state in UNDER_WAY:
                self.blame(f"{row.out_trade_no} is left {row.state}, and nobody waited")
