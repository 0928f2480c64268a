"""The box's deciding parts around one journal: what `app.Box` plugs together, without devices.

Desk, recovery, journal and channels are the real ones. Display, HIS link and network are here: the
display draws at once, the HIS hears everything, the requests reach a provider in memory.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TypeVar

from device.channels.alipay import signing
from device.channels.alipay.application import Application
from device.channels.alipay.client import AlipayChannel
from device.channels.http import HttpClient, Route
from device.channels.wechat.client import WechatChannel
from device.channels.wechat.merchant import Merchant
from device.desk import DeskLoop, Ports
from device.domain.charge import ChargeKey
from device.domain.desk.events import Asked, Connection, Elsewhere, HealthChanged, Scanned
from device.domain.desk.model import Health, Settings
from device.domain.payment import Attempt, AttemptEvent, Facts
from device.domain.ports import Channel
from device.domain.pursuit import Times
from device.domain.record import Order
from device.domain.refund import Refund, RefundEvent
from device.domain.replies import Part, Reply
from device.domain.requests import Request
from device.domain.screens import PaidScreen, Screen, Signal
from device.domain.words import Wallet
from device.from_center import FromCenter, Ways
from device.journal import Inline, SqliteJournal
from device.journal.connection import Connect, connect
from device.recovery import Recovery, Reports
from device.sync.exchange import EVERY_S, Sender
from device.sync.uploader import Abilities, Uploader
from simulators.crash import tape
from simulators.crash.center import Center
from simulators.crash.virtual_time import WorldClock
from simulators.crash.wire import Network
from simulators.gateway.identities import Identities
from simulators.world.keys import CENTER_KEY

BOTH = frozenset(Wallet)
HIS = 1  # the number of the HIS's connection
WECHAT_URL = "https://api.mch.weixin.qq.com"
ALIPAY_URL = "https://openapi.alipay.com/gateway.do"
WAITS_S = {Wallet.WECHAT: 45.0, Wallet.ALIPAY: 60.0}
POLL_S = 12.0  # the default is 3: every query is a moment to cut at, and all are alike
TIMES = {
    Wallet.WECHAT: Times(3.0, 5.0, POLL_S, WAITS_S[Wallet.WECHAT], 15.0),
    Wallet.ALIPAY: Times(3.0, 1.0, POLL_S, WAITS_S[Wallet.ALIPAY], 0.0),
}
SETTINGS = Settings("BOX-0001", "MZ-03", "MZ03", "市一医院", b"k" * 32, waits_s=WAITS_S)

EXCHANGES = 12
Note = Callable[[tape.Fact], None]
T = TypeVar("T")


@cache
def _keys(keys: Identities) -> Application:
    own = signing.private_key(keys.path("app_private_key.pem").read_text(), "key")
    theirs = signing.public_key(keys.path("alipay_public_key.pem").read_text(), "key")
    return Application(keys.app_id, own, theirs, SETTINGS.box_id, SETTINGS.desk_code)


def channels(keys: Identities, network: Network, clock: WorldClock) -> dict[Wallet, Channel]:
    """The real channels over this network."""
    merchant = Merchant(
        keys.appid, keys.mch_id, keys.wechat_key, SETTINGS.box_id, SETTINGS.desk_code
    )
    client = HttpClient(Route(transport=network))

    def nonce() -> str:
        return f"{network.calls:032d}"

    wechat = WechatChannel(merchant, client, client, base_url=WECHAT_URL, clock=clock, nonce=nonce)
    alipay = AlipayChannel(_keys(keys), client, gateway_url=ALIPAY_URL, clock=clock, nonce=nonce)
    return {Wallet.WECHAT: wechat, Wallet.ALIPAY: alipay}


@dataclass(slots=True)
class Glass:
    """A panel that draws at once, and a lamp that nobody sees."""

    clock: WorldClock
    note: Note
    shown: list[Screen] = field(default_factory=list)

    def show(self, screen: Screen, drawn: Callable[[float], None] | None = None) -> None:
        """Draw; a success is noted."""
        self.shown.append(screen)
        if isinstance(screen, PaidScreen):
            self.note(tape.Shown(screen.amount_fen))
        if drawn:
            asyncio.get_running_loop().call_soon(drawn, self.clock.monotonic())

    def signal(self, signal: Signal) -> None:
        """Shine for nobody."""


@dataclass(slots=True)
class HisEnd:
    """The HIS's end of the link: everything said is noted."""

    note: Note
    replies: list[Reply] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, connection: int, reply: Reply, re: int | None = None) -> None:
        """Hear it."""
        assert connection == HIS, (connection, re)
        self.replies.append(reply)
        self.note(tape.Told(reply))
        self.changed.set()

    def connections(self) -> Sequence[int]:
        """There is one."""
        return [HIS]

    def silent(self, connection: int) -> bool:  # noqa: ARG002  the port's signature
        """It always answers."""
        return False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a box stands: its journal's path and how it is opened, its keys, its network."""

    path: Path
    keys: Identities
    network: Network
    note: Note
    connect: Connect = connect
    center: Center | None = None
    """The statistics centre, where the life has one."""


class SmallBox:
    """One boot; `open`, `start`, and `pull_the_plug` or `stop`."""

    def __init__(self, place: Place, journal: SqliteJournal, clock: WorldClock) -> None:
        self.place = place
        self.journal = journal
        self.clock = clock
        self.his = HisEnd(place.note)
        self.glass = Glass(clock, place.note)
        self._channels = channels(place.keys, place.network, clock)
        reports = Reports(
            self._attempt, self._refund, self._elsewhere, journal.order, journal.ticket
        )
        self.recovery = Recovery(self._channels, TIMES, clock, reports)
        self.desk = DeskLoop(SETTINGS, self._ports())
        self._task: asyncio.Task[None] | None = None
        self._re = 0

    @classmethod
    async def open(cls, place: Place) -> "SmallBox":
        """Open the journal as `app.Box` does; StorageError if it cannot be used."""
        clock = WorldClock(asyncio.get_running_loop())
        journal = await SqliteJournal.open(
            place.path,
            clock,
            Inline(),
            randomness=_epochs(place),
            box=SETTINGS.box_id,
            connect=place.connect,
        )
        return cls(place, journal, clock)

    def _ports(self) -> Ports:
        return Ports(
            journal=self.journal,
            link=self.his,
            panel=self.glass,
            lamp=self.glass,
            clock=self.clock,
            channels=self._channels,
            ready_wallets=_all_ready,
            sent=self.recovery.sent,
            pursue=self.recovery.pursue,
            pursue_refund=self.recovery.pursue_refund,
            look_up=self.recovery.look_up,
            parts=_no_parts,
        )

    async def sync(self) -> None:
        """Exchange with the centre until nothing is waiting; a disk or centre that fails waits."""
        assert self.place.center
        uploader = self._uploader(self.place.center)
        for _ in range(EXCHANGES):
            await uploader.exchange()
            if not (uploader.course.more or uploader.course.failures or uploader.backlog.healing):
                return
            await asyncio.sleep(EVERY_S)

    def _uploader(self, center: Center) -> Uploader:
        desk = self.desk
        ways = Ways(self.journal, self._channels, desk.decide, desk.report, self.recovery.look_up)
        brought = FromCenter(ways)
        return Uploader(
            sender=Sender(SETTINGS.box_id, "1.0.0"),
            desk=SETTINGS.desk,
            key=CENTER_KEY,
            outbox=self.journal,
            post=center,
            abilities=Abilities(tuple, lambda: False, brought.recall, brought.carry),
            clock=self.clock,
            randomness=bytes,
            apart=_at_once,
        )

    async def start(self) -> None:
        """Boot: every open end gets its task; then the HIS connects."""
        await self.desk.boot()
        self._task = asyncio.create_task(self.desk.run())
        self.desk.post(HealthChanged(Health(configured=BOTH, verified=BOTH, reachable=BOTH)))
        self.desk.post(Connection(HIS, opened=True))

    async def stop(self) -> None:
        """SIGTERM: ended in order, the journal closed."""
        await self.pull_the_plug()
        await self.journal.aclose()

    async def pull_the_plug(self) -> None:
        """Nothing of this boot does anything any more; the journal is left as it is."""
        await self.recovery.aclose()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # ------------------------------------------------------------ what people do

    def ask(self, request: Request) -> None:
        """The HIS sends a request."""
        self._re += 1
        self.place.note(tape.Asked(request))
        self.desk.post(Asked(HIS, self._re, request))

    def scan(self, code: str) -> None:
        """The patient shows a code."""
        self.desk.post(Scanned(code, self.clock.monotonic()))

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


def _epochs(place: Place) -> Callable[[int], bytes]:
    """Names of epochs: zeros, so that one tape is like the other; a second one by its time."""
    if place.center is None:
        return bytes
    loop = asyncio.get_running_loop()
    return lambda count: int(1_000 * loop.time() + 1).to_bytes(count, "big")


async def _at_once(work: Callable[[], T]) -> T:
    return work()


async def _all_ready(wallets: frozenset[Wallet]) -> frozenset[Wallet]:
    return wallets


def _no_parts() -> Sequence[Part]:
    return ()
