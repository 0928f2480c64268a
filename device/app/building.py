"""Each part by its driver's name in the configuration; what is missing is off, the rest works."""

# ruff: noqa: PLC0415  a driver is imported only where it is chosen

import logging
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from device.app.one_way import one_way_settings
from device.clock import SYNCHRONISED_MARK, SystemClock
from device.config import Config, read_key
from device.config import Lamp as LampSection
from device.config import Scanner as ScannerSection
from device.domain.desk.model import Settings
from device.domain.pursuit import Times
from device.domain.screens import Signal
from device.domain.words import Wallet
from device.drivers.lamp import FileLamp, NoLamp
from device.drivers.scan_assembler import MOST_CHARS
from device.drivers.scan_sink import ScanSink
from device.errors import ConfigError, HardwareError
from device.his_link.messages import Codec

if TYPE_CHECKING:
    import ssl

    from device.drivers.any_scanner import OneScanner
    from device.his_link.handshake import BoxEnd

log = logging.getLogger(__name__)

JOURNAL_FILE = "journal.sqlite3"


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


ANY_ACM = "/dev/ttyACM*"  # USB-CDC scanners; adapters (ttyUSB) are cables of a HIS


def make_scanner(section: ScannerSection, sink: ScanSink, most_chars: int = MOST_CHARS) -> Scanner:
    """The scanner by its driver's name."""
    if section.driver == "auto":
        from device.drivers.any_scanner import AnyScanner

        kinds = (
            replace(section, driver="evdev"),
            replace(section, driver="hidraw"),
            replace(section, driver="serial", port=ANY_ACM),
        )
        return AnyScanner([partial(_one_kind, kind, most_chars=most_chars) for kind in kinds], sink)
    if section.driver == "stdin":
        from device.drivers.stdin_scanner import StdinScanner

        return StdinScanner(sink, most_chars=most_chars)
    return _one_kind(section, sink, most_chars)


def _one_kind(section: ScannerSection, sink: ScanSink, most_chars: int) -> "OneScanner":
    if section.driver == "serial":
        from device.drivers.serial_scanner import SerialScanner

        return SerialScanner(section.port, section.baudrate, sink, most_chars=most_chars)
    if section.driver == "hidraw":
        from device.drivers.hidraw_scanner import HidrawScanner

        return HidrawScanner(section.match, sink, most_chars=most_chars)
    from device.drivers.evdev_scanner import EvdevScanner

    return EvdevScanner(section.match, sink, most_chars=most_chars)


class LampDriver(Protocol):
    """What every lamp driver gives beside `domain.ports.Lamp`."""

    @property
    def working(self) -> bool:
        """Whether the last change reached the lamp."""
        ...

    def signal(self, signal: Signal) -> None:
        """Say this until told otherwise."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


def make_lamp(config: Config, pins: object | None) -> LampDriver:
    """The lamp by its driver's name; a missing one is no lamp, and the rest works."""
    try:
        lamp = _lamp(config.lamp, pins)
    except HardwareError as error:
        log.warning("no lamp: %s", error)
        lamp = NoLamp()
    if config.lamp.paid_sound is None:
        return lamp
    from device.drivers.paid_sound import PaidSound

    return PaidSound(lamp, config.lamp.paid_sound)


def _lamp(section: LampSection, pins: object | None) -> LampDriver:
    if section.driver == "file":
        return FileLamp(section.path)
    if section.driver == "leds":
        from device.drivers.led_class import led_lamp

        return led_lamp({"g": section.green_led, "r": section.red_led, "b": section.buzzer_led})
    if pins is None:
        return NoLamp()
    from device.drivers.gpio import gpio_lamp

    return gpio_lamp(pins, section.green, section.red, section.buzzer)


def open_pins(config: Config) -> object | None:
    """One factory for lamp and button; None where there are no pins or none are wanted."""
    if not config.lamp.pins:
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
        confirm_wait_s=limits.confirm_wait_s,
        daily_ids=config.his.id_scope == "day",
        refuse_id_cards=config.scanner.refuse_id_cards,
        progress=config.his.progress,
        one_way=one_way_settings(config),
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


def make_his_end(config: Config) -> "BoxEnd | None":
    """What every connection of a sealed HIS link begins with; ConfigError if its key is no key."""
    if config.his.security != "aes":
        return None
    from device.his_link.handshake import BoxEnd
    from device.his_link.seal import DeskKey

    assert config.his.key_file
    return BoxEnd(DeskKey.of(read_key(config.his.key_file)))


def make_his_tls(config: Config) -> "ssl.SSLContext | None":
    """The TLS context of the HIS link; ConfigError if a file of it cannot be used."""
    if config.his.security != "tls":
        return None
    from device.drivers.tls import server_context

    tls = config.his.tls
    assert tls.cert_file
    assert tls.key_file
    return server_context(tls.cert_file, tls.key_file, tls.client_ca_file)


def make_data_dir(path: Path) -> None:
    """Make the last directory of the path, for the owner alone; ConfigError if that fails."""
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        why = error.strerror or "cannot be made"
        raise ConfigError(f"[box] data_dir = {path}: {why}; allowed: a directory") from None
