"""`paybox check`: every part is asked once; nothing is armed, nothing is written."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from device.app.building import (
    JOURNAL_FILE,
    Scanner,
    make_clock,
    make_his_end,
    make_his_tls,
    make_scanner,
)
from device.app.center import look as center_look
from device.app.parts import display_part, scanner_part
from device.channels.factory import make_channels
from device.config import Config
from device.display.panels import bus_node
from device.domain.replies import Part
from device.drivers.plugged import BUSY
from device.drivers.scan_sink import ScanSink
from device.errors import ConfigError, StorageError
from device.health import ChannelWatch, Sight, clock_part, disk_part, in_order, vpn_part
from device.journal.connection import open_read_only
from device.journal.verify import end, whole


async def diagnose(config: Config) -> list[Part]:
    """Ask every part once; nothing is armed, nothing is written."""
    clock = make_clock(config)
    channels, broken = make_channels(config, clock)
    sight = Sight(config.network.vpn_interface, config.box.data_dir, clock, lambda: True)
    watches = [ChannelWatch(c, _ignore, lambda: False) for c in channels.values()]
    looks = [asyncio.ensure_future(w.run()) for w in watches]
    scans = ScanSink(_ignore, _ignore, _ignore)
    scanner = make_scanner(config.scanner, scans)
    looks.append(asyncio.ensure_future(scanner.run()))
    await asyncio.gather(*(w.ready() for w in watches), asyncio.sleep(SCANNER_LOOK_S))
    parts = [_scanner_look(scanner, scans), *(w.part() for w in watches), _journal_look(config)]
    parts += [Part(w.value, "fail", text) for w, text in broken.items()]
    parts += [vpn_part(sight), clock_part(clock), disk_part(sight), _his_look(config)]
    parts += [
        display_part(config, working=_display_there(config)),
        await center_look(config, _epoch(config)),
    ]
    for look in looks:
        look.cancel()
    await asyncio.gather(*looks, return_exceptions=True)
    for channel in channels.values():
        await channel.aclose()
    return in_order(parts)


NO_EPOCH = "0" * 16  # the centre has nothing of it
SCANNER_LOOK_S = 0.5  # long enough to open a port that is there


SECURITY = {"none": "不加密", "aes": "AES 加密", "tls": "TLS 加密"}


def _ignore(*_: object) -> None:
    """The diagnosis only looks."""


def _scanner_look(scanner: Scanner, scans: ScanSink) -> Part:
    """Beside a running box, which holds the scanner, that it is held is no fault."""
    if scanner.fault == BUSY:
        return Part("scanner", "warn", f"{BUSY}（paybox run 正在运行时属正常）")
    return scanner_part(scanner, scans)


def _display_there(config: Config) -> bool:
    """Whether the bus is there; the panel itself belongs to the running box."""
    node = bus_node(config.display)
    return node is None or node.exists()


def _his_look(config: Config) -> Part:
    his = config.his
    try:
        make_his_end(config)
        make_his_tls(config)
    except ConfigError as error:
        return Part("his_link", "fail", str(error))
    if his.link == "serial":
        there = Path(his.serial.port).exists()
        text = f"{his.serial.port}，{SECURITY[his.security]}"
        return Part("his_link", "ok" if there else "fail", text)
    if his.link == "tcp":
        return Part("his_link", "ok", f"TCP {his.tcp.listen}，{SECURITY[his.security]}")
    if his.link == "customer_display" or not his.announcer.listen:
        port = his.customer_display.port if his.link == "customer_display" else his.announcer.port
        return Part("his_link", "ok" if Path(port).exists() else "fail", port)
    return Part("his_link", "ok", f"TCP {his.announcer.listen}")


def _journal_look(config: Config) -> Part:
    path = config.box.data_dir / JOURNAL_FILE
    if not path.exists():
        return Part("journal", "warn", "尚无流水，首次运行时建立")
    try:
        with closing(open_read_only(path)) as db:
            report = whole(db)
    except StorageError as error:
        return Part("journal", "fail", str(error))
    if report.faults:
        return Part("journal", "fail", report.faults[0])
    return Part("journal", "ok", f"{report.events} 条事件，哈希链完整")


def _epoch(config: Config) -> str:
    """The journal's newest epoch, to ask the centre about; empty text is no epoch."""
    path = config.box.data_dir / JOURNAL_FILE
    if not path.exists():
        return NO_EPOCH
    try:
        with closing(open_read_only(path)) as db:
            return end(db).epoch
    except (StorageError, sqlite3.Error):
        return NO_EPOCH
