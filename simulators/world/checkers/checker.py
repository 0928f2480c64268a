"""What a judge is, and the words that several of them use."""

from collections.abc import Mapping
from typing import Any, ClassVar

from device.domain.screens import Screen
from simulators.world.view import Attempt, View
from simulators.world.wire import Sent

UNDER_WAY = frozenset({"intended", "waiting", "unknown"})
OPEN = UNDER_WAY | {"reversing", "refund_due", "refunding"}
GOING = frozenset({"reversing", "reversed", "refund_due", "refunding", "refunded", "manual"})
Fields = Mapping[str, Any]


class Checker:
    """Sees everything; says what must not be."""

    invariant: ClassVar[str]

    def __init__(self, view: View) -> None:
        self.view = view

    def blame(self, text: str) -> None:
        """Note a violation of this invariant."""
        self.view.blame(self.invariant, text)

    def on_boot(self) -> None:
        """A box was switched on."""

    def on_new_card(self) -> None:
        """The card was replaced by an empty one."""

    def on_card_lied(self) -> None:
        """What the card said it had written of the last payments was never on it."""

    def on_closing(self) -> None:
        """The box was told to stop (SIGTERM)."""

    def on_closed(self) -> None:
        """It has stopped."""

    def on_sent(self, sent: Sent) -> None:
        """Bytes left the box."""

    def on_arrival(self, sent: Sent, row: Attempt | None) -> None:
        """A request reached a provider; `row`: the journal's committed attempt at that instant."""

    def on_paid(self, number: str) -> None:
        """A provider holds this order as paid from now on."""

    def on_said(self, connection: str, message: Fields) -> None:
        """The HIS got a message."""

    def on_show(self, screen: Screen) -> None:
        """The display is told to show this."""

    def on_rest(self) -> None:
        """The HIS has been connected to an idle desk for a while, and has asked nothing."""

    def at_end(self) -> None:
        """All faults are lifted and everything has had its time."""
