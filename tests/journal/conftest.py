"""A journal in a real file, a clock that the test moves, and short ways to make records."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from device.clock import BEIJING
from device.journal import Inline, SqliteJournal

Opener = Callable[..., Awaitable[SqliteJournal]]


@dataclass
class FakeClock:
    """Stands still until it is moved; wall and monotonic move apart."""

    mono_s: float = 1_000.0
    now: datetime = field(default_factory=lambda: datetime(2026, 11, 22, 9, 30, 1, tzinfo=BEIJING))

    def monotonic(self) -> float:
        return self.mono_s

    def wall(self) -> datetime:
        return self.now

    def sane(self) -> bool:
        return True

    def move(self, *, mono_s: float = 0.0, wall: timedelta = timedelta()) -> None:
        self.mono_s += mono_s
        self.now += wall


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


@pytest.fixture
def opened(path: Path, clock: FakeClock) -> Opener:
    """Opens the file, again and again; each call is another start of the box."""

    async def make(**options: object) -> SqliteJournal:
        settings = {"randomness": bytes, **options}
        return await SqliteJournal.open(path, clock, Inline(), **settings)  # type: ignore[arg-type]  # fakes

    return make
