import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from device.drivers.scan_sink import ScanSink

PATIENT_S = 5.0


class Collected:
    """What a scanner told, and a way to wait for it."""

    def __init__(self) -> None:
        self.scans: list[tuple[str, float]] = []
        self.garbled: list[str] = []
        self.online: list[bool] = []
        self._news = asyncio.Event()
        self.sink = ScanSink(self._on_scan, self._on_garbled, self._on_online)

    @property
    def texts(self) -> list[str]:
        return [text for text, _ in self.scans]

    async def until(self, done: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENT_S):
            while not done():
                self._news.clear()
                await self._news.wait()

    def _on_scan(self, text: str, first_s: float) -> None:
        self.scans.append((text, first_s))
        self._news.set()

    def _on_garbled(self, why: str) -> None:
        self.garbled.append(why)
        self._news.set()

    def _on_online(self, online: Any) -> None:
        self.online.append(online)
        self._news.set()


@pytest.fixture
def collected() -> Collected:
    return Collected()
