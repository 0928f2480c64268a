"""`paybox tap` over a real pty, with the recorded streams."""

import asyncio
import json
import os
import pty
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from device import app
from device.__main__ import main as paybox
from device.drivers.serial_port import SerialPort
from device.his_link import tap
from device.his_link.fitting import Fitting, masked, proposal

STREAMS = json.loads((Path(__file__).parents[1] / "vectors" / "one_way.json").read_text())[
    "streams"
]


make_port = app.make_port  # the real one: a test puts its own in this place
PATIENCE_S = 20.0  # a loaded machine takes its time


class Line:
    """The HIS's end of the cable; it hangs up when everything it wrote was heard."""

    def __init__(self) -> None:
        self.near, self.far = pty.openpty()
        tty.setraw(self.far)
        self.path = os.ttyname(self.far)
        self._opened = threading.Event()
        self._heard = threading.Semaphore(0)

    def play(self, *bursts: bytes, pause_s: float = 0.02) -> None:
        """Write once the command has the port open: opening throws away what came before."""
        self._opened.clear()

        def write() -> None:
            assert self._opened.wait(PATIENCE_S)
            for burst in bursts:
                os.write(self.near, burst)
                for _ in burst:
                    assert self._heard.acquire(timeout=PATIENCE_S)
                time.sleep(pause_s)
            self._loop.call_soon_threadsafe(self._port.close)

        threading.Thread(target=write).start()

    def make_port(
        self,
        path: str,
        baudrate: int,
        on_bytes: Callable[[bytes], None],
        on_open: Callable[[bool], None],
    ) -> SerialPort:
        """Return the command's port, which tells this end what it does."""

        def opened(is_open: bool) -> None:  # noqa: FBT001  SerialPort's signature
            on_open(is_open)
            if is_open:
                self._opened.set()

        def heard(data: bytes) -> None:
            on_bytes(data)
            self._heard.release(len(data))

        self._loop = asyncio.get_running_loop()
        self._port = make_port(path, baudrate, heard, opened)
        return self._port

    def close(self) -> None:
        os.close(self.near)
        os.close(self.far)


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    monkeypatch.setattr(tap, "BURST_S", 0.05)
    made = Line()
    yield made
    made.close()


def bursts(stream: dict[str, Any]) -> list[bytes]:
    return [bytes.fromhex(text) for _, text in stream["bursts"]]


@pytest.mark.parametrize("stream", STREAMS, ids=lambda s: s["name"])
def test_every_recorded_stream_is_named(stream: dict[str, Any]) -> None:
    fitting, now_s = Fitting(), 0.0
    for (pause_ms, _), data in zip(stream["bursts"], bursts(stream), strict=True):
        now_s += pause_ms / 1000
        fitting.feed(data, now_s)
    assert fitting.sure
    assert fitting.best.dialect.name == stream["profile"]
    if stream["profile"] in {"cd5220", "escpos", "lk822"}:
        assert fitting.best.pattern


@pytest.mark.parametrize("name", ["led8n", "cd5220", "escpos", "lk822", "announcer"])
def test_the_profile_is_named_over_a_pty(
    name: str, line: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = next(s for s in STREAMS if s["profile"] == name)
    line.play(*bursts(stream), pause_s=0.03)
    assert tap.main([line.path, "--seconds", "20"], line.make_port) == 0
    said = capsys.readouterr().out
    assert f"合适的是 {name}（" in said
    assert f'port = "{line.path}"\nbaudrate = 9600\n' in said
    link = "announcer" if name == "announcer" else "customer_display"
    assert f'link = "{link}"' in said
    assert bursts(stream)[0][:2].hex(" ").upper() in said


def test_what_is_decoded_is_shown_and_long_numbers_are_masked(
    line: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    line.play(b"\x1bs2\x1bQA12.34\r", b"134567890123456789\r", b"*20Y", pause_s=0.1)
    tap.main([line.path, "--seconds", "20", "--baudrate", "2400"], line.make_port)
    said = capsys.readouterr().out
    assert "→ 数字 12.34  [应收 12.34]" in said
    assert "1B 73 32 1B 51 41 31 32 2E 33 34 0D" in said
    assert "1345678" not in said
    assert "** ** **" in said
    assert "31 33 34 35" not in said
    assert "2A 32 30 59" in said  # a star of the line's own is shown


def test_the_rate_is_changed_until_something_fits(
    line: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    garbage = bytes(range(0x80, 0x98))
    line.play(garbage, b"\x1b@\x1bs2\x1bQA12.34\r", pause_s=0.5)
    assert tap.main([line.path, "--seconds", "20"], line.make_port) == 0
    said = capsys.readouterr().out
    assert "换一个速率，请在 HIS 上再操作一次：2400" in said
    assert "baudrate = 2400" in said


def test_a_switch_of_the_rate_is_followed(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    line.play(b"\x1b@\x02B1", b"\x1bs2\x1bQA12.34\r", pause_s=0.5)
    tap.main([line.path, "--seconds", "20"], line.make_port)
    assert "HIS 切换了速率：4800" in capsys.readouterr().out


def test_silence_and_garbage_fit_nothing(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    assert tap.main([line.path, "--seconds", "0.1"], line.make_port) == 1
    assert "没有收到数据" in capsys.readouterr().out
    line.play(bytes(range(0x80, 0x98)) * 200)
    assert tap.main([line.path, "--seconds", "20", "--baudrate", "9600"], line.make_port) == 1
    assert "没有合适的 profile" in capsys.readouterr().out


def test_text_without_a_due_word_asks_for_a_pattern(
    line: Line, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "make_port", line.make_port)
    line.play(b"\x0c\x1bQA12.34 EUR\r\x1bQBTHANKS\r")
    assert paybox(["tap", line.path, "--seconds", "20"]) == 0
    assert "没有找到应收金额" in capsys.readouterr().out


def test_a_port_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert tap.main(["/dev/not-there", "--seconds", "0.1"], app.make_port) == 1
    assert "没有收到数据" in capsys.readouterr().out


def test_a_proposed_pattern_is_taken_by_the_box() -> None:
    stream = next(s for s in STREAMS if s["profile"] == "lk822")
    fitting = Fitting()
    for data in bursts(stream):
        fitting.feed(data, 0.0)
    lines = proposal(fitting.best, "/dev/ttyUSB0", 9600)
    assert "amount_pattern = '应收 *[:：]? *([0-9.,]+)'" in lines
    with_it = Fitting(fitting.best.pattern)
    for data in bursts(stream):
        with_it.feed(data, 0.0)
    assert set(with_it.best.amounts_fen) == {1250}


def test_fifteen_digits_are_shown_sixteen_are_not() -> None:
    assert masked(b"a" + b"1" * 15 + b"b") == b"a" + b"1" * 15 + b"b"
    assert masked(b"a" + b"1" * 16 + b"b") == b"a" + b"*" * 16 + b"b"
