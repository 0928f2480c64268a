"""One desk for the matrix: the real desk, journal, channels and link, a HIS, the way between."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from device.desk import Ports
from device.domain.desk.events import Asked, Connection, HealthChanged
from device.domain.desk.model import Health
from device.domain.requests import Request
from device.domain.screens import AmountDue, DeclinedScreen, Screen
from device.domain.words import Form
from device.drivers.serial_port import SerialPort
from device.drivers.streams import open_stream
from device.drivers.tcp import TcpServer
from device.drivers.tls import server_context
from device.his_link.body import Writing
from device.his_link.handshake import BoxEnd
from device.his_link.link import HisLink, Receiver
from device.his_link.messages import Codec
from device.his_link.seal import DeskKey
from device.journal import Inline, SqliteJournal
from simulators.crash.record import empty_journal
from simulators.crash.small_box import BOTH, SETTINGS, Place, SmallBox
from simulators.crash.virtual_time import WorldClock
from simulators.crash.wire import Network
from simulators.crash.world import providers
from simulators.gateway.identities import Identities, identities
from simulators.gateway.provider import Provider
from simulators.gateway.scripts import read_binding
from simulators.his import HisSimulator
from simulators.matrix.faults import Fault
from simulators.matrix.relay import PtyRelay, Relay, TcpRelay
from simulators.pki import make_pki

KEY = bytes(range(32))
LOOK_S = 0.1  # between two looks at the glass
HANDS_S = 0.5  # a patient takes a moment


@dataclass(frozen=True, slots=True)
class Cell:
    """One way of talking: transport, sealed or plain, form."""

    way: str
    """tcp | tls | pty"""
    sealed: bool
    form: Form

    def __str__(self) -> str:
        """Return its short name."""
        return f"{self.way} {'sealed' if self.sealed else 'plain'} {self.form.value}"


CELLS = tuple(
    Cell(way, sealed, form)
    for way, sealed in (
        ("tcp", False),
        ("tcp", True),
        ("tls", False),
        ("pty", False),
        ("pty", True),
    )
    for form in (Form.JSON, Form.XML)
)


@dataclass(frozen=True, slots=True)
class Supplies:
    """What every run needs and only the first must make: keys, certificates, a new card."""

    keys: Identities
    ca: Path
    tls: ssl.SSLContext
    journal: bytes
    """Of a box that was switched on once."""

    @classmethod
    def made(cls, folder: Path) -> "Supplies":
        """Make them in this folder."""
        keys, pki = identities(folder / "keys"), make_pki(folder / "pki")
        card = empty_journal(keys, folder / "card")
        (journal,) = card.values()
        return cls(keys, pki.ca, server_context(pki.box_cert, pki.box_key), journal)


class LinkedBox(SmallBox):
    """A box whose HIS is at the end of a real link."""

    def __init__(
        self, place: Place, journal: SqliteJournal, clock: WorldClock, end: BoxEnd | None
    ) -> None:
        codec = Codec(SETTINGS.desk, 5_000_000)
        self.link = HisLink(codec, self._on_request, self._on_connection, clock, end=end)
        super().__init__(place, journal, clock)

    def _ports(self) -> Ports:
        return replace(super()._ports(), link=self.link)

    async def start(self) -> None:
        """Boot; the HIS comes when it comes."""
        await self.desk.boot()
        self._task = asyncio.create_task(self.desk.run())
        self.desk.post(HealthChanged(Health(configured=BOTH, verified=BOTH, reachable=BOTH)))

    def _on_request(self, connection: int, seq: int, request: Request) -> None:
        self.desk.post(Asked(connection, seq, request))

    def _on_connection(self, connection: int, opened: bool) -> None:  # noqa: FBT001  the port's
        self.desk.post(Connection(connection, opened))


class Stand:
    """The people around the box."""

    def __init__(self, box: LinkedBox, his: HisSimulator, provider: Provider, relay: Relay) -> None:
        self.box = box
        self.his = his
        self.provider = provider
        self.relay = relay
        self._codes = 0

    async def glass(self, kind: type[Screen]) -> None:
        """Wait until the patient sees such a screen."""
        while not isinstance(self.box.glass.shown[-1], kind):  # noqa: ASYNC110  as a patient does
            await asyncio.sleep(LOOK_S)

    async def shows_code(self, wallet: str, *luck: object, again: bool = False) -> None:
        """The patient shows a code when the amount is there, with what it meets at the provider."""
        await self.glass(DeclinedScreen if again else AmountDue)
        await asyncio.sleep(HANDS_S)
        self._codes += 1
        code = {"wechat": "13", "alipay": "28"}[wallet] + f"{self._codes:016d}"
        if luck:
            self.provider.scripts.bind(read_binding({"match": {"code": code}, "do": list(luck)}))
        self.box.scan(code)

    def held_fen(self) -> int:
        """What the providers hold paid and not given back."""
        now = self.provider.clock.now()
        trades = self.provider.book.trades.values()
        paid = [t for t in trades if t.state.value == "paid"]
        return sum(t.order.amount_fen - t.refunded_fen(now) for t in paid)


@asynccontextmanager
async def standing(
    cell: Cell, fault: Fault, seed: int, folder: Path, supplies: Supplies
) -> AsyncIterator[Stand]:
    """Set everything up on the running loop, and take it away again."""
    loop = asyncio.get_running_loop()
    keys = supplies.keys
    provider = providers(keys, loop)
    journal_file = folder / "journal.sqlite3"
    journal_file.write_bytes(supplies.journal)
    place = Place(journal_file, keys, Network(provider, _unheard), _unheard)
    clock = WorldClock(loop)
    journal = await SqliteJournal.open(place.path, clock, Inline(), box=SETTINGS.box_id)
    end = BoxEnd(DeskKey.of(KEY)) if cell.sealed else None
    box = LinkedBox(place, journal, clock, end)
    await box.start()
    async with _way(cell, box.link, fault, seed, folder, supplies) as relay:
        his = HisSimulator(
            relay.address,
            open_stream,
            writing=Writing(form=cell.form),
            key=KEY if cell.sealed else None,
        )
        serving = asyncio.create_task(his.run())
        try:
            yield Stand(box, his, provider, relay)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            box.link.close()
    await box.stop()


def _way(  # noqa: PLR0913  what each way takes
    cell: Cell, link: HisLink, fault: Fault, seed: int, folder: Path, supplies: Supplies
) -> AbstractAsyncContextManager[Relay]:
    if cell.way == "pty":
        return _by_pty(link, fault, seed, folder)
    return _by_tcp(link, fault, seed, supplies if cell.way == "tls" else None)


@asynccontextmanager
async def _by_tcp(
    link: HisLink, fault: Fault, seed: int, supplies: Supplies | None
) -> AsyncIterator[Relay]:
    """Without supplies the line is not inside TLS."""
    attach = partial(link.attach, baudrate=fault.baudrate)
    server = TcpServer("127.0.0.1", 0, attach, tls=supplies.tls if supplies else None)
    await server.start()
    relay = TcpRelay(fault, seed, server.address, supplies.ca if supplies else None)
    await relay.start()
    yield relay
    await relay.aclose()
    await server.aclose()


@asynccontextmanager
async def _by_pty(link: HisLink, fault: Fault, seed: int, folder: Path) -> AsyncIterator[Relay]:
    relay = PtyRelay(fault, seed, folder)
    receivers: list[Receiver] = []

    def opened(is_open: bool) -> None:  # noqa: FBT001  SerialPort's signature
        if is_open:
            receivers.append(link.attach(port, "serial", baudrate=relay.baudrate))
        else:
            receivers.pop().closed()

    def arrived(data: bytes) -> None:
        receivers[0].data_received(data)

    port = SerialPort(str(relay.box_path), relay.baudrate, arrived, opened)
    running = asyncio.create_task(port.run())
    yield relay
    port.close()
    await running
    await relay.aclose()


def _unheard(_: object) -> None:
    """Nobody takes notes here."""
