"""`paybox check --scan`: one scan is read and judged; no charge is armed and nothing is kept."""

import asyncio
import contextlib

from device.app.building import make_scanner
from device.app.parts import scanner_part
from device.config import Config
from device.domain.replies import Part
from device.drivers.scan_sink import ScanSink

PATIENCE_S = 30.0  # to take the phone out and show something
FOUND_S = 3.0  # a scanner that is there is held within this
SLOW_MS_A_CHARACTER = 15.0  # 18 digits in more than a quarter of a second: a patient notices


class Trial:
    """What the one scan was like; the code itself is never kept."""

    def __init__(self) -> None:
        self.sink = ScanSink(self._on_scan, self._on_garbled, self._on_online)
        self.online = asyncio.Event()
        self.heard = asyncio.Event()
        self.characters = 0
        self.thrown_away = ""

    def part(self) -> Part:
        """The line about it."""
        if not self.characters:
            return Part("scanner", "warn", self.sink.trouble or f"作废：{self.thrown_away}")
        took_ms = self.sink.took_ms[-1]
        each_ms = took_ms / self.characters
        line = f"{self.characters} 个字符，{took_ms:.0f} 毫秒，每字符 {each_ms:.1f} 毫秒，"
        line += ENDS.get(self.sink.ended_by, f"后缀 {self.sink.ended_by}")
        if each_ms > SLOW_MS_A_CHARACTER:
            return Part("scanner", "warn", line + "；偏慢，请把字符间延时设为 0")
        return Part("scanner", "warn" if self.sink.ended_by == "length" else "ok", line)

    def _on_scan(self, text: str, _first_s: float) -> None:
        self.characters = len(text)
        self.heard.set()

    def _on_garbled(self, why: str) -> None:
        self.thrown_away = why
        self.heard.set()

    def _on_online(self, online: bool) -> None:  # noqa: FBT001  the scanner's callback
        if online:
            self.online.set()


ENDS = {
    "length": "没有后缀，请设为回车",
    "silence": "没有后缀，靠停顿结束",
    "report": "HID-POS 报文",
}


async def try_scan(config: Config) -> Part:
    """Wait for one scan and return how it was read."""
    trial = Trial()
    scanner = make_scanner(config.scanner, trial.sink)
    running = asyncio.ensure_future(scanner.run())
    try:
        if not await _within(FOUND_S, trial.online):
            return scanner_part(scanner, trial.sink)
        if not await _within(PATIENCE_S, trial.heard):
            return Part("scanner", "fail", f"{PATIENCE_S:.0f} 秒内没有读到任何码")
        return trial.part()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _within(seconds: float, event: asyncio.Event) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
