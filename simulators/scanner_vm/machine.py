"""The virtual machine: QEMU without acceleration, its keyboard, and the line to the guest."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BOOT_PATIENCE_S = 240.0  # TCG on a busy machine
ANSWER_PATIENCE_S = 30.0
PACE_S = 0.012  # between key events: below 4 ms QEMU drops keys without a word
KEYBOARD = {"driver": "usb-kbd", "id": "scanner", "bus": "usb.0"}
SERIAL = {"driver": "usb-serial", "id": "cable", "bus": "usb.0", "chardev": "codes"}
SERIAL["always-plugged"] = "on"
QCODES = {char: char for char in "0123456789abcdefghijklmnopqrstuvwxyz"} | {"\r": "ret"}
SHIFTED = dict(zip("!@#$%^&*()", "1234567890", strict=True)) | {
    char.upper(): char for char in "abcdefghijklmnopqrstuvwxyz"
}


class Machine:
    """A guest that is booted, typed on, unplugged from."""

    def __init__(self, kernel: Path, initrd: Path, folder: Path) -> None:
        self._kernel, self._initrd, self._folder = kernel, initrd, folder
        self._process: asyncio.subprocess.Process
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.pressed = 0
        """Keys that went down so far."""

    async def start(self) -> dict[str, Any]:
        """Boot; return the guest's first word."""
        qmp, line, codes = (self._folder / name for name in ("qmp", "line", "codes"))
        self._process = await asyncio.create_subprocess_exec(
            *("qemu-system-x86_64", "-accel", "tcg", "-m", "512", "-nodefaults", "-no-reboot"),
            *("-display", "none", "-kernel", str(self._kernel), "-initrd", str(self._initrd)),
            *("-append", "console=ttyS0 quiet panic=-1"),
            *("-serial", f"file:{self._folder / 'console'}"),
            *("-serial", f"unix:{line},server=on,wait=off"),
            *("-qmp", f"unix:{qmp},server=on,wait=off"),
            *("-device", "qemu-xhci,id=usb", "-device", _option(KEYBOARD)),
            *("-chardev", f"socket,id=codes,path={codes},server=on,wait=off"),
            *("-device", _option(SERIAL)),
        )
        self._control, self._command = await _connected(qmp)
        await self._control.readline()
        await self.do("qmp_capabilities")
        self._hear, self._speak = await _connected(line)
        _, self._codes = await _connected(codes)
        self._listening = asyncio.ensure_future(self._listen())
        try:
            return await self.heard(BOOT_PATIENCE_S)
        except TimeoutError:
            lines = (self._folder / "console").read_text(errors="replace").splitlines()
            raise RuntimeError("\n".join(["the guest did not start:", *lines[-20:]])) from None

    async def stop(self) -> None:
        """End it."""
        self._listening.cancel()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def heard(self, patience_s: float = ANSWER_PATIENCE_S) -> dict[str, Any]:
        """Return the next thing the guest says."""
        async with asyncio.timeout(patience_s):
            return await self._said.get()

    async def ask(self, do: str, **how: object) -> None:
        """Have the guest do something."""
        self._speak.write(json.dumps({"do": do, **how}).encode() + b"\n")
        await self._speak.drain()

    async def do(self, execute: str, **arguments: object) -> Mapping[str, Any]:
        """Have QEMU do something."""
        self._command.write(json.dumps({"execute": execute, "arguments": arguments}).encode())
        while True:
            answer: dict[str, Any] = json.loads(await self._control.readline())
            if "error" in answer:
                raise RuntimeError(answer["error"]["desc"])
            if "return" in answer:
                return answer

    async def key(self, qcode: str, *, down: bool) -> None:
        """Press or let go of one key."""
        self.pressed += down
        data = {"down": down, "key": {"type": "qcode", "data": qcode}}
        await self.do("input-send-event", events=[{"type": "key", "data": data}])
        await asyncio.sleep(PACE_S)

    async def type(self, text: str, prefix: str = "") -> None:
        """Type as a scanner does; `prefix` "kp_" takes the keypad's digits."""
        for char in text:
            shift = char in SHIFTED
            code = SHIFTED.get(char) or QCODES[char]
            code = prefix + code if char.isdigit() else code
            if shift:
                await self.key("shift", down=True)
            await self.key(code, down=True)
            await self.key(code, down=False)
            if shift:
                await self.key("shift", down=False)

    async def send(self, text: str) -> None:
        """Have the serial scanner read a code."""
        self._codes.write(text.encode())
        await self._codes.drain()

    async def unplug(self, device: Mapping[str, str]) -> None:
        """Pull it out."""
        await self.do("device_del", id=device["id"])

    async def plug(self, device: Mapping[str, str]) -> None:
        """Put it in again."""
        flags = {"on": True, "off": False}
        values = {name: flags.get(value, value) for name, value in device.items()}
        async with asyncio.timeout(ANSWER_PATIENCE_S):
            while True:
                with contextlib.suppress(RuntimeError):  # QEMU has not let go of the old one yet
                    await self.do("device_add", **values)
                    return
                await asyncio.sleep(0.05)

    async def _listen(self) -> None:
        while line := await self._hear.readline():
            with contextlib.suppress(json.JSONDecodeError):
                await self._said.put(json.loads(line))


def _option(device: Mapping[str, str]) -> str:
    driver = device["driver"]
    return ",".join([driver, *(f"{k}={v}" for k, v in device.items() if k != "driver")])


async def _connected(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(ANSWER_PATIENCE_S):
        while True:
            with contextlib.suppress(OSError):
                return await asyncio.open_unix_connection(path)
            await asyncio.sleep(0.05)
