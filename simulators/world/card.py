"""A card that has served for two days, as most have: made once a process by the real journal.

While a journal is younger than 24 h the box asks every wallet about each id (payment-states §1.9);
the histories that begin with an empty card are that, all the others are the usual day.
"""

import asyncio
import functools
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from device.journal import Inline, SqliteJournal
from simulators.world import keys
from simulators.world.time import START

AGE = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class _Before:
    """Implements `device.clock.Clock`: the day on which the card was made."""

    day: datetime

    def monotonic(self) -> float:
        """Seconds since that boot."""
        return 0.0

    def wall(self) -> datetime:
        """Beijing time."""
        return self.day

    def sane(self) -> bool:
        """It was set."""
        return True


@functools.cache
def image(box_id: str) -> bytes:
    """Return the file of a journal that was made two days ago and closed."""
    directory = keys.folder()
    try:
        path = directory / "journal.sqlite3"
        asyncio.run(make(path, box_id, START - AGE))
        return path.read_bytes()
    finally:
        shutil.rmtree(directory)


async def make(path: Path, box_id: str, day: datetime) -> None:
    """Make a journal as a box did on that day."""
    clock = _Before(day)
    journal = await SqliteJournal.open(path, clock, Inline(), randomness=bytes, box=box_id)
    await journal.flush()  # the clock was sane: from here on the epoch's age counts
    await journal.aclose()
