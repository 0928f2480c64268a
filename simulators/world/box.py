"""The real box for one life: the core of `app/core.py`, with link, channels and journal.

Only what touches the world is replaced: clock, disk connection, HTTP transport, streams, panel,
lamp, and the pace of the idle probes.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import httpx

from device.app.board import check_board
from device.app.box import CLOSE_LOOK_S, LAST_PAYMENT_S
from device.app.core import Core, Outside
from device.channels.alipay.application import Application
from device.channels.alipay.client import AlipayChannel
from device.channels.http import HttpClient, Route
from device.channels.wechat.client import WechatChannel
from device.channels.wechat.merchant import Merchant
from device.config.sections import Box as BoardSection
from device.domain.desk.events import (
    ButtonPressed,
    Closing,
    Garbled,
    HealthChanged,
    Scanned,
)
from device.domain.desk.model import Health, Settings
from device.domain.ports import Channel, Panel
from device.domain.pursuit import Times
from device.domain.screens import Signal
from device.domain.words import Department, Wallet
from device.drivers.scan_assembler import KEYBOARD, Result, Scan, ScanAssembler
from device.drivers.scan_assembler import Garbled as GarbledScan
from device.errors import StorageError
from device.health import LOOK_EVERY_S, PROBE_EVERY_S, ChannelWatch
from device.his_link.connection import LoopTimers
from device.his_link.link import HisLink
from device.his_link.messages import Codec
from device.journal import Inline, SqliteJournal
from device.sync.client import CenterClient
from device.sync.exchange import Sender, pause_s
from device.sync.uploader import KEY_ID, Abilities, Uploader
from simulators.world.chance import Stream
from simulators.world.disk import Disk
from simulators.world.keys import BOX_KEY, CENTER_KEY, keys
from simulators.world.loop import Life, VirtualLoop
from simulators.world.names import BOX_ID, DESK, DESK_CODE, HOSPITAL
from simulators.world.network import Network
from simulators.world.time import BoxClock, Machine

if TYPE_CHECKING:
    from device.desk import DeskLoop

T = TypeVar("T")

MAX_AMOUNT_FEN = 5_000_000
OVERRUN = "\0"  # no key: the kernel's buffer ran over here
IDLE_PACE = 60.0  # of uploads while the world only waits: or 26 hours of them were all a run does
IDLE_PROBES = 600.0  # and of probes
PROBE_PACE = 4.0  # idle probes between patients were a third of all requests: a quarter of them do
TIMES = {
    Wallet.WECHAT: Times(3.0, 5.0, 3.0, 45.0, 15.0),
    Wallet.ALIPAY: Times(3.0, 1.0, 3.0, 60.0, 0.0),
}
"""payment-states §3."""


@dataclass(frozen=True, slots=True)
class World:
    """What a box is plugged into."""

    loop: VirtualLoop
    disk: Disk
    network: Network
    machine: Machine
    chance: Stream
    panel: Panel
    board: BoardSection
    """Where the card says which board it belongs to."""
    daily_ids: bool
    """Whether this hospital's ids restart every day."""
    is_quiet: Callable[[], bool]
    """Whether the world only waits for time to pass."""
    on_ready: Callable[[], None]
    center: httpx.AsyncBaseTransport | None = None
    """The way to the statistics centre, where there is one."""


class SimBox:
    """One box under power; `open`, `start`, then talk to it through `call`."""

    def __init__(self, world: World, life: Life) -> None:
        self.world = world
        self.life = life
        self.clock = BoxClock(world.loop, world.machine, world.loop.time())
        self.channels = _channels(world, self.clock)
        self.core = Core(self.channels, TIMES, self.clock)
        self.link = HisLink(
            Codec(
                desk=DESK,
                max_amount_fen=MAX_AMOUNT_FEN,
                default_department=_DEPARTMENT,
                daily_ids=world.daily_ids,
            ),
            self.core.on_request,
            self.core.on_connection,
            self.clock,
            on_acknowledged=self.core.on_acknowledged,
            call_later=LoopTimers().call_later,
        )
        self.health = _Health(self)
        self._scanner = ScanAssembler(KEYBOARD)
        self.journal: SqliteJournal
        self.ready = False

    @property
    def desk(self) -> "DeskLoop":
        """The real one, once the journal is open."""
        return self.core.desk

    async def run(self) -> None:
        """Boot and serve until the power goes."""
        world = self.world
        self.journal = await SqliteJournal.open(
            world.disk.path,
            self.clock,
            Inline(),
            randomness=world.chance.bytes,
            box=BOX_ID,
            connect=world.disk.connect,
        )
        await check_board(world.board, self.journal)
        self.core.plug(_settings(world), self._outside())
        await self.desk.boot()
        self.ready = True
        world.on_ready()
        await asyncio.gather(self.desk.run(), self.health.run(), self._sync())

    async def _sync(self) -> None:
        """The real uploader, at the world's pace."""
        if self.world.center is None:
            return
        uploader = self._uploader(self.world.center)
        while True:
            await uploader.exchange()
            busy = self.desk.state.seat is not None
            wait_s = pause_s(uploader.course, self.world.chance.between(0.0, 1.0), busy=busy)
            await asyncio.sleep(wait_s * (IDLE_PACE if self.world.is_quiet() else 1.0))

    def _uploader(self, lines: httpx.AsyncBaseTransport) -> Uploader:
        return Uploader(
            sender=Sender(BOX_ID, "1.0.0"),
            desk=DESK,
            key=CENTER_KEY,
            outbox=self.journal,
            post=CenterClient("https://centre", BOX_ID, KEY_ID, transport=lines),
            abilities=Abilities(
                health=tuple,
                busy=lambda: self.desk.state.seat is not None,
                recall=self.core.from_center.recall,
                carry=self.core.from_center.carry,
            ),
            clock=self.clock,
            randomness=self.world.chance.bytes,
            apart=_at_once,
        )

    async def stop(self) -> None:
        """SIGTERM, as `app/box.py` takes it."""
        self.desk.post(Closing())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_PAYMENT_S):
                while not self.desk.idle():  # noqa: ASYNC110  as there
                    await asyncio.sleep(CLOSE_LOOK_S)
        await self.core.aclose()
        self.link.close()
        with contextlib.suppress(StorageError):
            await self.journal.aclose()

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Let something happen to the box, in its own life."""
        self.world.loop.call_soon(function, *args, context=self.life.context.copy())

    # ------------------------------------------------------------ what comes in

    def type(self, keys: str, first_key_s: float) -> None:
        """Keys of the scanner from then until now, evenly; `OVERRUN` stands for lost ones."""
        self.call(self._type, keys, first_key_s)

    def _type(self, keys: str, first_key_s: float) -> None:
        pace_s = (self.clock.monotonic() - first_key_s) / max(1, len(keys) - 1)
        for nth, key in enumerate(keys):
            at_s = first_key_s + nth * pace_s
            self._read(self._scanner.expire(at_s))
            lost = key == OVERRUN
            self._read(self._scanner.overrun(at_s) if lost else self._scanner.char(key, at_s))
        if self._scanner.deadline_s is not None:
            wait_s = self._scanner.deadline_s - self.clock.monotonic()
            self.world.loop.call_later(max(0.0, wait_s), self._silence)

    def _silence(self) -> None:
        self._read(self._scanner.expire(self.clock.monotonic()))

    def _read(self, result: Result) -> None:
        if isinstance(result, Scan):
            self._post(Scanned(result.text, result.first_s))
        elif isinstance(result, GarbledScan):
            self._post(Garbled(result.why))

    def press(self) -> None:
        """The cashier's button."""
        self.call(self._post, ButtonPressed())

    def _post(self, event: Scanned | Garbled | ButtonPressed) -> None:
        if self.ready:
            self.desk.post(event)

    def _outside(self) -> Outside:
        return Outside(
            journal=self.journal,
            link=self.link,
            panel=self.world.panel,
            lamp=_NoLamp(),
            ready_wallets=self.health.ready_wallets,
            parts=tuple,
        )


_DEPARTMENT = Department.OUTPATIENT


async def _at_once(work: Callable[[], T]) -> T:
    """There is one thread in a world."""
    return work()


class _NoLamp:
    """The glass says the same."""

    def signal(self, signal: Signal) -> None:
        """Nothing."""


class _Watch(ChannelWatch):
    """The real watch at the world's pace."""

    def __init__(self, box: SimBox, channel: Channel, changed: Callable[[], None]) -> None:
        super().__init__(channel, changed, lambda: box.desk.state.seat is not None)
        self._box = box

    async def run(self) -> None:
        while True:
            pause_s = await self._look()
            idle = PROBE_PACE if pause_s >= PROBE_EVERY_S else 1.0
            await asyncio.sleep(pause_s * (IDLE_PROBES if self._box.world.is_quiet() else idle))


class _Health:
    """`device.health.HealthWatch` without the machine's own files and sockets."""

    def __init__(self, box: SimBox) -> None:
        self._box = box
        self._told: Health | None = None
        self.changed = asyncio.Event()
        """Something of the machine is not as it was."""
        self.watches: Mapping[Wallet, _Watch] = {
            w: _Watch(box, c, self.look) for w, c in box.channels.items()
        }

    async def run(self) -> None:
        """See every change within two seconds; the channels look for themselves."""
        async with asyncio.TaskGroup() as group:
            for watch in self.watches.values():
                group.create_task(watch.run())
            while True:
                self.look()
                await self.changed.wait()
                self.changed.clear()
                await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Tell the desk if anything changed."""
        seen = self._health()
        if seen != self._told:
            self._told = seen
            self._box.desk.post(HealthChanged(seen))

    def _health(self) -> Health:
        watches = self.watches.items()
        return Health(
            clock_sane=self._box.clock.sane(),
            vpn_up=self._box.world.machine.vpn_up,
            configured=frozenset(self.watches),
            verified=frozenset(w for w, watch in watches if watch.verified),
            reachable=frozenset(w for w, watch in watches if watch.reachable),
        )

    async def ready_wallets(self, wallets: frozenset[Wallet]) -> frozenset[Wallet]:
        """Which of these can take money now."""
        asked = [w for w in self.watches if w in wallets]
        ready = await asyncio.gather(*(self.watches[w].ready() for w in asked))
        return frozenset(w for w, is_ready in zip(asked, ready, strict=True) if is_ready)


def _settings(world: World) -> Settings:
    return Settings(
        box_id=BOX_ID,
        desk=DESK,
        desk_code=DESK_CODE,
        hospital=HOSPITAL,
        key=BOX_KEY,
        daily_ids=world.daily_ids,
        waits_s={wallet: times.wait for wallet, times in TIMES.items()},
    )


def _channels(world: World, clock: BoxClock) -> dict[Wallet, Channel]:
    held = keys()
    merchant = held.merchant
    network = world.network

    def client() -> HttpClient:
        return HttpClient(Route(transport=network.lines()))

    def nonce() -> str:
        return world.chance.bytes(16).hex()

    wechat = WechatChannel(
        Merchant(merchant.appid, merchant.mch_id, merchant.wechat_key, BOX_ID, DESK_CODE),
        client(),
        client(),
        base_url="https://api.mch.weixin.qq.com",
        clock=clock,
        nonce=nonce,
    )
    alipay = AlipayChannel(
        Application(
            merchant.app_id, held.app_key, merchant.platform_key.public_key(), BOX_ID, DESK_CODE
        ),
        client(),
        gateway_url="https://openapi.alipay.com/gateway.do",
        clock=clock,
        nonce=nonce,
    )
    return {Wallet.WECHAT: wechat, Wallet.ALIPAY: alipay}
