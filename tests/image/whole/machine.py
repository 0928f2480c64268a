"""An emulated machine with the card in it: QEMU's `virt` board, the card's kernel and initrd."""

import asyncio
import base64
import contextlib
import ctypes
import signal
import time
from pathlib import Path

from simulators.qemu import KEYBOARD, Qemu, connected, option

BOOT_PATIENCE_S = 600.0  # emulated, on a busy machine
SHELL_PATIENCE_S = 120.0
LAST = 16  # bytes: the end of an answer is among them
CABLE = {"driver": "usb-serial", "id": "cable", "bus": "usb.0", "chardev": "his"}
CABLE["always-plugged"] = "on"
PR_SET_PDEATHSIG = 1  # linux/prctl.h
# As on a card (image/boot/cmdline.txt), and a root shell on a line of its own: the release has no
# way in, and the emulator's kernel line is the one thing here that is not on the card.
SHELL = "systemd.debug_shell=hvc0"
# With a random kernel address, which a Pi's firmware does not ask for, every entry into the kernel
# changes page tables: an emulator then forgets what it knows of memory, and takes much longer.
PLAIN = "nokaslr mitigations=off"
# A Raspberry Pi has no clock that runs on: until a time server answers, it is long ago.
LONG_AGO = "base=2020-01-01T00:00:00,clock=vm"

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Guest(Qemu):
    """One start of the machine, until it is switched off."""

    def __init__(self, boot: Path, folder: Path, drive: str, tap: str) -> None:
        super().__init__()
        self._boot, self._folder, self._drive, self._tap = boot, folder, drive, tap
        self._process: asyncio.subprocess.Process
        self._line: Line | None = None
        self._shell: Line | None = None
        """The line, once somebody answers on it."""
        self.his_port = ""
        """The HIS's end of the serial cable."""
        self.started_s = 0.0

    async def start(self) -> None:
        """Switch on."""
        qmp, shell = (self._folder / name for name in ("qmp", "shell"))
        for path in (qmp, shell):
            path.unlink(missing_ok=True)
        words = (self._boot / "cmdline.txt").read_text().strip()
        console = (self._folder / "console").open("ab")
        self.started_s = time.monotonic()
        self._process = await asyncio.create_subprocess_exec(
            *("qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72", "-smp", "2"),
            *("-m", "1024", "-accel", "tcg,thread=multi", "-nodefaults", "-display", "none"),
            *("-kernel", str(self._boot / "vmlinuz"), "-initrd", str(self._boot / "initrd.img")),
            *("-append", f"{words} {SHELL} {PLAIN}", "-rtc", LONG_AGO),
            *("-serial", f"file:{self._folder / 'kernel'}"),
            *("-drive", self._drive, "-device", "virtio-blk-device,drive=card"),
            *("-device", "virtio-serial-pci", "-device", "virtconsole,chardev=shell"),
            *("-chardev", f"socket,id=shell,path={shell},server=on,wait=off"),
            *("-qmp", f"unix:{qmp},server=on,wait=off"),
            *("-netdev", f"tap,id=wire,ifname={self._tap},script=no,downscript=no"),
            *("-device", "virtio-net-pci,netdev=wire,mac=52:54:00:70:61:79"),
            *("-device", "i6300esb", "-action", "watchdog=reset"),
            *("-device", "qemu-xhci,id=usb", "-device", option(KEYBOARD)),
            *("-chardev", "pty,id=his", "-device", option(CABLE)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            preexec_fn=die_with_parent,
        )
        await self.control(qmp)
        lines = (await self.do("query-chardev"))["return"]
        [name] = [one["filename"] for one in lines if one["label"] == "his"]
        self.his_port = name.removeprefix("pty:")

    async def cut(self) -> None:
        """Pull the plug."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
        self._shell = self._line = None

    @property
    def on(self) -> bool:
        """Whether it runs."""
        return self._process.returncode is None

    async def run(self, command: str, patience_s: float = SHELL_PATIENCE_S) -> str:
        """Run one command inside, as root; return what it printed. TimeoutError."""
        if self._shell is None:
            async with asyncio.timeout(BOOT_PATIENCE_S):
                self._shell = await self._open_shell()
        reader, writer = self._shell
        async with asyncio.timeout(patience_s):
            mark = base64.b32encode(str(time.monotonic_ns()).encode()).decode().rstrip("=")
            packed = base64.b64encode(command.encode()).decode()
            line = (
                f"printf '{mark}<'; echo {packed} | base64 -d | bash 2>&1 | base64 -w0; echo '>'\n"
            )
            writer.write(line.encode())
            await writer.drain()
            taken = bytearray()
            while not (mark.encode() in taken and b">" in taken[-LAST:]):
                data = await reader.read(65536)
                if not data:
                    raise EOFError("the shell is gone")
                taken += data
        answer = taken.partition(f"{mark}<".encode())[2].partition(b">")[0]
        return base64.b64decode(answer).decode(errors="replace")

    async def until_reset(self, patience_s: float) -> None:
        """Wait until the machine begins anew by itself; TimeoutError."""
        async with asyncio.timeout(patience_s):
            while "RESET" not in self.events:
                await asyncio.sleep(0.05)
                await self.do("query-status")
        self.events.clear()
        self._shell = None  # there will be another

    async def _open_shell(self) -> Line:
        """Wait until the shell answers, then have it say nothing but answers."""
        self._line = line = self._line or await connected(self._folder / "shell")
        reader, writer = line
        taken, word = "", str(time.monotonic_ns())  # an earlier shell's answers may come first
        while f"quiet {word}" not in taken:
            writer.write(b"stty -echo; PS1= PS2=; bind 'set enable-bracketed-paste off'; clear\n")
            writer.write(f"echo 'quiet' '{word}'\n".encode())
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    while f"quiet {word}" not in taken:
                        taken += (await reader.read(65536)).decode(errors="replace")
        return line


def die_with_parent() -> None:
    """No machine outlives the harness, however that ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
