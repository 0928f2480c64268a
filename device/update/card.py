"""The machine's own card: two root partitions and the data partition beside them."""

import contextlib
import os
import re
from pathlib import Path

from device.errors import UpdateRefused

DATA = Path("/data")
MOUNTS = Path("/proc/self/mountinfo")
PARTITIONS = {"a": "2", "b": "3"}
DATA_PARTITION = "4"


def slot_devices(data: Path = DATA, mounts: Path = MOUNTS) -> dict[str, Path]:
    """Return the partitions of both slots: on the card that the data partition is on."""
    for line in mounts.read_text(encoding="utf-8").splitlines():
        fields, _, rest = line.partition(" - ")
        place = fields.split()[4]
        device = rest.split()[1]
        if place == str(data) and re.fullmatch(rf"/dev/\w*{DATA_PARTITION}", device):
            disk = device.removesuffix(DATA_PARTITION)
            return {slot: Path(disk + number) for slot, number in PARTITIONS.items()}
    raise UpdateRefused("不是整卡镜像，不能这样升级 / not a card with two slots")


class RealCard:
    """See `install.Card`."""

    def __init__(self, devices: dict[str, Path], data: Path = DATA) -> None:
        self._devices = devices
        self._data = data

    def room(self, slot: str) -> int:
        """See `Card`."""
        with self._devices[slot].open("rb") as device:
            return device.seek(0, os.SEEK_END)

    def write(self, slot: str, offset: int, data: bytes) -> None:
        """See `Card`. Linux refuses to open exclusively what is mounted: the running slot."""
        descriptor = os.open(self._devices[slot], os.O_WRONLY | os.O_EXCL)
        try:
            while data:
                done = os.pwrite(descriptor, data, offset)
                offset, data = offset + done, data[done:]
        finally:
            os.close(descriptor)

    def sync(self, slot: str) -> None:
        """See `Card`."""
        descriptor = os.open(self._devices[slot], os.O_RDWR)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)

    def read(self, slot: str, offset: int, length: int) -> bytes:
        """See `Card`."""
        with self._devices[slot].open("rb") as device:
            device.seek(offset)
            return device.read(length)

    def note(self, name: str) -> str:
        """See `Card`."""
        with contextlib.suppress(FileNotFoundError):
            return (self._data / name).read_text(encoding="utf-8")
        return ""

    def set_note(self, name: str, text: str) -> None:
        """See `Card`."""
        part = self._data / f"{name}.new"
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._data / name)
        folder = os.open(self._data, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
