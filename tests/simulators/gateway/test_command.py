"""`paybox gateway` as a command, in a process of its own."""

import asyncio
import json
import re
import signal
import sys
import urllib.request
from pathlib import Path

import pytest

from simulators.gateway.__main__ import behaviour_table, main
from simulators.gateway.behaviours import TABLE
from simulators.gateway.identities import Identities

READY = re.compile(
    r"ready wechat=(http://127\.0\.0\.1:\d+) alipay=http://127\.0\.0\.1:\d+/gateway\.do"
    r" keys=(\S+) tls=https://127\.0\.0\.1:\d+\n"
)


async def start(*arguments: str | Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "simulators.gateway",
        *map(str, arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_ready_serves_and_ends_on_a_signal(
    keys: Identities, tmp_path: Path, number: signal.Signals
) -> None:
    scenario = tmp_path / "s.toml"
    scenario.write_text('[[bind]]\nmatch = { digits = "7" }\ndo = ["password_never"]\n')
    process = await start("--tls-port", "0", "--certs", keys.directory, "--scenario", scenario)
    assert process.stdout
    line = (await process.stdout.readline()).decode()
    found = READY.fullmatch(line)
    assert found, line
    assert found[2] == str(keys.directory)
    with await asyncio.to_thread(urllib.request.urlopen, f"{found[1]}/_admin/book") as answer:
        assert json.load(answer)["trades"] == []
    process.send_signal(number)
    out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"", b"")


async def test_a_wrong_scenario_is_one_line_and_exit_2(keys: Identities, tmp_path: Path) -> None:
    scenario = tmp_path / "s.toml"
    scenario.write_text('[[bind]]\ndo = ["nothing"]\n')
    process = await start("--certs", keys.directory, "--scenario", scenario)
    _, err = await process.communicate()
    assert process.returncode == 2
    assert err.decode().startswith(f"paybox gateway: {scenario}: behaviour")
    assert err.count(b"\n") == 1


def test_the_list_names_every_behaviour(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert capsys.readouterr().out == behaviour_table() + "\n"
    assert [line.split()[0] for line in behaviour_table().splitlines()] == list(TABLE)


def test_the_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    text = capsys.readouterr().out
    for word in ("--scenario", "/_admin/behaviours", "[[bind]]", "paybox.toml"):
        assert word in text
