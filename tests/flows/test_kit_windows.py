"""The C client as a Windows program under Wine, against a real box; DLLs for 32 and 64 bits.

Skipped where mingw-w64 or Wine is not installed: `make kit-windows` says what to install.
"""

import asyncio
import os
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
WINE_S = 90  # the first start of Wine makes its folder

needs_mingw = pytest.mark.skipif(
    any(shutil.which(name) is None for name in COMPILERS.values()),
    reason="mingw-w64 is not installed (gcc-mingw-w64)",
)
needs_wine = pytest.mark.skipif(
    shutil.which("wine") is None, reason="Wine is not installed (wine64)"
)


@needs_mingw
@pytest.mark.parametrize("bits", [32, 64])
def test_the_dll_exports_five_plain_names(bits: int, tmp_path: Path) -> None:
    """Plain, so that VB6 and PowerBuilder find `paybox_pay`, not `_paybox_pay@36`."""
    dll, compiler = tmp_path / "paybox_his.dll", COMPILERS[bits]
    sources = [str(KIT / "paybox_his.c"), str(KIT / "paybox_his.def")]
    libraries = ["-lws2_32", "-static", "-s", "-Wl,--kill-at", "-Wl,--enable-stdcall-fixup"]
    subprocess.run([compiler, *FLAGS, "-shared", "-o", str(dll), *sources, *libraries], check=True)
    dump = compiler.replace("gcc", "objdump")
    said = subprocess.run([dump, "-p", str(dll)], check=True, capture_output=True, text=True).stdout
    names = said.partition("[Ordinal/Name Pointer] Table")[2].partition("\n\n")[0]
    assert [line.split()[-1] for line in names.splitlines() if "paybox" in line] == EXPORTS
    foreign = {line.split()[-1].lower() for line in said.splitlines() if "DLL Name:" in line}
    assert foreign <= {"kernel32.dll", "msvcrt.dll", "ws2_32.dll"}  # there on every Windows 7


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("windows") / "example.exe"
    sources = [str(KIT / "example.c"), str(KIT / "paybox_his.c")]
    command = [COMPILERS[64], *FLAGS, "-o", str(made), *sources, "-lws2_32", "-static"]
    subprocess.run(command, check=True)
    return made


@needs_mingw
@needs_wine
@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_it_pays_queries_and_refunds_under_wine(desk: "Desk", program: Path) -> None:
    desk.his.close()

    async def call(*words: str) -> list[str]:
        environment = {
            **os.environ,
            "WINEDEBUG": "-all",
            "WINEPREFIX": str(program.parent / "wine"),
        }
        process = await asyncio.create_subprocess_exec(
            "wine", str(program), desk.address, *words,
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
