"""The virtual machine: QEMU without acceleration, its keyboard, and the line to the guest."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

from simulators.qemu import ANSWER_PATIENCE_S, KEYBOARD, Qemu, connected, option

BOOT_PATIENCE_S = 240.0  # TCG on a busy machine
SERIAL = {"driver": "usb-serial", "id": "cable", "bus": "usb.0", "chardev": "codes"}
SERIAL["always-plugged"] = "on"


class Machine(Qemu):
    """A guest that is booted, typed on, unplugged from."""

    def __init__(self, kernel: Path, initrd: Path, folder: Path) -> None:
        super().__init__()
        self._kernel, self._initrd, self._folder = kernel, initrd, folder
        self._process: asyncio.subprocess.Process
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

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
            *("-device", "qemu-xhci,id=usb", "-device", option(KEYBOARD)),
            *("-chardev", f"socket,id=codes,path={codes},server=on,wait=off"),
            *("-device", option(SERIAL)),
        )
        await self.control(qmp)
        self._hear, self._speak = await connected(line)
        _, self._codes = await connected(codes)
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

    async def send(self, text: str) -> None:
        """Have the serial scanner read a code."""
        self._codes.write(text.encode())
        await self._codes.drain()

    async def _listen(self) -> None:
        while line := await self._hear.readline():
            with contextlib.suppress(json.JSONDecodeError):
                await self._said.put(json.loads(line))
