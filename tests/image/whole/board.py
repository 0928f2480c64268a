"""The same card on QEMU's Raspberry Pi 3 (`raspi3b`): the Pi's device tree and its own card reader.

That board has no network in QEMU. What is looked for is that the kernel finds the card by the Pi's
tree, the initrd its slot, and that the box asks for its configuration.
"""

import asyncio
import contextlib
import time

from tests.image.whole.machine import die_with_parent
from tests.image.whole.site import Card
from tests.image.whole.stage import BUILT, Stage

PATIENCE_S = 900.0
TREE = "bcm2837-rpi-3-b.dtb"
# QEMU's watchdog of this board resets at once; the second serial line is the console.
WORDS = (
    "console=ttyS1,115200 loglevel=7 systemd.watchdog_sec=0 systemd.journald.forward_to_console=1"
)
MARKS = {
    "the Pi's card reader found the card": "mmcblk0: p1 p2 p3 p4",
    "initrd picked its slot": "paybox: slot a",
    "systemd runs": "systemd[1]: Hostname set to",
    "the box asks for its configuration": "paybox-provision.service",
}


async def play(stage: Stage) -> None:
    """Start it, and see how far it comes."""
    card = Card.flashed(BUILT / "paybox.img", stage.folder / "board.img")
    words = (BUILT / "boot/cmdline.txt").read_text().strip().replace("quiet loglevel=4 ", "")
    console = stage.folder / "board.console"
    console.touch()
    process = await asyncio.create_subprocess_exec(
        *("qemu-system-aarch64", "-M", "raspi3b", "-display", "none", "-accel", "tcg,thread=multi"),
        *("-kernel", str(BUILT / "boot/vmlinuz"), "-initrd", str(BUILT / "boot/initrd.img")),
        *("-dtb", str(BUILT / "boot" / TREE), "-append", f"{words} {WORDS}"),
        *("-drive", f"file={card.file},if=sd,format=raw"),
        *("-serial", "null", "-serial", f"file:{console}"),
        preexec_fn=die_with_parent,
    )
    began = time.monotonic()
    seen: dict[str, float] = {}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while len(seen) < len(MARKS) and process.returncode is None:
                await asyncio.sleep(1)
                text = console.read_text(errors="replace")
                for name, mark in MARKS.items():
                    if mark in text:
                        seen.setdefault(name, time.monotonic() - began)
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
    for name in MARKS:
        told = f"after {seen[name]:.0f} s" if name in seen else "not seen"
        stage.table.say(f"raspi3b: {name}", told, right=name in seen)
