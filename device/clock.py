"""The clock port: monotonic time decides, wall time is only written down (payment-states §1.4)."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Protocol

BEIJING = timezone(timedelta(hours=8))
BUILD_DATE = datetime(2026, 11, 1, tzinfo=UTC)  # raised at each release
SYNCHRONISED_MARK = Path("/run/systemd/timesync/synchronized")


class Clock(Protocol):
    """What the box may ask of time."""

    def monotonic(self) -> float:
        """Seconds that only rise; the one clock that deadlines use."""
        ...

    def wall(self) -> datetime:
        """The time of day with an offset; for records, never for decisions."""
        ...

    def sane(self) -> bool:
        """Whether the time of day may be trusted enough to take money."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clock. `synchronised` tells whether a configured source set it since boot."""

    synchronised: Callable[[], bool] = SYNCHRONISED_MARK.exists

    def monotonic(self) -> float:
        """Seconds since an arbitrary start."""
        return time.monotonic()

    def wall(self) -> datetime:
        """Beijing time: the providers' money day is counted in it."""
        return datetime.now(BEIJING)

    def sane(self) -> bool:
        """Not before the build date, and synchronised since boot."""
        return self.wall() >= BUILD_DATE and self.synchronised()
