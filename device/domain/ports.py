"""What the deciding part asks of the outside world. `app.py` plugs the real ones in.

Every port may be slow or broken; none may block the loop.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from device.domain.outcome import (
    PayOrder,
    PayOutcome,
    QueryOutcome,
    RefundOrder,
    RefundOutcome,
    RefundSum,
    ReverseOutcome,
    Unknown,
    Verification,
)
from device.domain.record import Change, Order, Stored, Ticket
from device.domain.replies import Reply, SummaryRow
from device.domain.requests import Request
from device.domain.screens import Screen, Signal
from device.domain.words import Wallet


class Channel(Protocol):
    """One wallet's provider. No method raises for anything a network or provider can do."""

    wallet: Wallet

    async def pay(self, order: PayOrder) -> PayOutcome:
        """Ask for money, once; never repeated inside."""
        ...

    async def query(self, out_trade_no: str, amount_fen: int | None = None) -> QueryOutcome:
        """Ask what became of a number. With `amount_fen` another amount is a Contradiction."""
        ...

    async def reverse(self, out_trade_no: str) -> ReverseOutcome:
        """WeChat reverse, Alipay cancel."""
        ...

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Ask to give money back; the same number may be sent again."""
        ...

    async def query_refund(self, order: RefundOrder) -> RefundOutcome:
        """Ask what became of a refund."""
        ...

    async def refunded_sum(self, out_trade_no: str) -> RefundSum | Unknown:
        """What was given back of an order over every desk; Unknown where it cannot be told."""
        ...

    async def verify(self) -> Verification:
        """Query a number that cannot exist; a signed answer proves the configuration."""
        ...

    async def warm(self) -> bool:
        """Open or keep a connection; True if a host answered. Cheap when one is warm."""
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...


class Journal(Protocol):
    """The box's memory. Work is done in one writer thread; the loop only awaits.

    Every method raises `errors.StorageError` if the disk fails.
    """

    @property
    def epoch(self) -> str:
        """Names this journal file; another after a re-flash."""
        ...

    @property
    def young(self) -> bool:
        """Younger than 24 h, or not known to be older: unknown ids are asked for (§1.9)."""
        ...

    async def commit(self, change: Change) -> None:
        """Return when the whole change, and everything deferred before it, is synced to disk."""
        ...

    def defer(self, change: Change) -> None:
        """Write this with the next commit, or after two idle seconds; losing it costs no money."""
        ...

    async def flush(self) -> None:
        """Write what is deferred, and a mark, to the disk; StorageError while it takes nothing."""
        ...

    async def ticket(self, business_date: str, his_id: str) -> Ticket | None:
        """Everything under one HIS id, deferred writes included."""
        ...

    async def any_day(self, his_id: str) -> Ticket | None:
        """What has this HIS id on any day: a refund's id may be no charge's (his-link §3.10)."""
        ...

    async def order(self, out_trade_no: str) -> Order | None:
        """One order number with its refunds."""
        ...

    async def unsettled(self) -> Sequence[Ticket]:
        """Tickets with an open charge, an attempt or refund not ended, or a watch still due."""
        ...

    async def undelivered(self) -> Sequence[Stored]:
        """Newest answers that are to be offered and were not delivered, oldest first."""
        ...

    async def last(self) -> Stored | None:
        """The newest final or pushed result."""
        ...

    async def summary(self, date: str, operator: str) -> Sequence[SummaryRow]:
        """What was taken and given back on a Beijing date; `operator` empty = by everybody."""
        ...

    async def code_used(self, code_hash: str) -> bool:
        """Whether an attempt had this code, however long ago (M12)."""
        ...


class HisLink(Protocol):
    """The way back to the HIS. Nothing here blocks or raises; delivery is told by events."""

    def send(self, connection: int, reply: Reply, re: int | None = None) -> None:
        """Queue a message on a connection; dropped if that is gone. `re` = SEQ of its request."""
        ...

    def connections(self) -> Sequence[int]:
        """The open connections, oldest first."""
        ...

    def silent(self, connection: int) -> bool:
        """Whether it left ENQ unanswered for ten seconds, so that another may take the desk."""
        ...


class Panel(Protocol):
    """The display. A fault is kept inside."""

    def show(self, screen: Screen, drawn: Callable[[float], None] | None = None) -> None:
        """Draw soon, in the panel's own thread.

        `drawn(monotonic_s)` is called on the loop when it is on the glass; it is called at once
        with the present time + 0.3 s if there is no working panel (payment-states §2, the glass).
        """
        ...


class Lamp(Protocol):
    """Light and sound."""

    def signal(self, signal: Signal) -> None:
        """Say this until told otherwise."""
        ...


class ByteStream(Protocol):
    """An open serial port or TCP connection, as the link session sees it."""

    def write(self, data: bytes) -> None:
        """Queue bytes; never blocks."""
        ...

    def close(self) -> None:
        """Close; `on_closed` follows."""
        ...


OnScan = Callable[[str, float], None]
"""A whole code without prefix and suffix, and the monotonic time of its *first* key."""
OnGarbled = Callable[[str], None]
"""A scan that was thrown away (`drivers.scan_assembler.Garbled` names the reasons): scan again."""
OnRequest = Callable[[int, int, Request], None]
"""connection, SEQ of the request, the request."""
OnConnection = Callable[[int, bool], None]
"""connection, True = opened, False = closed."""
