"""The pins by gpiozero: always with a factory built here, never with its global fallback."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from device.drivers.lamp import PinLamp
from device.errors import HardwareError

BOUNCE_S = 0.05  # contacts of a push button rattle for 5 to 20 ms; the kernel waits them out
HOLD_S = 3.0  # nobody leans on a button for so long unless it is meant (his-link §5)
AGAIN_S = 0.3  # nobody presses on purpose faster; the second press could meet the next patient


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    """Map what gpiozero and its backends raise: they share no base class."""
    try:
        yield
    except Exception as fault:
        raise HardwareError(f"pins: {type(fault).__name__}: {fault}") from fault


def open_pins() -> Any:
    """Return gpiozero's factory for the kernel's GPIO chip; HardwareError if there is none."""
    with _faults():
        from gpiozero.pins.lgpio import (  # noqa: PLC0415  60 ms, and absent on laptops
            LGPIOFactory,
        )

        return LGPIOFactory()


def gpio_lamp(factory: Any, green: int, red: int, buzzer: int) -> PinLamp:
    """Return the lamp on these pins (BCM numbers); HardwareError if one is taken."""
    with _faults():
        from gpiozero import DigitalOutputDevice  # noqa: PLC0415  see above

        numbers = {"g": green, "r": red, "b": buzzer}
        return PinLamp(
            {n: DigitalOutputDevice(pin, pin_factory=factory) for n, pin in numbers.items()}
        )


class CancelButton:
    """The cashier's cancel button, to ground with a pull-up.

    gpiozero calls from a thread of its own, which only hands over to the loop. With `on_hold`
    three seconds are a hold and less is a press, told when the button is let go; else at once.
    """

    def __init__(
        self,
        factory: Any,
        pin: int,
        on_press: Callable[[], None],
        on_hold: Callable[[], None] | None = None,
        *,
        hold_s: float = HOLD_S,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_press = on_press
        self._on_hold = on_hold
        self._hold_s = hold_s
        self._hold: asyncio.TimerHandle | None = None
        with _faults():
            from gpiozero import DigitalInputDevice  # noqa: PLC0415  see above

            # not gpiozero's Button: its hold thread wakes ten times a second for ever
            self._button = DigitalInputDevice(
                pin, pull_up=True, bounce_time=BOUNCE_S, pin_factory=factory
            )
        self._pressed_s = -AGAIN_S
        self._button.when_activated = lambda: self._from_thread(self._press)
        if on_hold:
            self._button.when_deactivated = lambda: self._from_thread(self._release)

    def close(self) -> None:
        """Let go of the pin."""
        if self._hold:
            self._hold.cancel()
        self._button.close()

    def _from_thread(self, what: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(what)

    def _press(self) -> None:
        """One press is one call."""
        now, before = self._loop.time(), self._pressed_s
        self._pressed_s = now
        if now - before <= AGAIN_S:
            return
        if self._on_hold is None:
            self._on_press()
        else:
            self._hold = self._loop.call_later(self._hold_s, self._held)

    def _held(self) -> None:
        assert self._on_hold
        self._hold = None
        self._on_hold()

    def _release(self) -> None:
        if self._hold:
            self._hold.cancel()
            self._hold = None
            self._on_press()
