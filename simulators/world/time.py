"""The clocks of the world: the providers' steady one, and the box's, whose time of day may jump."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from device.clock import BEIJING, BUILD_DATE
from simulators.world.loop import VirtualLoop

START = datetime(2026, 11, 23, 9, 0, tzinfo=BEIJING)  # a Monday morning
EPOCH_S = (START - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
BOOTED_S = 7.0  # what the monotonic clock of a machine says when the box starts


@dataclass(slots=True)
class WallClock:
    """The hospital's machine: its time of day is off by `jump_s`, and was set or not."""

    jump_s: float = 0.0
    synchronised: bool = True


@dataclass(frozen=True, slots=True)
class BoxClock:
    """Implements `device.clock.Clock` for one life: monotonic time starts anew at each boot."""

    loop: VirtualLoop
    wall_clock: WallClock
    booted_s: float

    def monotonic(self) -> float:
        """Seconds since this boot."""
        return self.loop.time() - self.booted_s + BOOTED_S

    def wall(self) -> datetime:
        """Beijing time, as wrong as the machine's."""
        return START + timedelta(seconds=self.loop.time() + self.wall_clock.jump_s)

    def sane(self) -> bool:
        """As `SystemClock`: not before the build date, and synchronised."""
        return self.wall() >= BUILD_DATE and self.wall_clock.synchronised
