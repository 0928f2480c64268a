"""The clocks of the world: the providers' steady one, and the box's, whose time of day may jump."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from device.clock import BEIJING, BUILD_DATE
from simulators.world.loop import VirtualLoop

START = datetime(2026, 11, 23, 9, 0, tzinfo=BEIJING)  # a Monday morning
EPOCH_S = (START - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
BOOTED_S = 7.0  # what the monotonic clock of a machine says when the box starts


def _nothing() -> None:
    """Nobody listens."""


@dataclass(slots=True)
class Machine:
    """What a box sees of the machine it runs on: the time of day and the way to the providers."""

    jump_s: float = 0.0
    """How far the wall clock is off."""
    synchronised: bool = True
    """Whether the wall clock was set."""
    vpn_up: bool = True
    """False: the interface is gone, every connect fails at once."""
    on_change: Callable[[], None] = _nothing

    def set(self, **changes: float | bool) -> None:
        """Change some of it, and tell: nobody has to look every two seconds of a day."""
        for name, value in changes.items():
            setattr(self, name, value)
        self.on_change()


@dataclass(frozen=True, slots=True)
class BoxClock:
    """Implements `device.clock.Clock` for one life: monotonic time starts anew at each boot."""

    loop: VirtualLoop
    machine: Machine
    booted_s: float

    def monotonic(self) -> float:
        """Seconds since this boot."""
        return self.loop.time() - self.booted_s + BOOTED_S

    def wall(self) -> datetime:
        """Beijing time, as wrong as the machine's."""
        return START + timedelta(seconds=self.loop.time() + self.machine.jump_s)

    def sane(self) -> bool:
        """As `SystemClock`: not before the build date, and synchronised."""
        return self.wall() >= BUILD_DATE and self.machine.synchronised
