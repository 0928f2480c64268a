"""A byte stream by its address, for the HIS's side: `paybox his`, the HIS simulator, tests."""

import asyncio
import errno
import os
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from device.domain.ports import ByteStream
from device.drivers import tcp
from device.drivers.serial_port import SerialPort
from device.drivers.tcp import CONNECT_TIMEOUT_S, Receiver, TcpServer
from device.drivers.tls import client_context, server_context

DEFAULT_BAUDRATE = 9600
TLS_FILES = frozenset({"ca", "cert", "key"})
BAUDRATES = range(1200, 115201)  # his-link §1


async def open_stream(address: str, receiver: Receiver) -> ByteStream:
    """Open `tcp://host:port`, `tls://host:port?ca=FILE` or `serial:///dev/ttyUSB0?baudrate=9600`.

    `baudrate` with `tcp` is the speed of a serial line behind a converter: here it changes nothing.
    `tls` also takes `cert` and `key`, where the box wants to see a certificate. ValueError: no such
    address. OSError: nobody answers there, or the port cannot be opened. ConfigError: a file of
    `tls` cannot be used.
    """
    parts = urlsplit(address)
    if parts.scheme == "tls" and parts.hostname and parts.port:
        tls = _tls(parts.query)
        return await tcp.connect(parts.hostname, parts.port, receiver, tls=tls)
    if parts.scheme == "tcp" and parts.hostname and parts.port:
        _baudrate(parts.query)
        return await tcp.connect(parts.hostname, parts.port, receiver)
    if parts.scheme == "serial" and parts.path and not parts.netloc:
        return await _open_serial(parts.path, _baudrate(parts.query), receiver)
    raise ValueError(
        "neither tcp://HOST:PORT nor tls://HOST:PORT?ca=FILE nor serial:///dev/NAME?baudrate=9600"
    )


def _tls(query: str) -> ssl.SSLContext:
    files = _files(query)
    return client_context(files.get("ca"), files.get("cert"), files.get("key"))


def _files(query: str) -> dict[str, Path]:
    files = {name: Path(values[0]) for name, values in parse_qs(query).items()}
    if not files.keys() <= TLS_FILES:
        raise ValueError("tls:// takes ca, cert and key, such as tls://HOST:PORT?ca=box.pem")
    return files


def _baudrate(query: str) -> int:
    baudrate = int(parse_qs(query).get("baudrate", [str(DEFAULT_BAUDRATE)])[0])
    if baudrate not in BAUDRATES:
        raise ValueError("baudrate must be 1200 to 115200")
    return baudrate


class _SerialStream:
    """A port that is opened once: unplugged is closed for good."""

    def __init__(self, path: str, baudrate: int, receiver: Receiver) -> None:
        self._receiver = receiver
        self.opened = asyncio.Event()
        self._port = SerialPort(path, baudrate, receiver.data_received, self._changed)
        self._task = asyncio.create_task(self._port.run())

    def write(self, data: bytes) -> None:
        self._port.write(data)

    def close(self) -> None:
        self._port.close()

    def _changed(self, is_open: bool) -> None:  # noqa: FBT001  SerialPort's signature
        if is_open:
            self.opened.set()
        else:
            self._receiver.closed()
            self._port.close()


async def _open_serial(path: str, baudrate: int, receiver: Receiver) -> ByteStream:
    _try_to_open(path)
    stream = _SerialStream(path, baudrate, receiver)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await stream.opened.wait()
    except TimeoutError:
        stream.close()
        raise OSError(errno.EBUSY, "in use, or no serial port") from None
    return stream


def _try_to_open(path: str) -> None:
    """Raise what the system says (no such file, permission denied), which `SerialPort` outwaits."""
    os.close(os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))


async def serve_stream(
    address: str, on_stream: Callable[[ByteStream], Receiver]
) -> tuple[str, Callable[[], Awaitable[None]]]:
    """Be the box's end: listen on `tcp://host:port`, or hold `serial:///dev/NAME?baudrate=9600`.

    `tls://host:port?cert=FILE&key=FILE`, with `ca=FILE` too where the peer must show a certificate.
    `on_stream` returns who hears each connection; a serial port is one connection at each opening.
    Returns the address as opened, and what closes it. ValueError, OSError as `open_stream`.
    """
    parts = urlsplit(address)
    if parts.scheme in {"tcp", "tls"} and parts.hostname and parts.port is not None:
        tls = _server_tls(parts.query) if parts.scheme == "tls" else None
        server = TcpServer(parts.hostname, parts.port, on_stream, tls=tls)
        await server.start()
        return "{}://{}:{}".format(parts.scheme, *server.address), server.aclose
    if parts.scheme == "serial" and parts.path and not parts.netloc:
        return address, await _hold_serial(parts.path, _baudrate(parts.query), on_stream)
    raise ValueError(
        "neither tcp://HOST:PORT nor tls://HOST:PORT?cert=FILE&key=FILE "
        "nor serial:///dev/NAME?baudrate=9600"
    )


def _server_tls(query: str) -> ssl.SSLContext:
    files = _files(query)
    if not {"cert", "key"} <= files.keys():
        raise ValueError("tls:// needs cert and key, as tls://HOST:PORT?cert=box.pem&key=key.pem")
    return server_context(files["cert"], files["key"], files.get("ca"))


async def _hold_serial(
    path: str, baudrate: int, on_stream: Callable[[ByteStream], Receiver]
) -> Callable[[], Awaitable[None]]:
    _try_to_open(path)
    held = _HeldPort(path, baudrate, on_stream)
    task = asyncio.create_task(held.port.run())

    async def close() -> None:
        held.port.close()
        await task

    return close


class _HeldPort:
    """A port that is one stream from each opening to the next."""

    def __init__(
        self, path: str, baudrate: int, on_stream: Callable[[ByteStream], Receiver]
    ) -> None:
        self._on_stream = on_stream
        self._receiver: Receiver | None = None
        self.port = SerialPort(path, baudrate, self._bytes, self._changed)

    def _bytes(self, data: bytes) -> None:
        if self._receiver:
            self._receiver.data_received(data)

    def _changed(self, is_open: bool) -> None:  # noqa: FBT001  SerialPort's signature
        if is_open:
            self._receiver = self._on_stream(_Endless(self.port))
        elif self._receiver:
            self._receiver.closed()
            self._receiver = None


class _Endless:
    """A serial port as a stream: whoever closes it hangs up nothing, as with a real cable."""

    def __init__(self, port: SerialPort) -> None:
        self.write = port.write

    def close(self) -> None:
        """A cable stays where it is."""
