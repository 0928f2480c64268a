"""Where things are on the card: one table of partitions, and the numbers that name it."""

from dataclasses import dataclass

MIB = 1 << 20
SECTOR = 512  # bytes
CARD_NUMBER = 0x70617962  # "payb": the disk signature, by which the initrd knows the card
BOOT_NUMBER = 0x626F6F74  # the boot partition's volume number
DATA_UUID = "70617962-0000-4000-8000-000000000004"
DATA_HASH_SEED = "70617962-0000-4000-8000-0000000000aa"
ROOT_UUID = "70617962-0000-4000-8000-000000000002"
START = 4 * MIB  # cards erase in blocks of up to 4 MiB


@dataclass(frozen=True, slots=True)
class Partition:
    """One line of the partition table."""

    name: str
    kind: str
    """MBR type, hex."""
    size: int
    """Bytes."""


BOOT = Partition("PAYBOX-BOOT", "0c", 256 * MIB)  # an update's bundle has room on it
ROOT_A = Partition("root a", "83", 512 * MIB)
ROOT_B = Partition("root b", "83", 512 * MIB)
DATA = Partition("PAYBOX-DATA", "83", 64 * MIB)  # grows to the end of the card: systemd/grow-data
PARTITIONS = (BOOT, ROOT_A, ROOT_B, DATA)
SIZE = START + sum(one.size for one in PARTITIONS)


def start_of(partition: Partition) -> int:
    """Return where it begins, in bytes from the start of the card."""
    before = PARTITIONS[: PARTITIONS.index(partition)]
    return START + sum(one.size for one in before)


def table() -> str:
    """Return the partition table as `sfdisk` reads it."""
    lines = [
        f"start={start_of(one) // SECTOR}, size={one.size // SECTOR}, type={one.kind}"
        for one in PARTITIONS
    ]
    lines[0] += ", bootable"
    return "\n".join(["label: dos", f"label-id: {CARD_NUMBER:#x}", "unit: sectors", *lines, ""])
