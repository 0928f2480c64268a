"""The call examples that a compiler here knows, against a real box: Delphi by FPC, C# by Mono.

Skipped where the compiler is not installed (fpc-3.2.2 fp-units-base-3.2.2, mono-mcs mono-runtime).
PowerScript and VB6 have no compiler outside Windows: they are only read.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from device.domain.screens import AmountDue

if TYPE_CHECKING:
    from tests.flows.conftest import Desk

KIT = Path(__file__).parents[2] / "his_kit"
ADDRESS = "tcp://127.0.0.1:7601?encoding=gbk"
"""What stands in the examples; their text is UTF-8 here, and GBK on a cashier's Windows."""
PASCAL = """\
program Till;
uses SysUtils, PayboxHis;
var Answer: AnsiString;
begin
  WriteLn(Collect(ParamStr(1), StrToInt(ParamStr(2)), Answer));
  Write(Answer);
end.
"""
C_SHARP = """\
public static class Till
{
    public static void Main(string[] words)
    {
        string answer;
        System.Console.WriteLine(PayboxHis.Collect(words[0], int.Parse(words[1]), out answer));
        System.Console.Write(answer);
    }
}
"""


def _library(folder: Path, name: str) -> None:
    flags = ["-std=c99", "-O1", "-shared", "-fPIC"]
    source = str(KIT / "c" / "paybox_his.c")
    subprocess.run(["gcc", *flags, "-o", str(folder / name), source], check=True)


def _example(name: str, address: str, folder: Path) -> None:
    text = (KIT / "examples" / name).read_text()
    assert text.count(ADDRESS) == 1
    (folder / name).write_text(text.replace(ADDRESS, address))


def _pascal(folder: Path, address: str) -> list[str]:
    _library(folder, "libpaybox_his.dll.so")
    _example("PayboxHis.pas", address, folder)
    (folder / "PayboxHis.pas").rename(folder / "payboxhis.pas")
    (folder / "till.pas").write_text(PASCAL)
    command = ["fpc", "-Mdelphi", "-Fcutf8", f"-Fl{folder}", "till.pas"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return [str(folder / "till")]


def _c_sharp(folder: Path, address: str) -> list[str]:
    _library(folder, "libpaybox_his.so")
    _example("PayboxHis.cs", address, folder)
    (folder / "till.cs").write_text(C_SHARP)
    command = ["mcs", "-out:till.exe", "till.cs", "PayboxHis.cs"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return ["mono", str(folder / "till.exe")]


def _needs(compiler: str) -> pytest.MarkDecorator:
    missing = any(shutil.which(name) is None for name in (compiler, "gcc"))
    return pytest.mark.skipif(missing, reason=f"{compiler} or gcc is not installed")


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(_pascal, marks=_needs("fpc"), id="delphi"),
        pytest.param(_c_sharp, marks=_needs("mcs"), id="c#"),
    ],
)
async def test_the_example_collects(
    desk: "Desk", tmp_path: Path, build: Callable[[Path, str], list[str]]
) -> None:
    desk.his.close()
    folder = tmp_path / "till"
    folder.mkdir()
    command = await asyncio.to_thread(build, folder, desk.address)
    till = await asyncio.create_subprocess_exec(
        *command, "T1", "1234",
        env={**os.environ, "LD_LIBRARY_PATH": str(folder)}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    due = await desk.glass.until(AmountDue)
    assert (due.amount_fen, due.title) == (1234, "门诊收费")
    desk.scan(desk.code("wechat"))
    said, _ = await asyncio.wait_for(till.communicate(), 30)
    code, *lines = said.decode().split()
    assert code == "1"  # paid: book now
    assert "status=paid" in lines
    assert any(line.startswith("out_trade_no=MZ03") for line in lines)
    assert desk.held_fen() == 1234
