"""The provider's clock: never steps with the machine's, and tests can move it forward."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8), "GMT+8")


def steady_time() -> Callable[[], float]:
    """Return seconds since 1970 that go on evenly when the wall clock of this machine jumps."""
    start = time.time() - time.monotonic()
    return lambda: start + time.monotonic()


class Clock:
    """Seconds since 1970, UTC. ``advance`` moves it forward; it never goes back."""

    def __init__(self, source: Callable[[], float] | None = None) -> None:
        self._source = source or steady_time()
        self._ahead_s = 0.0

    def now(self) -> float:
        """Seconds since 1970."""
        return self._source() + self._ahead_s

    def advance(self, seconds: float) -> None:
        """Move forward by so many seconds (not back: a provider's past does not change)."""
        if seconds < 0:
            raise ValueError("the provider's clock only moves forward")
        self._ahead_s += seconds


def beijing(at: float) -> datetime:
    """Providers' times are all GMT+8 (wechat §1, alipay §1)."""
    return datetime.fromtimestamp(at, UTC).astimezone(BEIJING)


def compact(at: float) -> str:
    """WeChat's form, ``20260301093015``."""
    return f"{beijing(at):%Y%m%d%H%M%S}"


def spaced(at: float) -> str:
    """Alipay's form (and WeChat's in refund queries), ``2026-03-01 09:30:15``."""
    return f"{beijing(at):%Y-%m-%d %H:%M:%S}"
