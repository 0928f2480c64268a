"""Boot, play each story on the real device, print what the box was told; 1 if one is wrong."""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from simulators.qemu import KEYBOARD
from simulators.scanner_vm.initrd import build
from simulators.scanner_vm.kernel import unpacked
from simulators.scanner_vm.machine import SERIAL, Machine

CACHE = Path("build/scanner-vm")
NEEDED = {"qemu-system-x86_64": "qemu-system-x86", "cpio": "cpio", "depmod": "kmod"}
NEEDED |= {"/bin/busybox": "busybox-static"}
WECHAT, OTHER = "134567890123456789", "130000000000000001"
QUIET_S = 1.5  # nothing more is said after a story: longer than any pause of the drivers
MOST_RESUME_MS = 1000
EBUSY = 16
POS = (
    "058C 0902 A101 8502 7508 9501 0501 093B 8102"
    "058C 9538 09FE 820201 7501 9501 09FF 8102 9507 8103 C0"
)


class Stage:
    """A machine and what it has told since the story began."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.told: list[object] = []
        self.notes: list[str] = []

    async def until(self, wanted: object) -> dict[str, Any]:
        """Wait until the box was told this; return it with what else is known of it."""
        while True:
            said = await self.machine.heard()
            heard = self._note(said)
            if heard == wanted and type(heard) is type(wanted):
                return said

    def begin(self) -> None:
        """A new story."""
        self.told, self.notes = [], []

    async def lost_keys(self) -> int:
        """How many keys of this story the kernel never saw go down."""
        pressed, self.machine.pressed = self.machine.pressed, 0
        await self.machine.ask("keys")
        while "keys" not in (said := await self.machine.heard()):
            pass
        return pressed - int(said["keys"])

    async def quiet(self) -> None:
        """Take what comes until nothing comes."""
        try:
            while True:
                self._note(await self.machine.heard(QUIET_S))
        except TimeoutError:
            return

    def _note(self, said: dict[str, Any]) -> object:
        for name in ("keyboard", "pos", "serial", "grab"):
            if name in said:
                self.told.append(said[name])
                return said[name]
        return None


async def scan(stage: Stage) -> None:
    """A code and Enter."""
    await stage.machine.type(WECHAT + "\r")
    said = await stage.until(WECHAT)
    late_ms = said["age_ms"] - said["ms"]
    stage.notes.append(f"{said['ms']} ms first to last key, told {late_ms} ms after it")


async def keypad(stage: Stage) -> None:
    """Digits of the keypad."""
    await stage.machine.type(OTHER + "\r", prefix="kp_")


async def capitals(stage: Stage) -> None:
    """Shift."""
    await stage.machine.type("PBX1aBc9\r")


async def no_suffix(stage: Stage) -> None:
    """Eighteen digits and nothing after them."""
    await stage.machine.type(WECHAT)
    said = await stage.until(WECHAT)
    stage.notes.append(f"ended by {said['by']}")


async def read_twice(stage: Stage) -> None:
    """A double trigger."""
    await stage.machine.type(OTHER + "\r")
    await stage.machine.type(OTHER + "\r")


async def french(stage: Stage) -> None:
    """A scanner set to another keyboard layout."""
    await stage.machine.type("!@#$%^&*()!@#$%^&*\r")


async def stuck_key(stage: Stage) -> None:
    """A digit that is held: the kernel repeats it, and gives no second key-down of it."""
    await stage.machine.key("5", down=True)
    await stage.until("(cut)")
    await stage.machine.type(WECHAT + "\r")
    await stage.until("(stuck)")
    await stage.machine.key("5", down=False)
    await stage.machine.type(WECHAT + "\r")


async def overrun(stage: Stage) -> None:
    """The loop does not read for longer than a scan: the kernel's buffer runs over."""
    await stage.machine.ask("block", seconds=2.5)
    await stage.machine.type(WECHAT + "\r")
    await stage.until("(overrun)")
    await asyncio.sleep(1.2)
    await stage.machine.type(OTHER + "\r")


async def unplugged(stage: Stage) -> None:
    """Pulled out in the middle of a code, and put in again."""
    await stage.machine.type(WECHAT[:9])
    await stage.machine.unplug(KEYBOARD)
    await stage.until(wanted=False)
    await _plugged_in(stage, KEYBOARD)
    await stage.machine.type(WECHAT + "\r")


async def _plugged_in(stage: Stage, device: Mapping[str, str]) -> None:
    """Plug in; ours is what follows the node's creation, before it the kernel gets to know it."""
    await stage.machine.plug(device)
    began = time.perf_counter()
    said = await stage.until(wanted=True)
    whole_ms = (time.perf_counter() - began) * 1e3
    ours_ms = said["held_ms"]
    stage.notes.append(f"held {ours_ms} ms after its node appeared, {whole_ms:.0f} in all")
    if ours_ms > MOST_RESUME_MS:
        stage.told.append(f"too late: limit {MOST_RESUME_MS} ms")


async def second_reader(stage: Stage) -> None:
    """Nobody else may read along."""
    await stage.machine.ask("grab")


async def serial(stage: Stage) -> None:
    """A serial scanner (FTDI): a code without an end, pulled out, put in again."""
    await stage.machine.send(WECHAT)
    said = await stage.until(WECHAT)
    stage.notes.append(f"ended by {said['by']}")
    await stage.machine.unplug(SERIAL)
    await stage.until(wanted=False)
    await _plugged_in(stage, SERIAL)
    await stage.machine.send(OTHER + "\r")


async def hid_pos(stage: Stage) -> None:
    """A scanner in HID-POS mode, by uhid: plugged in, read, pulled out."""
    await stage.machine.ask("plug", descriptor=POS)
    await stage.until(wanted=True)
    head, tail = WECHAT[:10].encode(), WECHAT[10:].encode()
    await stage.machine.ask("report", report=_report(head, more=1))
    await stage.machine.ask("report", report=_report(tail, more=0))
    await stage.until(WECHAT)
    await stage.machine.ask("unplug")


def _report(data: bytes, *, more: int) -> str:
    return (bytes([2, len(data)]) + data.ljust(56, b"\0") + bytes([more])).hex()


PLAYS = 3  # a fault of ours is there each time
Story = Callable[[Stage], Awaitable[None]]
STORIES: dict[Story, list[object]] = {
    scan: [WECHAT],
    keypad: [OTHER],
    capitals: ["PBX1aBc9"],
    no_suffix: [WECHAT],
    read_twice: [OTHER],
    french: ["(layout)"],
    stuck_key: ["(cut)", "(stuck)", WECHAT],
    overrun: ["(overrun)", OTHER],
    unplugged: ["(unplugged)", False, True, WECHAT],
    second_reader: [EBUSY],
    serial: [WECHAT, False, True, OTHER],
    hid_pos: [True, WECHAT, False],
}


async def play(machine: Machine) -> bool:
    """Play all; whether all were right."""
    first = await machine.start()
    print(f"kernel {first['kernel']}, Python {first['hello']}, evdev {version('evdev')}")
    stage = Stage(machine)
    await stage.quiet()  # the keyboard and the serial port are held
    fits = [await _story(stage, story, right) for story, right in STORIES.items()]
    return all(fits)


async def _story(stage: Stage, story: Story, right: list[object]) -> bool:
    """Play one; again, and said so, if it was wrong: a busy host loses keys or pauses in a code."""
    name = (story.__doc__ or "").rstrip(".")
    for left in reversed(range(PLAYS)):
        stage.begin()
        try:
            await story(stage)
        except TimeoutError:
            stage.notes.append("waited in vain")
        await stage.quiet()
        told = list(stage.told)
        lost = await stage.lost_keys()
        if told == right:
            print(f"ok  {name}: {'; '.join(stage.notes)}".rstrip(": "))
            return True
        print(f"{'again' if left else 'BAD'} {name}: told {told}, right {right}, {lost} keys lost")
    return False


async def run() -> bool:
    """Build what is needed, boot, play."""
    kernel = unpacked(CACHE)
    with tempfile.TemporaryDirectory(prefix="paybox-vm-") as folder:
        initrd = Path(folder) / "initrd"
        build(kernel, initrd, Path(folder) / "tree")
        machine = Machine(kernel.image, initrd, Path(folder))
        try:
            return await play(machine)
        finally:
            await machine.stop()


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    argparse.ArgumentParser(prog="python -m simulators.scanner_vm", description=__doc__).parse_args(
        argv
    )
    missing = [package for program, package in NEEDED.items() if not shutil.which(program)]
    if missing:
        sys.stderr.write(f"missing: apt-get install {' '.join(missing)}\n")
        return 2
    return 0 if asyncio.run(run()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
