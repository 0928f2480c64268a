"""Part-by-part diagnosis, the watch on network, clock and channels, and systemd's watchdog.

Looking never has a side effect: a channel is asked about a number that cannot exist, the journal is
read, the interface is looked up.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from device.clock import Clock
from device.domain.desk.model import Health
from device.domain.outcome import NotVerified, Verification, Verified
from device.domain.ports import Channel
from device.domain.replies import Part
from device.domain.words import WALLET_NAMES, Wallet
from device.tunnel import Tunnel

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.25  # VPN down is said within three seconds (§1.6): two looks may be needed
PROBE_EVERY_S = 30.0  # while idle; keeps the connection warm as well
PROBE_AFTER_FAILURE_S = 3.0
VERIFY_AGAIN_S = 10.0  # after a configuration fault: a technician may be mending it
FIRST_VERIFICATION_S = 3.0  # how long a `pay` waits for it (§1.7)
LOW_DISK_BYTES = 100_000_000  # about a hospital year of one desk
INTERFACES = Path("/sys/class/net")
CARRYING = frozenset({"up", "unknown"})  # operstate; WireGuard and ppp say unknown while they work


class ChannelWatch:
    """Knows of one channel whether it is verified and whether its host answers."""

    def __init__(
        self, channel: Channel, changed: Callable[[], None], busy: Callable[[], bool]
    ) -> None:
        self.channel = channel
        self.verification: Verification | None = None
        self.reachable = True  # until a probe says otherwise
        self._changed = changed
        self._busy = busy
        self._first = asyncio.Event()
        self._soon = asyncio.Event()

    @property
    def verified(self) -> bool:
        """Whether it may take money."""
        return isinstance(self.verification, Verified)

    async def run(self) -> None:
        """Verify, then probe for as long as the task lives."""
        while True:
            wait_s = await self._look()
            self._soon.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._soon.wait()

    def look_soon(self) -> None:
        """Do not wait for the next look: something has changed."""
        self._soon.set()

    async def _look(self) -> float:
        if not self.verified:
            return await self._verify()
        if self._busy():
            return PROBE_AFTER_FAILURE_S
        self._set(await self.channel.warm())
        return PROBE_EVERY_S if self.reachable else PROBE_AFTER_FAILURE_S

    async def _verify(self) -> float:
        self.verification = await self.channel.verify()
        self._first.set()
        told = self.verification
        self._set(isinstance(told, Verified) or told.configuration)
        if isinstance(told, NotVerified):
            log.warning("%s: %s", self.channel.wallet, told.text)
            return VERIFY_AGAIN_S if told.configuration else PROBE_AFTER_FAILURE_S
        return PROBE_EVERY_S

    def _set(self, reachable: bool) -> None:  # noqa: FBT001  the one thing that is set
        self.reachable = reachable
        self._changed()

    async def refused(self) -> bool:
        """Whether the provider refuses this configuration: asked once the first answer is there."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_VERIFICATION_S):
                await self._first.wait()
        told = self.verification
        return isinstance(told, NotVerified) and told.configuration

    async def ready(self) -> bool:
        """Whether it can take money now; the connection is warm then."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_VERIFICATION_S):
                await self._first.wait()
                return self.verified and self.reachable and await self.channel.warm()
        return False

    def part(self) -> Part:
        """The line of the diagnosis."""
        name, told = self.channel.wallet.value, self.verification
        if told is None:
            return Part(name, "warn", "正在校验")
        if isinstance(told, NotVerified):
            return Part(name, "fail", told.text)
        if not self.reachable:
            return Part(name, "fail", f"{WALLET_NAMES[self.channel.wallet]}网关不通")
        return Part(name, "ok", "已校验")


@dataclass(frozen=True, slots=True)
class Sight:
    """How the rest of the box is seen; each gives a part's line."""

    vpn_interface: str
    data_dir: Path
    clock: Clock
    scanner_online: Callable[[], bool]
    parts: Sequence[Callable[[], Part]] = field(default=())
    """Scanner, display, his_link, journal, sync: whoever owns them says how they are."""
    interfaces: Path = INTERFACES


class HealthWatch:
    """Watches what the desk must know before it takes money, and tells it of changes."""

    def __init__(
        self,
        sight: Sight,
        channels: Mapping[Wallet, Channel],
        broken: Mapping[Wallet, str],
        changed: Callable[[Health], None],
        busy: Callable[[], bool],
    ) -> None:
        self._sight = sight
        self._broken = broken
        self._told: Health | None = None
        self._tunnel = Tunnel(sight.vpn_interface, sight.interfaces)
        self._on_change = changed
        self.watches = {w: ChannelWatch(c, self.look, busy) for w, c in channels.items()}

    async def run(self) -> None:
        """Look again and again; the channels look for themselves."""
        async with asyncio.TaskGroup() as group:
            for watch in self.watches.values():
                group.create_task(watch.run())
            while True:
                self._look_into_the_tunnel()
                self.look()
                notify("WATCHDOG=1")
                await asyncio.sleep(LOOK_EVERY_S)

    def _look_into_the_tunnel(self) -> None:
        """At even intervals; when it speaks or falls silent the providers are asked at once."""
        before = self._tunnel.silent
        self._tunnel.look()
        if self._tunnel.silent != before:
            for watch in self.watches.values():
                watch.look_soon()

    def look(self) -> None:
        """Tell the desk if anything changed."""
        seen = self.health()
        if seen != self._told:
            self._told = seen
            self._on_change(seen)

    def health(self) -> Health:
        """What the desk must know."""
        watches = self.watches.items()
        return Health(
            clock_sane=self._sight.clock.sane(),
            vpn_up=self._vpn_is_up(),
            configured=frozenset(self.watches),
            verified=frozenset(w for w, watch in watches if watch.verified),
            reachable=frozenset(w for w, watch in watches if watch.reachable),
            verifying=any(watch.verification is None for _, watch in watches),
            scanner_online=self._sight.scanner_online(),
        )

    def _vpn_is_up(self) -> bool:
        sight = self._sight
        return vpn_is_up(sight.vpn_interface, sight.interfaces) and not self._tunnel.silent

    async def ready_wallets(self, wallets: frozenset[Wallet]) -> frozenset[Wallet]:
        """Which of these can take money now; at most three seconds."""
        asked = [w for w in self.watches if w in wallets]
        ready = await asyncio.gather(*(self.watches[w].ready() for w in asked))
        return frozenset(w for w, is_ready in zip(asked, ready, strict=True) if is_ready)

    async def refused(self, wallet: Wallet) -> bool:
        """Whether the provider refuses this wallet's keys or numbers."""
        return await self.watches[wallet].refused()

    def parts(self) -> list[Part]:
        """Every line of the diagnosis."""
        own = [
            vpn_part(self._sight, silent=self._tunnel.silent),
            clock_part(self._sight.clock),
            disk_part(self._sight),
        ]
        broken = [Part(w.value, "fail", text) for w, text in self._broken.items()]
        channels = [watch.part() for watch in self.watches.values()]
        return in_order([*(p() for p in self._sight.parts), *own, *broken, *channels])


ORDER = ("scanner", "display", "his_link", "vpn", "wechat", "alipay", "clock", "disk", "journal")


def in_order(parts: Iterable[Part]) -> list[Part]:
    """Sort as his-link §2 names them; `sync` and anything new last."""
    rank = {name: i for i, name in enumerate(ORDER)}
    return sorted(parts, key=lambda p: rank.get(p.part, len(ORDER)))


def vpn_is_up(interface: str, interfaces: Path = INTERFACES) -> bool:
    """Whether the interface exists and can carry; always where none is required."""
    if not interface:
        return True
    try:
        return (interfaces / interface / "operstate").read_text().strip() in CARRYING
    except OSError:
        return False


def vpn_part(sight: Sight, *, silent: bool = False) -> Part:
    """The line about the VPN."""
    if not sight.vpn_interface:
        return Part("vpn", "ok", "未要求 VPN")
    if silent:
        return Part("vpn", "fail", f"VPN 没有应答：{sight.vpn_interface} 发得出、收不到")
    if vpn_is_up(sight.vpn_interface, sight.interfaces):
        return Part("vpn", "ok", f"{sight.vpn_interface} 已连接")
    return Part("vpn", "fail", f"VPN 未连接：没有接口 {sight.vpn_interface}")


def clock_part(clock: Clock) -> Part:
    """The line about the clock."""
    sane = clock.sane()
    return Part("clock", "ok" if sane else "fail", "时间已校准" if sane else "时间未校准，不收款")


def disk_part(sight: Sight) -> Part:
    """The line about the disk that holds the journal."""
    try:
        free = shutil.disk_usage(sight.data_dir).free
    except OSError as error:
        return Part("disk", "fail", f"数据目录不可用：{error.strerror}")
    state = "ok" if free >= LOW_DISK_BYTES else "warn"
    return Part("disk", state, f"剩余 {free // 1_000_000} MB")


def notify(message: str) -> None:
    """Tell systemd, where it started us (sd_notify)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect("\0" + address[1:] if address.startswith("@") else address)
        sock.send(message.encode())
