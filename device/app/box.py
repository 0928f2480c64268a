"""Everything plugged together."""

# ruff: noqa: PLC0415  what a configuration does not use is not imported

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from device import __version__
from device.app.address import own_address
from device.app.board import check_board
from device.app.building import (
    JOURNAL_FILE,
    make_clock,
    make_codec,
    make_data_dir,
    make_his_end,
    make_his_tls,
    make_lamp,
    make_scanner,
    make_settings,
    make_times,
    open_pins,
)
from device.app.cable import SerialCable
from device.app.center import Sync, health_of
from device.app.core import Core, Outside
from device.app.one_way import make_one_way_link, open_line
from device.app.parts import display_part, scanner_part
from device.channels.factory import make_channels
from device.config import Config, split_address
from device.domain.desk.events import (
    ButtonHeld,
    ButtonPressed,
    Closing,
    Garbled,
    HealthChanged,
    LineSaid,
    Scanned,
)
from device.domain.desk.model import Health
from device.domain.line import Said
from device.domain.replies import Part
from device.drivers.scan_sink import ScanSink
from device.errors import ConfigError, HardwareError
from device.health import HealthWatch, Sight, notify
from device.his_link.link import HisLink
from device.journal import SqliteJournal, WriterThread
from device.sync.uploader import Abilities

if TYPE_CHECKING:
    from device.desk import DeskLoop
    from device.display.panel import NoPanel, ThreadPanel

log = logging.getLogger(__name__)

LAST_PAYMENT_S = 90.0  # SIGTERM: how long the running payment is waited for (payment-states §2)
CLOSE_LOOK_S = 0.1  # between two looks whether the desk is free

Closer = Callable[[], Awaitable[None]]


class Box:
    """Everything plugged together; `open`, then `run` until SIGTERM."""

    def __init__(self, config: Config, panel: "ThreadPanel | NoPanel") -> None:
        self._config = config
        self._panel = panel
        self._clock = make_clock(config)
        self._pins = open_pins(config)
        self._lamp = make_lamp(config, self._pins)
        self._scans = ScanSink(self._on_scan, self._on_garbled, self._look)
        self._scanner = make_scanner(config.scanner, self._scans)
        self._channels, broken = make_channels(config, self._clock)
        self._health = HealthWatch(
            self._sight(),
            self._channels,
            broken,
            self._on_health,
            lambda: self._desk.state.seat is not None,
        )
        times = make_times(config)
        self._core = Core(self._channels, times, self._clock, self._health.refused)
        self._link = HisLink(
            make_codec(config),
            self._core.on_request,
            self._core.on_connection,
            self._clock,
            end=make_his_end(config),
            on_acknowledged=self._core.on_acknowledged,
        )
        self._one_way = make_one_way_link(config, self._on_said, self._clock)
        self._stopping = asyncio.Event()
        self._journal: SqliteJournal
        self._sync: Sync
        self.address = ""
        """Where the HIS link listens, once it does."""

    @property
    def _desk(self) -> "DeskLoop":
        return self._core.desk

    @classmethod
    async def open(cls, config: Config, panel: "ThreadPanel | NoPanel") -> "Box":
        """Open the journal; StorageError if it cannot be used, ConfigError on another board."""
        box = cls(config, panel)
        make_data_dir(config.box.data_dir)
        path = config.box.data_dir / JOURNAL_FILE
        box._journal = await SqliteJournal.open(
            path,
            box._clock,
            WriterThread(),
            box=config.box.id,
        )
        try:
            await check_board(config.box, box._journal)
        except BaseException:
            await box._journal.aclose()
            raise
        box._core.plug(make_settings(config), box._outside())
        box._sync = Sync(config, box._journal, box._abilities(), box._clock)
        return box

    def _sight(self) -> Sight:
        config = self._config
        return Sight(
            vpn_interface=config.network.vpn_interface,
            data_dir=config.box.data_dir,
            clock=self._clock,
            scanner_online=lambda: self._scanner.online,
            parts=(
                self._scanner_part,
                self._display_part,
                self._his_part,
                self._journal_part,
                self._sync_part,
            ),
        )

    def _outside(self) -> Outside:
        return Outside(
            journal=self._journal,
            link=self._one_way or self._link,
            panel=self._panel,
            lamp=self._lamp,
            ready_wallets=self._health.ready_wallets,
            parts=self._health.parts,
        )

    def _abilities(self) -> Abilities:
        return Abilities(
            health=lambda: health_of(self._health.parts()),
            busy=lambda: self._desk.state.seat is not None,
            recall=self._core.from_center.recall,
            carry=self._core.from_center.carry,
        )

    async def run(self, ready: Callable[[], None] = lambda: None) -> int:
        """Serve until SIGTERM; `ready` is called once it is."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGUSR1, partial(self._on_held, by_button=False))
        await self._desk.boot()
        tasks = [loop.create_task(work) for work in (self._desk.run(), self._scanner.run())]
        try:
            close_link = await self._open_link(tasks)
        except ConfigError:
            await self._close(tasks, _nothing)
            raise
        self._open_button()
        sys.stdout.write(f"ready his={self.address} box={self._config.box.id}\n")
        sys.stdout.flush()
        notify("READY=1")
        # Only now what asks the wallets and the centre: ready does not wait for it (payment-states
        # §1.7), and the first request alone imports for 60 ms.
        tasks += [loop.create_task(work) for work in (self._health.run(), self._sync.run())]
        ready()
        ended = await self._until_stopped(tasks)
        await self._close(tasks, close_link)
        return ended

    async def _until_stopped(self, tasks: list[asyncio.Task[None]]) -> int:
        """SIGTERM, or a part that must not end has ended."""
        stop = asyncio.ensure_future(self._stopping.wait())
        done, _ = await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
        if stop in done:
            await self._finish()
            return 0
        for task in done:
            log.error("a part of the box ended", exc_info=task.exception())
        stop.cancel()
        return 1

    async def _finish(self) -> None:
        """Arm nothing new and wait for the running payment; the rest is for the next boot."""
        notify("STOPPING=1")
        self._desk.post(Closing())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_PAYMENT_S):
                while not self._desk.idle():  # noqa: ASYNC110  rare: a shutdown in mid-payment
                    await asyncio.sleep(CLOSE_LOOK_S)

    async def _close(self, tasks: list[asyncio.Task[None]], close_link: Closer) -> None:
        await self._core.aclose()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._lamp.close()
        self._link.close()
        await close_link()
        for channel in self._channels.values():
            await channel.aclose()
        await self._sync.aclose()
        await self._journal.aclose()

    # ------------------------------------------------------------ the HIS link

    async def _open_link(self, tasks: list[asyncio.Task[None]]) -> Closer:
        his = self._config.his
        if self._one_way:
            self.address, close = await open_line(self._one_way, self._config, tasks)
            return close
        if his.link == "serial":
            tasks.append(asyncio.ensure_future(self._serve_serial()))
            self.address = f"serial://{his.serial.port}?baudrate={his.serial.baudrate}"
            return _nothing
        from device.drivers.tcp import TcpServer, named_or_local

        host, port = split_address(his.tcp.listen)
        plain = his.security == "none"
        server = TcpServer(
            host,
            port,
            partial(self._link.attach, baudrate=his.tcp.baudrate),
            may_connect=named_or_local(his.allow_plain) if plain else None,
            tls=make_his_tls(self._config),
        )
        try:
            await server.start()
        except OSError as error:
            why = error.strerror or "cannot listen"
            allowed = "a free address of this machine"
            text = f"[his.tcp] listen = {his.tcp.listen}: {why}; allowed: {allowed}"
            raise ConfigError(text) from None
        self.address = "tcp://{}:{}".format(*server.address)
        return server.aclose

    async def _serve_serial(self) -> None:
        from device.drivers.serial_port import SerialPort

        section = self._config.his.serial
        cable = SerialCable(self._link, section.baudrate)
        port = SerialPort(section.port, section.baudrate, cable.on_bytes, cable.on_open)
        cable.port = port
        await port.run()

    def _open_button(self) -> None:
        if self._pins is None:
            return
        from device.drivers.gpio import CancelButton

        try:
            pin = self._config.lamp.cancel_button
            self._button = CancelButton(self._pins, pin, self._on_pressed, self._on_held)
        except HardwareError as error:
            log.warning("no cancel button: %s", error)

    # ------------------------------------------------------------ what comes in

    def _on_said(self, said: tuple[Said, ...]) -> None:
        self._desk.post(LineSaid(said))

    def _on_pressed(self) -> None:
        self._desk.post(ButtonPressed())

    def _on_held(self, *, by_button: bool = True) -> None:
        address = own_address(self._config.network.vpn_interface)
        self._desk.post(ButtonHeld(__version__, address, by_button=by_button))

    def _on_scan(self, text: str, first_key_s: float) -> None:
        self._desk.post(Scanned(text, first_key_s))

    def _on_garbled(self, why: str) -> None:
        self._desk.post(Garbled(why))

    def _look(self, _online: bool) -> None:  # noqa: FBT001  the scanner's callback
        self._health.look()

    def _on_health(self, health: Health) -> None:
        self._desk.post(HealthChanged(health))

    # ------------------------------------------------------------ lines of the diagnosis

    def _scanner_part(self) -> Part:
        return scanner_part(self._scanner, self._scans)

    def _display_part(self) -> Part:
        return display_part(self._config, working=self._panel.working)

    def _his_part(self) -> Part:
        count = len((self._one_way or self._link).connections())
        return Part("his_link", "ok" if count else "warn", f"{self.address}，{count} 个连接")

    def _sync_part(self) -> Part:
        return self._sync.part()

    def _journal_part(self) -> Part:
        fault = self._sync.journal_fault()
        if fault:
            return Part("journal", "fail", fault)
        return Part("journal", "ok", f"流水正常，纪元 {self._journal.epoch[:8]}")


async def _nothing() -> None:
    """A serial port is closed by its task."""
