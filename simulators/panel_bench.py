"""Measure what the display costs: bytes and time on the bus for each change of a payment.

The real driver draws on a controller built from its datasheet (`panel_model`); bus time is what the
bytes take at 400 kHz (I2C, nine bits a byte, START and STOP) or 8 MHz (SPI). Each figure that has a
limit is printed with it; the exit code is 1 if one is missed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from PIL import Image

from device.display.controllers import CONTROLLERS
from device.display.oled import Oled
from device.display.render import render
from device.display.sheet import EXAMPLES, LANGUAGES
from device.domain.screens import (
    AmountDue,
    Idle,
    PaidScreen,
    Password,
    Paying,
    Screen,
)
from device.domain.words import Wallet
from simulators.panel_model import PanelModel, model

FEN = 12345
COUNTDOWN = range(87, 77, -1)  # the patient takes ten seconds to hold up his phone
TYPING = range(41, 31, -1)  # and ten to type his password
BOTH = tuple(Wallet)
IDLE = Idle("市一医院", "MZ-03", BOTH)

IDENTICAL = "identical picture"
TYPICAL = "median of all changes of a payment"
NINE_OF_TEN = "nine of ten of these at most"
DEAREST = "dearest change from any screen to any other"
WHOLE = "whole picture after power-on"
TYPICAL_MS, WHOLE_MS = 5.0, 24.0
LIMITS_MS = {IDENTICAL: 0.0, TYPICAL: TYPICAL_MS, DEAREST: WHOLE_MS, WHOLE: WHOLE_MS}
# The SH1106 takes each of its eight pages by itself: 8 x (128 + 6) bytes are 24.12 ms, before the
# command that lights the panel. After power-on and once a minute; no change of screen needs it.
SH1106_WHOLE_MS = 24.4


@dataclass(frozen=True, slots=True)
class Change:
    """One new picture on a panel."""

    what: str
    bytes: int
    bus_ms: float


class Bench:
    """One kind of panel, with a model behind its driver that counts."""

    def __init__(self, controller: str) -> None:
        self._glass: PanelModel = model(controller)
        self._panel = Oled(controller, self._glass.width, self._glass.height, self._glass)

    def picture(self, screen: Screen, language: str = "zh") -> Image.Image:
        """Return a screen in the size of the panel."""
        return render(screen, self._glass.width, self._glass.height, language)

    def put(self, what: str, image: Image.Image) -> Change:
        """Put a picture on the panel; what it sent."""
        sent, busy = self._glass.bytes, self._glass.bus_s
        self._panel.put(image)
        return Change(what, self._glass.bytes - sent, (self._glass.bus_s - busy) * 1e3)


def payment() -> Iterator[tuple[str, Screen]]:
    """Every picture of one payment with a password, as the patient sees them."""
    yield "idle", IDLE
    for left in COUNTDOWN:
        yield "amount", AmountDue(FEN, "门诊收费", "张*", BOTH, left)
    yield "paying", Paying(FEN, Wallet.WECHAT)
    for left in TYPING:
        yield "password", Password(FEN, Wallet.WECHAT, left)
    yield "paid", PaidScreen(FEN, Wallet.WECHAT)
    yield "idle", IDLE


def changes(controller: str) -> list[Change]:
    """Draw the payment on one kind of panel; what each change of picture sent.

    The first is the whole picture after power-on; the last shows the same picture again.
    """
    bench = Bench(controller)
    found, before = [], "power on"
    for name, screen in [*payment(), ("idle", IDLE)]:
        found.append(bench.put(f"{before} to {name}", bench.picture(screen)))
        before = name
    return found


def dearest(controller: str) -> Change:
    """Show every screen after every other one, in each language; the dearest change of all."""
    found = []
    for language in LANGUAGES:
        bench = Bench(controller)
        pictures = [bench.picture(screen, language) for screen in EXAMPLES.values()]
        bench.put("power on", pictures[0])
        for one, other in combinations(pictures, 2):
            bench.put("the way to the next pair", one)
            found += [bench.put(DEAREST, other), bench.put(DEAREST, one)]
    return max(found, key=cost)


def cost(change: Change) -> float:
    """Order changes by their bus time."""
    return change.bus_ms


def figures(controller: str) -> dict[str, Change]:
    """Return the changes of a payment: those that have a limit, and those that people see."""
    first, *middle, same = changes(controller)
    ranked = sorted(middle, key=cost)
    seen = {change.what: change for change in ranked}  # the dearest of each
    seen = {change.what: seen[change.what] for change in middle}
    return {
        IDENTICAL: same,
        TYPICAL: ranked[len(ranked) // 2],
        NINE_OF_TEN: ranked[len(ranked) * 9 // 10],
        **seen,
        WHOLE: first,
    }


def limit_ms(controller: str, what: str) -> float | None:
    """Return the most that a figure may be, None if it has no limit."""
    if (controller, what) == ("sh1106", WHOLE):
        return SH1106_WHOLE_MS
    return LIMITS_MS.get(what)


def main() -> int:
    """Print a row for each change on each kind of panel, with its limit; 1 if one is missed."""
    missed = 0
    for controller in CONTROLLERS:
        for what, change in {**figures(controller), DEAREST: dearest(controller)}.items():
            most = limit_ms(controller, what)
            late = most is not None and change.bus_ms > most
            missed += late
            limit = "" if most is None else f"  limit {most:4.1f}{' MISSED' if late else ''}"
            name = f"display {controller}: {what}"
            print(f"{name:<62} {change.bytes:5d} bytes {change.bus_ms:6.2f} ms of bus time{limit}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
