"""`paybox check --scan` over a real pty."""

import asyncio
import os
import tty
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from device import config as configuration
from device.app import scan_trial
from device.app.scan_trial import try_scan
from device.config import Config, Scanner
from device.domain.replies import Part

CODE = "134567890123456789"


@pytest.fixture
def ends() -> Iterator[tuple[int, str]]:
    master, slave = os.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


@pytest.fixture
def cable(ends: tuple[int, str]) -> int:
    return ends[0]


@pytest.fixture
def config(ends: tuple[int, str], tmp_path: Path) -> Config:
    (tmp_path / "box.key").write_bytes(bytes(32))
    file = tmp_path / "paybox.toml"
    file.write_text(
        '[box]\nid = "B"\ndesk = "D"\ndesk_code = "DESK"\ndata_dir = "data"\nkey_file = "box.key"\n'
        '[his]\nlink = "tcp"\n[his.tcp]\n[channels.wechat]\nappid = "a"\nmch_id = "m"\n'
    )
    scanner = Scanner(driver="serial", port=ends[1])
    return replace(configuration.load(file), scanner=scanner)


async def tried(config: Config, cable: int, text: str) -> Part:
    trial = asyncio.create_task(try_scan(config))
    loop, again = asyncio.get_running_loop(), asyncio.Event()
    loop.call_later(0.1, again.set)  # the port is open by then, and flushed
    await again.wait()
    os.write(cable, text.encode())
    return await trial


async def test_a_good_scan_is_told_with_its_milliseconds_and_never_with_its_code(
    config: Config, cable: int
) -> None:
    part = await tried(config, cable, CODE + "\r")
    assert part.state == "ok"
    assert part.text.startswith("18 个字符，")
    assert part.text.endswith("后缀 CR")
    assert CODE not in part.text


async def test_a_scan_that_is_thrown_away_says_why(config: Config, cable: int) -> None:
    part = await tried(config, cable, "!@#$%^&*()!@#$%^&*\r")
    assert (part.state, "键盘布局" in part.text) == ("warn", True)


async def test_without_a_scanner_it_says_so(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan_trial, "FOUND_S", 0.01)
    missing = replace(config, scanner=Scanner(driver="serial", port="/dev/ttyNOWHERE0"))
    part = await try_scan(missing)
    assert (part.state, "未打开" in part.text) == ("fail", True)


async def test_without_a_scan_it_ends(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_trial, "PATIENCE_S", 0.05)
    assert (await try_scan(config)).state == "fail"
