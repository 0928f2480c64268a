# ruff: noqa: D102  `Checker` says what each hook is told; a judge takes what it needs
"""A card that is replaced, and a disk that fails (M20, M21)."""

from device.domain.screens import Screen, StorageFailed
from simulators.world.checkers.checker import Checker
from simulators.world.view import View
from simulators.world.wire import Sent


class CardReplaced(Checker):
    """M20: what a lost card had collected is known again once the HIS has asked about it."""

    invariant = "M20"

    def at_end(self) -> None:
        for number, trade in self.view.trades():
            forgotten = number in self.view.lost and self.view.attempt(number) is None
            if forgotten and self.view.held_fen(trade):
                self.blame(f"{number} was paid on a lost card and is known to nobody")


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

    def on_sent(self, sent: Sent) -> None:
        if self._failing and sent.call in {"pay", "refund"}:
            self.blame(f"a {sent.call} leaves while the disk fails")
