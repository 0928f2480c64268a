"""File systems and the card: made as files, with no mounts and no loop devices."""

import gzip
import shutil
from pathlib import Path

from image import layout
from image.debian import Choice
from image.tools import BuildError, run

HERE = Path(__file__).parent
FIRMWARE = "usr/lib/raspi-firmware"
I2C_NODE = "/soc/i2c@7e804000"
I2C_HZ = "400000"  # a whole picture in 23 ms instead of 92
GPIO_NODE, SPI_NODE = "/soc/gpio@7e200000", "/soc/spi@7e204000"
SPI_PINS = ("9", "10", "11")  # BCM numbers
SPI_SELECT = ("8", "1")  # and active low
SPI_HZ = "8000000"
# The kernel wants a maker's name there, not "spidev"; its spidev driver answers to this one.
SPI_PANEL = "lwn,bk4"
FIRST_SLOTS = "good=a\ntry=\ntries=0\n"


def boot_files(root: Path, choice: Choice, initrd: Path, folder: Path) -> None:
    """Gather the boot partition: first stages, device trees, kernel and initrd."""
    folder.mkdir()
    for name in choice.firmware:
        shutil.copyfile(root / FIRMWARE / name, folder / name)
    [trees] = root.glob("usr/lib/linux-image-*/broadcom")
    for name in choice.boards:
        shutil.copyfile(trees / name, folder / name)
        panel_buses(folder / name)
    for name in ("config.txt", "cmdline.txt"):
        shutil.copyfile(HERE / "boot" / name, folder / name)
    [kernel] = root.glob("boot/vmlinuz-*")
    packed = gzip.compress(kernel.read_bytes(), compresslevel=6, mtime=0)  # the firmware unpacks it
    (folder / "vmlinuz").write_bytes(packed)
    shutil.copyfile(initrd, folder / "initrd.img")


def panel_buses(tree: Path) -> None:
    """Set up the two buses of panels in a device tree: I2C quicker, SPI on, with /dev/spidev0.0.

    The kernel's trees leave SPI off, and Debian's kernel takes no overlay while it runs. As
    raspi-firmware's overlay pi4-spidev does it, for the first chip select alone: GPIO 7 stays free.
    """
    panel, pins = f"{SPI_NODE}/panel@0", f"{GPIO_NODE}/spi0-gpio7"
    chip, group = (
        run("fdtget", "-t", "u", tree, node, "phandle").strip() for node in (GPIO_NODE, pins)
    )
    run("fdtput", "-c", tree, panel)
    for node, name, kind, *values in (
        (I2C_NODE, "clock-frequency", "u", I2C_HZ),
        (pins, "brcm,pins", "u", *SPI_PINS),
        (SPI_NODE, "pinctrl-names", "s", "default"),
        (SPI_NODE, "pinctrl-0", "u", group),
        (SPI_NODE, "cs-gpios", "u", chip, *SPI_SELECT),
        (SPI_NODE, "status", "s", "okay"),
        (panel, "compatible", "s", SPI_PANEL),
        (panel, "reg", "u", "0"),
        (panel, "spi-max-frequency", "u", SPI_HZ),
    ):
        run("fdtput", "-t", kind, tree, node, name, *values)


def boot_image(folder: Path, file: Path, epoch: int) -> None:
    """Make the FAT partition."""
    _empty(file, layout.BOOT.size)
    number = f"{layout.BOOT_NUMBER:08x}"
    label = layout.BOOT.name
    run("mkfs.vfat", "-F", "32", "-s", "4", "-i", number, "-n", label, "--invariant", file)
    run("find", folder, "-exec", "touch", "-d", f"@{epoch}", "{}", "+")
    names = sorted(path for path in folder.iterdir())
    run(
        "mcopy", "-s", "-m", "-i", file, *names, "::", environment={"SOURCE_DATE_EPOCH": str(epoch)}
    )


def root_image(root: Path, file: Path, epoch: int) -> None:
    """Make the read-only root. BuildError if it is larger than its slot."""
    run(
        "mkfs.erofs",
        "--quiet",
        "-x-1",
        "-zlz4hc",
        f"-T{epoch}",
        f"-U{layout.ROOT_UUID}",
        file,
        root,
    )
    if file.stat().st_size > layout.ROOT_A.size:
        size = file.stat().st_size // layout.MIB
        raise BuildError(f"the root is {size} MiB, its slot {layout.ROOT_A.size // layout.MIB}")


def data_image(tree: Path, file: Path, epoch: int) -> None:
    """Make the data partition of a box that has never run."""
    tree.mkdir()
    (tree / "slots").write_text(FIRST_SLOTS)
    file.unlink(missing_ok=True)
    fixed = {"E2FSPROGS_FAKE_TIME": str(epoch)}
    run(
        *(
            "mke2fs",
            "-q",
            "-t",
            "ext4",
            "-b",
            "4096",
            "-L",
            layout.DATA.name,
            "-U",
            layout.DATA_UUID,
        ),
        *("-E", f"hash_seed={layout.DATA_HASH_SEED},root_owner=0:0,lazy_itable_init=0"),
        *("-m", "1", file, f"{layout.DATA.size // 1024}k"),
        environment=fixed,
    )
    # Not mke2fs -d: it would keep the times at which this machine made the files.
    run("debugfs", "-w", "-R", f"write {tree / 'slots'} slots", file, environment=fixed)


def assemble(file: Path, boot: Path, root: Path, data: Path) -> None:
    """Write the table and the partitions into one sparse file. Root B is empty until an update."""
    _empty(file, layout.SIZE)
    run("sfdisk", "--quiet", file, stdin=layout.table())
    for part, source in ((layout.BOOT, boot), (layout.ROOT_A, root), (layout.DATA, data)):
        seek = layout.start_of(part) // layout.MIB
        words = ("bs=1M", f"seek={seek}", "conv=notrunc,sparse", "status=none")
        run("dd", f"if={source}", f"of={file}", *words)


def _empty(file: Path, size: int) -> None:
    file.unlink(missing_ok=True)
    with file.open("wb") as made:
        made.truncate(size)
