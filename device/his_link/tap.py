"""`paybox tap PORT`: what an unknown HIS sends to a display or announcer, and what fits it."""

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from device.domain.money import format_yuan
from device.his_link.dialects import Decoded
from device.his_link.fitting import Fitting, masked, proposal

RATES = (9600, 2400, 4800, 19200, 1200)  # the likeliest first; most displays leave the factory so
BURST_S = 0.3  # silence after which what came is shown: one redraw is one line
BURST_BYTES = 4096  # a stream that never pauses is shown in pieces
ROW_BYTES = 16

ABOUT = """\
把本机串口接在原来的客显或语音报价器的位置，在 HIS 上收一笔，看它发了什么、用哪种 profile 和速率。
只听，不发，不收款；16 位以上的连续数字一律遮盖。未给 --baudrate 时自动换速率。

Listens on a serial port in the display's place: raw bytes, what they mean, and the configuration
that fits. Nothing is sent. Runs of 16 or more digits are masked.
"""


class Port(Protocol):
    """A serial port, as `drivers.serial_port` has it."""

    def run(self) -> Coroutine[Any, Any, None]:
        """Keep it open."""
        ...

    def set_baudrate(self, baudrate: int) -> None:
        """Go on at this rate."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


MakePort = Callable[[str, int, Callable[[bytes], None], Callable[[bool], None]], Port]


def main(argv: Sequence[str], make_port: MakePort) -> int:
    """Run the command; 0 if something fits, 1 if nothing does."""
    chosen = _parser().parse_args(argv)
    tap = Tap(chosen.port, chosen.baudrate, Fitting(chosen.pattern, chosen.encoding))
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(tap.run(make_port, chosen.seconds))
    return tap.conclude()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="paybox tap",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("port", metavar="PORT", help="串口 / such as /dev/ttyUSB0")
    parser.add_argument("--baudrate", type=int, metavar="N", help="只用这一速率 / this rate only")
    parser.add_argument("--seconds", type=float, metavar="S", help="听这么久 / else until Ctrl-C")
    parser.add_argument("--pattern", default="", metavar="RE", help="试一试这个 amount_pattern")
    parser.add_argument("--encoding", choices=("gbk", "utf-8"), default="gbk")
    return parser


class Tap:
    """Hears, shows, and changes the rate while nothing fits."""

    def __init__(self, path: str, baudrate: int | None, fitting: Fitting) -> None:
        self._path = path
        self._fixed = baudrate is not None
        self._baudrate = baudrate or RATES[0]
        self._fitting = fitting
        self._burst = b""
        self._decoded: list[Decoded] = []
        self._started_s = time.monotonic()
        self._timer: asyncio.TimerHandle | None = None
        self._port: Port

    async def run(self, make_port: MakePort, seconds: float | None) -> None:
        """Hear until the time is over; cancel or Ctrl-C ends it as well."""
        self._port = make_port(self._path, self._baudrate, self._on_bytes, self._on_open)
        try:
            await asyncio.wait_for(self._port.run(), seconds)
        except TimeoutError:
            self._port.close()
        finally:
            self._show()

    def conclude(self) -> int:
        """Say what fits."""
        best = self._fitting.best
        if not self._fitting.sure:
            nothing = "没有收到数据：检查接线，在 HIS 上操作一次 / nothing was received"
            unknown = "没有合适的 profile：请把以上数据发给厂家 / nothing fits these bytes"
            _say(f"\n{unknown if self._fitting.heard else nothing}")
            return 1
        share = f"{best.share:.0%}"
        _say(f"\n合适的是 {best.dialect.name}（{best.dialect.chinese}），看懂 {share} 的字节：\n")
        _say(proposal(best, self._path, self._baudrate))
        if best.dialect.free_text and not best.pattern:
            _say("没有找到应收金额：请按屏上文字填写 amount_pattern / fill in amount_pattern")
        return 0

    def _on_open(self, is_open: bool) -> None:  # noqa: FBT001  SerialPort's signature
        _say(f"{self._path} {'已打开' if is_open else '已断开'}，速率 {self._baudrate}")

    def _on_bytes(self, data: bytes) -> None:
        self._burst += data
        self._decoded += self._fitting.feed(data, time.monotonic())
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(BURST_S, self._pause)
        if len(self._burst) > BURST_BYTES:
            self._show()

    def _pause(self) -> None:
        rate = next((d.baudrate for d in self._decoded if d.baudrate), None)
        self._show()
        if rate:
            self._switch(rate, "HIS 切换了速率")
        elif self._fitting.hopeless and not self._fixed:
            following = RATES[(RATES.index(self._baudrate) + 1) % len(RATES)]
            self._fitting = self._fitting.anew()
            self._switch(following, "看不懂，换一个速率，请在 HIS 上再操作一次")

    def _switch(self, baudrate: int, why: str) -> None:
        _say(f"{why}：{baudrate}")
        self._baudrate = baudrate
        self._port.set_baudrate(baudrate)

    def _show(self) -> None:
        """Print the burst: hex and text, then what it means."""
        cells = [_cell(*pair) for pair in zip(self._burst, masked(self._burst), strict=True)]
        for at in range(0, len(cells), ROW_BYTES):
            self._row(cells[at : at + ROW_BYTES], first=at == 0)
        for decoded in self._decoded:
            if decoded.name:
                _say(f"            → {masked(decoded.name.encode()).decode()}{_meaning(decoded)}")
        self._burst, self._decoded = b"", []

    def _row(self, row: list[tuple[str, str]], *, first: bool) -> None:
        seconds = f"{time.monotonic() - self._started_s:.2f}" if first else ""
        codes, text = " ".join(code for code, _ in row), "".join(text for _, text in row)
        _say(f"{seconds:>9}  {codes:<47}  {text}")


def _cell(byte: int, shown: int) -> tuple[str, str]:
    """One byte as hex and as text; a digit of a long run is neither."""
    if byte != shown:
        return "**", "*"
    return f"{byte:02X}", chr(byte) if byte in range(0x20, 0x7F) else "·"


def _meaning(decoded: Decoded) -> str:
    if not decoded.said:
        return ""
    words = {"due": "应收", "cash": "现金", "nothing": "没有应收", "clear": "清屏"}
    fen = decoded.said.amount_fen
    amount = f" {format_yuan(fen)}" if decoded.said.meaning == "due" else ""
    return f"  [{words[decoded.said.meaning]}{amount}]"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
