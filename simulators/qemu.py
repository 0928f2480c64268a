"""QEMU's control line (QMP): keys are typed on its USB keyboard, devices pulled out and put in."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ANSWER_PATIENCE_S = 30.0
PACE_S = 0.012  # between key events: below 4 ms QEMU drops keys without a word
KEYBOARD = {"driver": "usb-kbd", "id": "scanner", "bus": "usb.0"}
QCODES = {char: char for char in "0123456789abcdefghijklmnopqrstuvwxyz"} | {
    "\r": "ret",
    "-": "minus",
    " ": "spc",
}
SHIFTED = dict(zip("!@#$%^&*()", "1234567890", strict=True)) | {
    char.upper(): char for char in "abcdefghijklmnopqrstuvwxyz"
}


class Qemu:
    """A running QEMU's control line."""

    def __init__(self) -> None:
        self._control: asyncio.StreamReader
        self._command: asyncio.StreamWriter
        self.events: list[str] = []
        """What QEMU told by itself, such as RESET, as far as it was read."""
        self.pressed = 0
        """Keys that went down so far."""

    async def control(self, path: Path) -> None:
        """Connect to the socket of `-qmp unix:path,server=on`."""
        self._control, self._command = await connected(path)
        await self._control.readline()
        await self.do("qmp_capabilities")

    async def do(self, execute: str, **arguments: object) -> Mapping[str, Any]:
        """Have QEMU do something; return its answer. RuntimeError if it will not."""
        self._command.write(json.dumps({"execute": execute, "arguments": arguments}).encode())
        while True:
            answer: dict[str, Any] = json.loads(await self._control.readline())
            if "error" in answer:
                raise RuntimeError(answer["error"]["desc"])
            if "return" in answer:
                return answer
            self.events.append(str(answer.get("event")))

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

    async def unplug(self, device: Mapping[str, str]) -> None:
        """Pull it out."""
        await self.do("device_del", id=device["id"])

    async def plug(self, device: Mapping[str, str]) -> None:
        """Put it in (again)."""
        flags = {"on": True, "off": False}
        values = {name: flags.get(value, value) for name, value in device.items()}
        async with asyncio.timeout(ANSWER_PATIENCE_S):
            while True:
                with contextlib.suppress(RuntimeError):  # QEMU has not let go of the old one yet
                    await self.do("device_add", **values)
                    return
                await asyncio.sleep(0.05)


def option(device: Mapping[str, str]) -> str:
    """Return a device as the value of `-device`."""
    driver = device["driver"]
    return ",".join([driver, *(f"{k}={v}" for k, v in device.items() if k != "driver")])


async def connected(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to a socket that QEMU is about to make."""
    async with asyncio.timeout(ANSWER_PATIENCE_S):
        while True:
            with contextlib.suppress(OSError):
                return await asyncio.open_unix_connection(path)
            await asyncio.sleep(0.05)
