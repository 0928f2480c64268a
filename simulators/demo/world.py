"""The demo's world: real programs as child processes, and the real links between them.

::

    HIS ── TCP frames ──> his cable ──> box ── HTTP ──> net cable ──> gateways
                                         ^ pty                            ^ admin API
    phone ── payer code + CR ────────────┘              phone's password ─┘
"""

import asyncio
import re
import sys
from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType

from simulators.demo.cable import Cable
from simulators.demo.cashier import Cashier
from simulators.demo.children import Child, Program
from simulators.demo.his_tap import HisTap, Seen
from simulators.demo.net_tap import Exchange, NetTap
from simulators.demo.phone import Phone
from simulators.demo.provider import ProviderAdmin
from simulators.demo.scanner import ScannerCable
from simulators.demo.site import HOSPITAL, Site, write_config

START_PATIENCE_S = 20.0  # two cores shared with a browser; a box alone is ready in about one
GATEWAY_READY = re.compile(r"^ready wechat=http://127\.0\.0\.1:(\d+)")
BOX_READY = re.compile(r"^ready his=(?:tcp://127\.0\.0\.1:(\d+)|serial://)")


class World:
    """Everything that runs. The page and the headless stories both stand on it."""

    def __init__(  # noqa: PLR0913  a site, its pace, and who wants to know of what
        self,
        site: Site,
        limits: Mapping[str, float],
        *,
        more: Mapping[str, Mapping[str, object]] = MappingProxyType({}),
        his_port: int = 0,
        on_seen: Callable[[Seen], None] = lambda _: None,
        on_exchange: Callable[[Exchange], None] = lambda _: None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.site = site
        self.scanner = ScannerCable()
        self.tap = HisTap(on_seen)
        self.his_cable = Cable(self.tap.connection, on_change)
        self.net_cable = Cable(NetTap(on_exchange).connection, on_change)
        self.gateway = Child(gateway_program(site), on_change)
        self.box = Child(box_program(site), self._box_changed)
        self.provider = ProviderAdmin()
        self.phone = Phone(self.provider, self.scanner, on_change)
        self.cashier = Cashier(on_change)
        self._limits = limits
        self._more = more
        self._his_port = his_port
        self._on_change = on_change
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start everything in order; ChildError if a program does not get ready."""
        await self.net_cable.start()
        await self.his_cable.start(self._his_port)
        await self.start_gateway()
        write_config(
            self.site,
            scanner_port=self.scanner.port,
            network_port=self.net_cable.port,
            limits=self._limits,
            more=self._more,
        )
        await self.phone.show_code()
        await self.power_on()
        self.go(self.cashier.work(self.his_cable.port))

    def go(self, work: Coroutine[object, object, None]) -> None:
        """Run this until the world ends."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def start_gateway(self) -> None:
        """Start the gateways, at any port and with an empty book."""
        ready = await self.gateway.start(START_PATIENCE_S)
        self.net_cable.far_port = int(ready[1])
        self.provider.lead_to(int(ready[1]))

    async def power_on(self) -> None:
        """Start the box, and lead the HIS cable to where it listens now."""
        ready = await self.box.start(START_PATIENCE_S)
        self.his_cable.far_port = int(ready[1])
        self._on_change()

    async def power_off(self) -> None:
        """Pull the box's plug: kill -9, whatever it is doing."""
        await self.box.kill()

    async def stop(self) -> None:
        """End every child and close every link; also after a start that failed half-way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.cashier.close()
        await self.box.stop()
        await self.gateway.stop()
        await self.provider.aclose()
        await self.his_cable.stop()
        await self.net_cable.stop()
        self.scanner.close()

    def _box_changed(self) -> None:
        if self.box.pid is None:
            self.his_cable.far_port = None
            self.his_cable.cut()
        self._on_change()


def _paybox(*arguments: str) -> tuple[str, ...]:
    """The `paybox` command of this very installation."""
    return (sys.executable, "-m", "device", *arguments)


def gateway_program(site: Site) -> Program:
    """The gateways as a child process. They take codes that a HIS of one's own makes up, too."""
    keys, book = str(site.merchant.directory), str(site.book)
    command = _paybox(
        *("gateway", "--port", "0", "--certs", keys, "--book", book),
        *("--merchant-name", HOSPITAL),
    )
    return Program("gateway", command, GATEWAY_READY)


def box_program(site: Site) -> Program:
    """The box as a child process."""
    return Program("box", _paybox("run", "-c", str(site.config)), BOX_READY)
