"""The composition root: the only file that names concrete drivers, panels and channels.

The display is started before the heavy imports (HTTP, cryptography, SQLite's tools), so that the
first picture comes early; that is why some imports stand inside functions.
"""

# ruff: noqa: PLC0415

import asyncio
import contextlib
import json
import logging
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from device.clock import SYNCHRONISED_MARK, SystemClock
from device.config import (
    Config,
    read_key,
    split_address,
)
from device.desk import DeskLoop, Ports
from device.display.panels import make_panel
from device.domain.charge import ChargeKey
from device.domain.desk.model import (
    Asked,
    ButtonPressed,
    Closing,
    Connection,
    Elsewhere,
    Garbled,
    Health,
    HealthChanged,
    Scanned,
    Settings,
)
from device.domain.payment import Attempt, AttemptEvent, Facts
from device.domain.pursuit import Times
from device.domain.record import Order
from device.domain.refund import Refund, RefundEvent
from device.domain.replies import Part
from device.domain.requests import Request
from device.domain.words import Wallet
from device.drivers.lamp import FileLamp, NoLamp
from device.drivers.scan_sink import ScanSink
from device.drivers.streams import open_stream as open_his_stream
from device.errors import ConfigError, HardwareError, StorageError
from device.health import HealthWatch, Sight, in_order, notify
from device.his_link.link import HisLink, Receiver
from device.his_link.messages import Codec
from device.recovery import Recovery, Reports

if TYPE_CHECKING:
    from device.display.panel import NoPanel, ThreadPanel
    from device.domain.ports import ByteStream, Lamp
    from device.journal.journal import SqliteJournal

__all__ = ["check", "open_his_stream", "run"]

log = logging.getLogger(__name__)

JOURNAL_FILE = "journal.sqlite3"
LAST_PAYMENT_S = 90.0  # SIGTERM: how long the running payment is waited for (payment-states §2)
CLOSE_LOOK_S = 0.1  # between two looks whether the desk is free
EXIT_CODES = {"ok": 0, "warn": 1, "fail": 2}
MARKS = {"ok": "✓", "warn": "!", "fail": "✗"}


class Scanner(Protocol):
    """What every scanner driver gives."""

    @property
    def online(self) -> bool:
        """Whether codes can come."""
        ...

    @property
    def fault(self) -> str:
        """What is wrong, for the technician."""
        ...

    async def run(self) -> None:
        """Read for as long as the task lives."""
        ...


# ---------------------------------------------------------------- the two commands


def run(config: Config) -> int:
    """Run the firmware until SIGTERM; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    panel = make_panel(config.display, config.box.language)
    panel.start()
    try:
        return asyncio.run(_serve(config, panel))
    except StorageError as error:
        sys.stderr.write(f"paybox: {error}\n")
        return 1
    finally:
        panel.close()


async def _serve(config: Config, panel: "ThreadPanel | NoPanel") -> int:
    box = await Box.open(config, panel)
    return await box.run()


def check(config: Config, *, as_json: bool) -> int:
    """Diagnose part by part without side effects: 0 good, 1 warnings, 2 failures."""
    parts = asyncio.run(_diagnose(config))
    if as_json:
        rows = [{"part": p.part, "state": p.state, "text": p.text} for p in parts]
        sys.stdout.write(json.dumps(rows, ensure_ascii=False, indent=1) + "\n")
    else:
        lines = (f"{MARKS[p.state]} {p.part:<9} {p.text}\n" for p in parts)
        sys.stdout.writelines(lines)
    return max(EXIT_CODES[p.state] for p in parts)


# ---------------------------------------------------------------- building the parts


def make_clock(config: Config) -> SystemClock:
    """The machine's clock, trusted as the site says (payment-states §1.4)."""
    if config.clock.source == "none":
        return SystemClock(synchronised=lambda: True)
    if config.clock.rtc:
        believed = _after(config.box.data_dir / JOURNAL_FILE)  # before we write anything ourselves
        return SystemClock(synchronised=lambda: believed or SYNCHRONISED_MARK.exists())
    return SystemClock()


def _after(journal: Path) -> bool:
    """A battery-backed clock is believed unless it lies before the last thing we wrote."""
    wal = journal.with_name(journal.name + "-wal")
    written = [file.stat().st_mtime for file in (journal, wal) if file.exists()]
    return time.time() >= max(written, default=0.0)


def make_scanner(config: Config, sink: ScanSink) -> Scanner:
    """The scanner by its driver's name."""
    section = config.scanner
    if section.driver == "serial":
        from device.drivers.serial_scanner import SerialScanner

        return SerialScanner(section.port, section.baudrate, sink)
    if section.driver == "stdin":
        from device.drivers.stdin_scanner import StdinScanner

        return StdinScanner(sink)
    from device.drivers.evdev_scanner import EvdevScanner

    return EvdevScanner(section.match, sink)


def make_lamp(config: Config, pins: object | None) -> "Lamp":
    """The lamp by its driver's name; without pins there is none, and the rest works."""
    section = config.lamp
    if section.driver == "file":
        return FileLamp(section.path)
    if pins is None:
        return NoLamp()
    from device.drivers.gpio import gpio_lamp

    try:
        return gpio_lamp(pins, section.green, section.red, section.buzzer)
    except HardwareError as error:
        log.warning("no lamp: %s", error)
        return NoLamp()


def open_pins(config: Config) -> object | None:
    """One factory for lamp and button; None where there are no pins or none are wanted."""
    if config.lamp.driver != "gpio":
        return None
    from device.drivers import gpio

    try:
        pins: object = gpio.open_pins()
    except HardwareError as error:
        log.warning("no pins: %s", error)
        return None
    return pins


def make_settings(config: Config) -> Settings:
    """What the desk needs of the configuration."""
    limits = config.limits
    return Settings(
        box_id=config.box.id,
        desk=config.box.desk,
        desk_code=config.box.desk_code,
        hospital=config.box.hospital,
        key=read_key(config.box.key_file),
        ttl_s=limits.ttl_s,
        redeliver_s=limits.redeliver_s,
        refuse_id_cards=config.scanner.refuse_id_cards,
        progress=config.his.progress,
        waits_s={Wallet.WECHAT: limits.wechat_wait_s, Wallet.ALIPAY: limits.alipay_wait_s},
    )


def make_times(config: Config) -> dict[Wallet, Times]:
    """The waits of payment-states §3."""
    limits = config.limits
    return {
        Wallet.WECHAT: Times(
            first_query=limits.wechat_first_query_s,
            doubt_query=limits.wechat_doubt_query_s,
            poll=limits.poll_interval_s,
            wait=limits.wechat_wait_s,
            reverse_not_before=limits.wechat_reverse_not_before_s,
        ),
        Wallet.ALIPAY: Times(
            first_query=limits.alipay_first_query_s,
            doubt_query=limits.alipay_doubt_query_s,
            poll=limits.poll_interval_s,
            wait=limits.alipay_wait_s,
            reverse_not_before=0.0,
        ),
    }


def make_codec(config: Config) -> Codec:
    """What of the configuration the HIS's messages depend on."""
    return Codec(
        desk=config.box.desk,
        max_amount_fen=config.limits.max_amount_fen,
        encoding=config.his.encoding,
        daily_ids=config.his.id_scope == "day",
        default_department=config.his.default_department,
    )


# ---------------------------------------------------------------- the box


class Box:
    """Everything plugged together; `open`, then `run` until SIGTERM."""

    def __init__(self, config: Config, panel: "ThreadPanel | NoPanel") -> None:
        from device.channels.factory import make_channels

        self._config = config
        self._panel = panel
        self._clock = make_clock(config)
        self._pins = open_pins(config)
        self._lamp = make_lamp(config, self._pins)
        self._scanner = make_scanner(config, ScanSink(self._on_scan, self._on_garbled, self._look))
        self._channels, broken = make_channels(config, self._clock)
        self._link = HisLink(make_codec(config), self._on_request, self._on_connection, self._clock)
        self._reports = Reports(self._attempt, self._refund, self._elsewhere, self._order)
        self._recovery = Recovery(self._channels, make_times(config), self._clock, self._reports)
        self._health = HealthWatch(
            Sight(
                vpn_interface=config.network.vpn_interface,
                data_dir=config.box.data_dir,
                clock=self._clock,
                scanner_online=lambda: self._scanner.online,
                parts=(self._scanner_part, self._display_part, self._his_part, self._journal_part),
            ),
            self._channels,
            broken,
            self._on_health,
            lambda: self._desk.state.seat is not None,
        )
        self._stopping = asyncio.Event()
        self._desk: DeskLoop
        self._journal: SqliteJournal
        self.address = ""
        """Where the HIS link listens, once it does."""

    @classmethod
    async def open(cls, config: Config, panel: "ThreadPanel | NoPanel") -> "Box":
        """Open the journal and give every open end a task; StorageError if it cannot be used."""
        from device.journal.journal import SqliteJournal
        from device.journal.threads import WriterThread

        box = cls(config, panel)
        _make_data_dir(config.box.data_dir)
        path = config.box.data_dir / JOURNAL_FILE
        box._journal = await SqliteJournal.open(
            path,
            box._clock,
            WriterThread(),
            box=config.box.id,
        )
        box._desk = DeskLoop(make_settings(config), box._ports())
        return box

    def _ports(self) -> Ports:
        return Ports(
            journal=self._journal,
            link=self._link,
            panel=self._panel,
            lamp=self._lamp,
            clock=self._clock,
            channels=self._channels,
            ready_wallets=self._health.ready_wallets,
            sent=self._recovery.sent,
            pursue=self._recovery.pursue,
            pursue_refund=self._recovery.pursue_refund,
            look_up=self._recovery.look_up,
            parts=self._health.parts,
        )

    async def run(self) -> int:
        """Serve until SIGTERM."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        await self._desk.boot()
        tasks = [
            loop.create_task(work)
            for work in (self._desk.run(), self._health.run(), self._scanner.run())
        ]
        close_link = await self._open_link(tasks)
        self._open_button()
        sys.stdout.write(f"ready his={self.address} box={self._config.box.id}\n")
        sys.stdout.flush()
        notify("READY=1")
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

    async def _close(self, tasks: list[asyncio.Task[None]], close_link: "Closer") -> None:
        await self._recovery.aclose()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._link.close()
        await close_link()
        for channel in self._channels.values():
            await channel.aclose()
        await self._journal.aclose()

    # ------------------------------------------------------------ the HIS link

    async def _open_link(self, tasks: list[asyncio.Task[None]]) -> "Closer":
        his = self._config.his
        if his.link == "serial":
            tasks.append(asyncio.ensure_future(self._serve_serial()))
            self.address = f"serial://{his.serial.port}?baudrate={his.serial.baudrate}"
            return _nothing
        from device.drivers.tcp import TcpServer, named_or_local

        host, port = split_address(his.tcp.listen)
        may_connect = named_or_local(his.allow_plain)
        server = TcpServer(host, port, self._link.attach, may_connect=may_connect)
        await server.start()
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
            self._button = CancelButton(self._pins, pin, lambda: self._desk.post(ButtonPressed()))
        except HardwareError as error:
            log.warning("no cancel button: %s", error)

    # ------------------------------------------------------------ what comes in

    def _on_scan(self, text: str, first_key_s: float) -> None:
        self._desk.post(Scanned(text, first_key_s))

    def _on_garbled(self, why: str) -> None:
        self._desk.post(Garbled(why))

    def _look(self, _online: bool) -> None:  # noqa: FBT001  the scanner's callback
        self._health.look()

    def _on_request(self, connection: int, re: int, request: Request) -> None:
        self._desk.post(Asked(connection, re, request))

    def _on_connection(self, connection: int, opened: bool) -> None:  # noqa: FBT001  the port's
        self._desk.post(Connection(connection, opened))

    def _on_health(self, health: Health) -> None:
        self._desk.post(HealthChanged(health))

    # ------------------------------------------------------------ recovery's way to the desk

    async def _attempt(
        self, key: ChargeKey, out_trade_no: str, event: AttemptEvent, facts: Facts
    ) -> Attempt:
        return await self._desk.report(key, out_trade_no, event, facts)

    async def _refund(
        self, refund: Refund, event: RefundEvent, facts: Facts, number: str
    ) -> Refund:
        return await self._desk.report_refund(refund, event, facts, number)

    async def _elsewhere(self, order: Order, refunded_fen: int) -> None:
        self._desk.post(Elsewhere(order, refunded_fen))

    async def _order(self, out_trade_no: str) -> Order | None:
        return await self._journal.order(out_trade_no)

    # ------------------------------------------------------------ lines of the diagnosis

    def _scanner_part(self) -> Part:
        return scanner_part(self._scanner)

    def _display_part(self) -> Part:
        return display_part(self._config, working=self._panel.working)

    def _his_part(self) -> Part:
        count = len(self._link.connections())
        return Part("his_link", "ok" if count else "warn", f"{self.address}，{count} 个连接")

    def _journal_part(self) -> Part:
        return Part("journal", "ok", f"流水正常，纪元 {self._journal.epoch[:8]}")


def _make_data_dir(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        why = error.strerror or "cannot be made"
        raise ConfigError(f"[box] data_dir = {path}: {why}; allowed: a directory") from None


class SerialCable:
    """A serial port as one connection: attached at each opening, closed at each loss."""

    def __init__(self, link: HisLink, baudrate: int) -> None:
        self._link = link
        self._baudrate = baudrate
        self._receiver: Receiver | None = None
        self.port: ByteStream

    def on_bytes(self, data: bytes) -> None:
        """Bytes came."""
        if self._receiver:
            self._receiver.data_received(data)

    def on_open(self, is_open: bool) -> None:  # noqa: FBT001  SerialPort's signature
        """The port was opened, or lost."""
        if is_open:
            self._receiver = self._link.attach(self.port, "serial", baudrate=self._baudrate)
        elif self._receiver:
            self._receiver.closed()
            self._receiver = None


Closer = Callable[[], Awaitable[None]]


async def _nothing() -> None:
    """A serial port is closed by its task."""


# ---------------------------------------------------------------- the diagnosis, without the box


def scanner_part(scanner: Scanner) -> Part:
    """The line about the scanner."""
    return (
        Part("scanner", "ok", "已连接")
        if scanner.online
        else Part("scanner", "fail", scanner.fault or "扫码器未连接")
    )


def display_part(config: Config, *, working: bool) -> Part:
    """The line about the display."""
    driver = config.display.driver
    if driver == "none":
        return Part("display", "warn", "未配置显示屏")
    return Part("display", "ok" if working else "fail", driver if working else f"{driver} 无响应")


async def _diagnose(config: Config) -> list[Part]:
    """Ask every part once; nothing is armed, nothing is written."""
    from device.channels.factory import make_channels
    from device.health import ChannelWatch, clock_part, disk_part, vpn_part

    clock = make_clock(config)
    channels, broken = make_channels(config, clock)
    sight = Sight(config.network.vpn_interface, config.box.data_dir, clock, lambda: True)
    watches = [ChannelWatch(c, _ignore, lambda: False) for c in channels.values()]
    looks = [asyncio.ensure_future(w.run()) for w in watches]
    scanner = make_scanner(config, ScanSink(_ignore, _ignore, _ignore))
    looks.append(asyncio.ensure_future(scanner.run()))
    await asyncio.gather(*(w.ready() for w in watches), asyncio.sleep(SCANNER_LOOK_S))
    parts = [scanner_part(scanner), *(w.part() for w in watches), _journal_look(config)]
    parts += [Part(w.value, "fail", text) for w, text in broken.items()]
    parts += [vpn_part(sight), clock_part(clock), disk_part(sight), _his_look(config)]
    parts += [display_part(config, working=_display_there(config)), _center_look(config)]
    for look in looks:
        look.cancel()
    await asyncio.gather(*looks, return_exceptions=True)
    for channel in channels.values():
        await channel.aclose()
    return in_order(parts)


SCANNER_LOOK_S = 0.5  # long enough to open a port that is there


def _ignore(*_: object) -> None:
    """The diagnosis only looks."""


def _display_there(config: Config) -> bool:
    """Whether the bus is there; the panel itself belongs to the running box."""
    on_a_bus = config.display.driver not in {"png", "none"}
    return not on_a_bus or Path(f"/dev/i2c-{config.display.i2c_port}").exists()


def _his_look(config: Config) -> Part:
    his = config.his
    if his.link == "serial":
        there = Path(his.serial.port).exists()
        return Part("his_link", "ok" if there else "fail", his.serial.port)
    return Part("his_link", "ok", f"TCP {his.tcp.listen}")


def _journal_look(config: Config) -> Part:
    from device.journal.connection import open_read_only
    from device.journal.verify import whole

    path = config.box.data_dir / JOURNAL_FILE
    if not path.exists():
        return Part("journal", "warn", "尚无流水，首次运行时建立")
    try:
        report = whole(open_read_only(path))
    except StorageError as error:
        return Part("journal", "fail", str(error))
    if report.faults:
        return Part("journal", "fail", report.faults[0])
    return Part("journal", "ok", f"{report.events} 条事件，哈希链完整")


def _center_look(config: Config) -> Part:
    if config.center.url:
        return Part("sync", "warn", "统计中心同步尚未提供")
    return Part("sync", "warn", "未配置统计中心，流水只保存在本机")
