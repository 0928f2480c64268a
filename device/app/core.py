"""What decides, plugged together: desk, recovery, a young journal's questions, centre's actions.

A card and every simulated world have this same core; they differ in what it is plugged into.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from device.clock import Clock
from device.desk import DeskLoop, Ports
from device.domain.charge import ChargeKey
from device.domain.desk.events import Acknowledged, Asked, Connection, Elsewhere
from device.domain.desk.model import Settings
from device.domain.payment import Attempt, AttemptEvent, Facts
from device.domain.ports import Channel, HisLink, Lamp, Panel
from device.domain.pursuit import Times
from device.domain.record import Order, Ticket
from device.domain.refund import Refund, RefundEvent
from device.domain.replies import Part, Reply, Result
from device.domain.requests import Request
from device.domain.words import Wallet
from device.from_center import FromCenter, Ways
from device.journal import SqliteJournal
from device.probing import Prober
from device.recovery import Recovery, Reports


@dataclass(frozen=True, slots=True)
class Outside:
    """What the core is plugged into."""

    journal: SqliteJournal
    link: HisLink
    panel: Panel
    lamp: Lamp
    ready_wallets: Callable[[frozenset[Wallet]], Awaitable[frozenset[Wallet]]]
    parts: Callable[[], Sequence[Part]]


class Core:
    """`plug` it before anything happens."""

    def __init__(
        self,
        channels: dict[Wallet, Channel],
        times: Mapping[Wallet, Times],
        clock: Clock,
        refused: Callable[[Wallet], Awaitable[bool]] | None = None,
    ) -> None:
        self._channels = channels
        self._clock = clock
        reports = Reports(self._attempt, self._refund, self._elsewhere, self._order, self._ticket)
        self.recovery = Recovery(channels, times, clock, reports)
        self._prober = Prober(channels, refused)
        self.desk: DeskLoop
        self.from_center: FromCenter
        self._journal: SqliteJournal

    def plug(self, settings: Settings, outside: Outside) -> None:
        """Make the desk of this journal."""
        recovery, self._journal = self.recovery, outside.journal
        self.desk = DeskLoop(
            settings,
            Ports(
                journal=outside.journal,
                link=outside.link,
                panel=outside.panel,
                lamp=outside.lamp,
                clock=self._clock,
                channels=self._channels,
                ready_wallets=outside.ready_wallets,
                sent=recovery.sent,
                pursue=recovery.pursue,
                pursue_refund=recovery.pursue_refund,
                look_up=recovery.look_up,
                parts=outside.parts,
                probe=self._prober.probe,
            ),
        )
        desk = self.desk
        self.from_center = FromCenter(
            Ways(outside.journal, self._channels, desk.decide, desk.report, recovery.look_up)
        )

    async def aclose(self) -> None:
        """End the tasks; what they were about is for the next boot."""
        await self.from_center.aclose()
        await self.recovery.aclose()

    # ------------------------------------------------------------ the HIS link's callbacks

    def on_request(self, connection: int, re: int, request: Request) -> None:
        """The HIS asks."""
        self.desk.post(Asked(connection, re, request))

    def on_connection(self, connection: int, opened: bool) -> None:  # noqa: FBT001  the port's
        """A connection opened or closed."""
        self.desk.post(Connection(connection, opened))

    def on_acknowledged(self, _connection: int, reply: Reply) -> None:
        """The HIS's link has an answer."""
        if isinstance(reply, Result):
            self.desk.post(Acknowledged(reply))

    # ------------------------------------------------------------ recovery's way to the desk

    async def _attempt(
        self, key: ChargeKey, out_trade_no: str, event: AttemptEvent, facts: Facts
    ) -> Attempt:
        return await self.desk.report(key, out_trade_no, event, facts)

    async def _refund(
        self, refund: Refund, event: RefundEvent, facts: Facts, number: str
    ) -> Refund:
        return await self.desk.report_refund(refund, event, facts, number)

    async def _elsewhere(self, order: Order, refunded_fen: int) -> None:
        self.desk.post(Elsewhere(order, refunded_fen))

    async def _order(self, out_trade_no: str) -> Order | None:
        return await self._journal.order(out_trade_no)

    async def _ticket(self, business_date: str, his_id: str) -> Ticket | None:
        return await self._journal.ticket(business_date, his_id)
