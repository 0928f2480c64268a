"""The board under the card: its serial number and the box key, as files that the box reads."""

from pathlib import Path

from device.app.board import board_of
from device.clock import Clock
from device.config.sections import Box as BoardSection
from device.journal import Inline, SqliteJournal
from simulators.world.disk import Disk
from simulators.world.keys import BOX_KEY
from simulators.world.names import BOX_ID, DESK, DESK_CODE

SERIAL = "board-serial"


def board(directory: Path) -> BoardSection:
    """Return the `[box]` section of the world's box, with its two files written."""
    key, serial = directory / "box.key", directory / SERIAL
    key.write_bytes(BOX_KEY)
    serial.write_text("10000000a1b2c3d4")
    return BoardSection(
        id=BOX_ID,
        desk=DESK,
        desk_code=DESK_CODE,
        data_dir=directory,
        key_file=key,
        board_serial_file=serial,
    )


def exchange(section: BoardSection, number: int) -> None:
    """Put the card into another box."""
    assert section.board_serial_file
    section.board_serial_file.write_text(f"10000000{number:08x}")


async def provision(section: BoardSection, disk: Disk, clock: Clock) -> None:
    """`paybox provision --replace-board`, run by a technician while the box is stopped."""
    journal = await SqliteJournal.open(disk.path, clock, Inline(), connect=disk.connect)
    await journal.bind(board_of(section), again=True)
    await journal.aclose()
