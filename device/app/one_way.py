"""A one-way link plugged together: the line, its decoder, the second port (his-link §5)."""

# ruff: noqa: PLC0415  what a configuration does not use is not imported

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from device.clock import Clock
from device.config import Config, split_address
from device.domain.desk.model import OneWay
from device.domain.line import Meaning, Said
from device.errors import ConfigError
from device.his_link.dialects import ANNOUNCER, DISPLAYS, Site
from device.his_link.one_way import Listener, OneWayLink, OnSaid, Port

BOOT_BYTES = 4  # with the second of the day beside it: no two boots make the same id

Tasks = list[asyncio.Task[None]]
Closer = Callable[[], Awaitable[None]]


def one_way_settings(config: Config) -> OneWay | None:
    """What the desk needs of a one-way link; None where the HIS speaks in frames."""
    his = config.his
    if his.link not in {"customer_display", "announcer"}:
        return None
    return OneWay(
        business=his.default_business,
        department=his.default_department,
        max_amount_fen=config.limits.max_amount_fen,
        boot=secrets.token_hex(BOOT_BYTES),
        undo_by_button=his.undo_by_button,
    )


def make_one_way_link(config: Config, on_said: OnSaid, clock: Clock) -> OneWayLink | None:
    """The link of the configuration; None where the HIS speaks in frames."""
    his = config.his
    if his.link == "customer_display":
        display = his.customer_display
        site = Site(display.amount_pattern, display.encoding)
        return OneWayLink(DISPLAYS[display.profile], site, on_said, clock.monotonic)
    if his.link == "announcer":
        site = Site(terminator=his.announcer.terminator.encode())
        return OneWayLink(ANNOUNCER, site, on_said, clock.monotonic)
    return None


async def open_line(link: OneWayLink, config: Config, tasks: Tasks) -> tuple[str, Closer]:
    """Open the line and the tee; return the address and what closes it."""
    his = config.his
    section = his.customer_display if his.link == "customer_display" else his.announcer
    if section.tee_port:
        link.tee = _open_port(section.tee_port, section.baudrate, tasks, lambda _: None, _nobody)
    if his.link == "announcer" and his.announcer.listen:
        return await _listen(link, config)
    line = _Line(link)
    port = _open_port(section.port, section.baudrate, tasks, line.on_bytes, line.on_open)
    link.ports = (port, link.tee) if link.tee else (port,)
    return f"serial://{section.port}?baudrate={section.baudrate}", _closed_by_its_task


def _open_port(
    path: str,
    baudrate: int,
    tasks: Tasks,
    on_bytes: Callable[[bytes], None],
    on_open: Callable[[bool], None],
) -> Port:
    from device.drivers.serial_port import SerialPort

    port = SerialPort(path, baudrate, on_bytes, on_open)
    tasks.append(asyncio.ensure_future(port.run()))
    return port


class _Line:
    """A serial line: heard anew at each opening; lost, its amount no longer stands."""

    def __init__(self, link: OneWayLink) -> None:
        self._link = link
        self._listener: Listener | None = None

    def on_bytes(self, data: bytes) -> None:
        if self._listener:
            self._listener.data_received(data)

    def on_open(self, is_open: bool) -> None:  # noqa: FBT001  SerialPort's signature
        if is_open:
            self._listener = self._link.attach()
        elif self._listener:
            self._listener.closed()
            self._listener = None
            self._link.say((Said(Meaning.NOTHING),))


async def _listen(link: OneWayLink, config: Config) -> tuple[str, Closer]:
    from device.drivers.tcp import TcpServer, named_or_local

    listen = config.his.announcer.listen
    host, port = split_address(listen)
    may_connect = named_or_local(config.his.allow_plain)
    server = TcpServer(host, port, lambda _: link.attach(), may_connect=may_connect)
    try:
        await server.start()
    except OSError as error:
        why = error.strerror or "cannot listen"
        allowed = "a free address of this machine"
        text = f"[his.announcer] listen = {listen}: {why}; allowed: {allowed}"
        raise ConfigError(text) from None
    return "tcp://{}:{}".format(*server.address), server.aclose


def _nobody(_: bool) -> None:  # noqa: FBT001  SerialPort's signature
    """The old display may be missing; the box works all the same."""


async def _closed_by_its_task() -> None:
    """A serial port is closed by its task."""
