"""Binding the data to the board they were made on (payment-states §1.9).

A copied card in a second box would use the same order numbers for other patients. So the journal
keeps a keyed hash of the board's serial number, and on another board the box does not start until
a technician says so.
"""

# ruff: noqa: PLC0415  the command needs the journal only after the file was found good

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from device.config import Config, read_key
from device.config.sections import Box
from device.domain.numbers import keyed_hash
from device.errors import ConfigError

if TYPE_CHECKING:
    from device.journal import SqliteJournal

LONGEST_SERIAL = 256  # bytes; a Raspberry Pi's has 16
REPLACE = "paybox provision --replace-board -c FILE"


def board_of(section: Box) -> str:
    """Return the keyed hash of the serial number of this board; empty if it says none."""
    if section.board_serial_file is None:
        return ""
    try:
        with section.board_serial_file.open("rb") as file:
            raw = file.read(LONGEST_SERIAL)
    except OSError:
        return ""
    serial = raw.decode(errors="replace").strip("\0 \t\r\n")
    return keyed_hash(read_key(section.key_file), "board", serial) if serial else ""


async def check_board(section: Box, journal: "SqliteJournal") -> None:
    """Bind a journal that is free; ConfigError if it belongs to another board."""
    if section.board_serial_file is None:
        return
    here, bound = board_of(section), await journal.board()
    if bound and here != bound:
        raise ConfigError(
            f"[box] board_serial_file = {section.board_serial_file}: 数据属于另一块主板，不启动；"
            f"确认更换主板后运行 {REPLACE} / the data belong to another board"
        )
    if here and not bound:
        await journal.bind(here)


def replace_board(config: Config, path: Path) -> int:
    """Bind the journal to the board this runs on; ConfigError if there is none of either."""
    here = board_of(config.box)
    if not here:
        raise ConfigError(
            f"[box] board_serial_file = {config.box.board_serial_file}: 没有主板序列号"
            " / no serial number; allowed: a file that holds one"
        )
    if not path.exists():
        raise ConfigError(f"{path}: 尚无流水，首次运行时自动绑定 / no journal yet; run binds it")
    asyncio.run(_bind(config, path, here))
    sys.stdout.write(f"已绑定到本主板 / bound to this board: {config.box.id}\n")
    return 0


async def _bind(config: Config, path: Path, board: str) -> None:
    from device.app.building import make_clock
    from device.journal import Inline, SqliteJournal

    journal = await SqliteJournal.open(path, make_clock(config), Inline())
    try:
        await journal.bind(board, again=True)
    finally:
        await journal.aclose()
