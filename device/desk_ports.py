"""What the desk's shell is plugged into."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from device.clock import Clock
from device.domain.charge import ChargeKey
from device.domain.payment import Attempt
from device.domain.ports import Channel, HisLink, Journal, Lamp, Panel
from device.domain.record import Order
from device.domain.refund import Refund
from device.domain.replies import ErrorReply, Part
from device.domain.words import Wallet
from device.probing import Probe as Probing


@dataclass(frozen=True, slots=True)
class Ports:
    """What the desk is plugged into."""

    journal: Journal
    link: HisLink
    panel: Panel
    lamp: Lamp
    clock: Clock
    channels: dict[Wallet, Channel]
    ready_wallets: Callable[[frozenset[Wallet]], Awaitable[frozenset[Wallet]]]
    """Warms and waits for a first verification; returns the wallets that can take money."""
    sent: Callable[[str], None]
    """The pay call of this order number begins now, and when told again: it has just ended."""
    pursue: Callable[[ChargeKey, Attempt], None]
    pursue_refund: Callable[[Refund], None]
    look_up: Callable[[str], Awaitable[Order | ErrorReply]]
    """Asks every wallet for an order number of another desk."""
    parts: Callable[[], Sequence[Part]]
    probe: Probing | None = None
    """Asks every wallet about an id that a young journal lacks; None where no card is replaced."""
