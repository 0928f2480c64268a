"""The composition root: the only package that names concrete drivers, panels and channels.

The display is started before the heavy imports (HTTP, cryptography, SQLite's tools), so that the
first picture comes early; that is why some imports stand inside functions.
"""

# ruff: noqa: PLC0415

import asyncio
import gc
import json
import logging
import sys
from typing import TYPE_CHECKING

from device.config import Config
from device.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from device.display.panel import NoPanel, ThreadPanel
    from device.domain.ports import ByteStream
    from device.domain.replies import Part
    from device.drivers.serial_port import SerialPort
    from device.drivers.tcp import Receiver

__all__ = [
    "check",
    "check_lamp",
    "check_scan",
    "make_port",
    "open_his_stream",
    "replace_board",
    "run",
    "serve_stream",
]

EXIT_CODES = {"ok": 0, "warn": 1, "fail": 2}
MARKS = {"ok": "✓", "warn": "!", "fail": "✗"}


def run(config: Config) -> int:
    """Run the firmware until SIGTERM; returns the exit code."""
    from device.display.panels import make_panel
    from device.domain.screens import Stopped

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    panel = make_panel(config.display, config.box.language)
    panel.start()
    try:
        return asyncio.run(_serve(config, panel))
    except StorageError as error:
        sys.stderr.write(f"paybox: {error}\n")
        return 1
    finally:
        panel.show(Stopped())  # it stays on the glass, where the last one would be untrue
        panel.close()


async def _serve(config: Config, panel: "ThreadPanel | NoPanel") -> int:
    from device.app.box import Box

    box = await Box.open(config, panel)
    return await box.run(_keep_for_good)


def _keep_for_good() -> None:
    """What there is now stays: the collector (off until here) never looks at it again."""
    gc.collect()
    gc.freeze()
    gc.enable()


def replace_board(config: Config) -> int:
    """Bind the data to the board this runs on; ConfigError if that cannot be."""
    from device.app import board
    from device.app.building import JOURNAL_FILE

    return board.replace_board(config, config.box.data_dir / JOURNAL_FILE)


def check(config: Config, *, as_json: bool) -> int:
    """Diagnose part by part without side effects: 0 good, 1 warnings, 2 failures."""
    from device.app.diagnosis import diagnose

    return _print_parts(asyncio.run(diagnose(config)), as_json=as_json)


def check_scan(config: Config, *, as_json: bool) -> int:
    """Read one scan and say how it was; the exit codes are those of `check`."""
    from device.app.scan_trial import PATIENCE_S, try_scan

    sys.stderr.write(f"请在 {PATIENCE_S:.0f} 秒内扫一个付款码（不会收款）/ scan one code now\n")
    return _print_parts([asyncio.run(try_scan(config))], as_json=as_json)


def check_lamp(config: Config, *, as_json: bool) -> int:
    """Play every light and sound; the exit codes are those of `check`."""
    from device.app.lamp_trial import try_lamp

    parts = asyncio.run(try_lamp(config, lambda line: sys.stderr.write(f"{line}\n")))
    return _print_parts(parts, as_json=as_json)


def _print_parts(parts: "list[Part]", *, as_json: bool) -> int:
    if as_json:
        rows = [{"part": p.part, "state": p.state, "text": p.text} for p in parts]
        sys.stdout.write(json.dumps(rows, ensure_ascii=False, indent=1) + "\n")
    else:
        lines = (f"{MARKS[p.state]} {p.part:<9} {p.text}\n" for p in parts)
        sys.stdout.writelines(lines)
    return max(EXIT_CODES[p.state] for p in parts)


async def open_his_stream(address: str, receiver: "Receiver") -> "ByteStream":
    """Open the HIS's end of a link, for `paybox his` (see `drivers.streams`)."""
    from device.drivers.streams import open_stream

    return await open_stream(address, receiver)


def make_port(
    path: str,
    baudrate: int,
    on_bytes: "Callable[[bytes], None]",
    on_open: "Callable[[bool], None]",
) -> "SerialPort":
    """Return a serial port for `paybox tap` (see `drivers.serial_port`)."""
    from device.drivers.serial_port import SerialPort

    return SerialPort(path, baudrate, on_bytes, on_open)


async def serve_stream(
    address: str, on_stream: "Callable[[ByteStream], Receiver]"
) -> "tuple[str, Callable[[], Awaitable[None]]]":
    """Wait for a HIS at the box's end of a line, for `paybox rehearse`."""
    from device.drivers.streams import serve_stream as serve

    return await serve(address, on_stream)
