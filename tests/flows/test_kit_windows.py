"""The DLLs for 32 and 64 bits, called by a Windows program under Wine, against a real box.

Skipped where mingw-w64 or Wine is not installed: `make kit-windows` says what to install. The
32-bit DLL needs Debian's wine32, or `PAYBOX_WINE32`: the command that runs such a program, for
example in an i386 chroot that shares /tmp.
"""

import asyncio
import os
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from device.domain.screens import AmountDue

if TYPE_CHECKING:
    from tests.flows.conftest import Desk

KIT = Path(__file__).parents[2] / "his_kit" / "c"
FLAGS = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror"]
COMPILERS = {32: "i686-w64-mingw32-gcc", 64: "x86_64-w64-mingw32-gcc"}
EXPORTS = ["paybox_close", "paybox_open", "paybox_pay", "paybox_query", "paybox_refund"]
WINE32_FOLDER = Path("/usr/lib/i386-linux-gnu/wine")
WINE32 = os.environ.get("PAYBOX_WINE32", "wine" if WINE32_FOLDER.exists() else "").split()
WINE_S = 90  # the first start of Wine makes its folder

needs_mingw = pytest.mark.skipif(
    any(shutil.which(name) is None for name in COMPILERS.values()),
    reason="mingw-w64 is not installed (gcc-mingw-w64)",
)
needs_wine = pytest.mark.skipif(
    shutil.which("wine") is None, reason="Wine is not installed (wine64)"
)
needs_wine32 = pytest.mark.skipif(not WINE32, reason="Wine for 32 bits is not installed (wine32)")


@needs_mingw
@pytest.mark.parametrize("bits", [32, 64])
def test_the_dll_exports_five_plain_names(bits: int, tmp_path: Path) -> None:
    """Plain, so that VB6 and PowerBuilder find `paybox_pay`, not `_paybox_pay@36`."""
    dll, compiler = _dll(bits, tmp_path), COMPILERS[bits]
    dump = compiler.replace("gcc", "objdump")
    said = subprocess.run([dump, "-p", str(dll)], check=True, capture_output=True, text=True).stdout
    names = said.partition("[Ordinal/Name Pointer] Table")[2].partition("\n\n")[0]
    assert [line.split()[-1] for line in names.splitlines() if "paybox" in line] == EXPORTS
    foreign = {line.split()[-1].lower() for line in said.splitlines() if "DLL Name:" in line}
    on_windows_7 = {"advapi32.dll", "kernel32.dll", "msvcrt.dll", "ws2_32.dll"}
    assert foreign <= on_windows_7


def _dll(bits: int, folder: Path) -> Path:
    """As `make kit-windows` builds it."""
    dll = folder / "paybox_his.dll"
    sources = [str(KIT / "paybox_his.c"), str(KIT / "paybox_his.def")]
    libraries = ["-lws2_32", "-static", "-s", "-Wl,--kill-at", "-Wl,--enable-stdcall-fixup"]
    command = [COMPILERS[bits], *FLAGS, "-shared", "-o", str(dll), *sources, *libraries]
    subprocess.run(command, check=True)
    return dll


def _program(bits: int, folder: Path) -> Path:
    """The example, which finds the DLL beside it."""
    made, dll = folder / "example.exe", _dll(bits, folder)
    flags = [*FLAGS, "-static", "-Wl,--enable-stdcall-fixup"]
    command = [COMPILERS[bits], *flags, "-o", str(made), str(KIT / "example.c"), str(dll)]
    subprocess.run(command, check=True)
    return made


@needs_mingw
@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("bits", "wine"),
    [
        pytest.param(32, WINE32, marks=needs_wine32, id="32 bits"),
        pytest.param(64, ["wine"], marks=needs_wine, id="64 bits"),
    ],
)
async def test_it_pays_queries_and_refunds_under_wine(
    desk: "Desk", tmp_path: Path, bits: int, wine: list[str]
) -> None:
    folder = tmp_path / "windows"
    folder.mkdir()
    program = await asyncio.to_thread(_program, bits, folder)
    desk.his.close()

    options = ""

    async def call(*words: str) -> list[str]:
        environment = {
            **os.environ,
            "WINEDEBUG": "-all",
            "WINEPREFIX": str(program.parent / "wine"),
        }
        process = await asyncio.create_subprocess_exec(
            *wine, str(program), desk.address + options, *words,
            env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        said, _ = await asyncio.wait_for(process.communicate(), WINE_S)
        return said.decode().split()

    assert (await call("query", "nobody", "0", "10"))[0] == "7"
    asked = asyncio.ensure_future(
        call("pay", "T1", "1", "1234", "outpatient_fee", "operator=7", str(WINE_S))
    )
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat"))
    paid = await asked
    assert paid[0] == "1"
    assert "status=paid" in paid
    assert (await call("query", "T1", "0", "10"))[0] == "1"
    assert (await call("refund", "R1", "T1", "234", "x", "20"))[0] == "4"
    assert desk.held_fen() == 1000
    await desk.power_off()
    (desk.directory / "his.key").write_text(secrets.token_hex(32) + "\r\n")
    desk.changes = {"his": {"security": "aes"}}
    await desk.power_on()
    assert (await call("query", "T1", "0", "10"))[0] == "0"  # a stranger on a sealed link
    options = f"?key_file=Z:{desk.directory}/his.key"
    assert (await call("query", "T1", "0", "10"))[0] == "1"
