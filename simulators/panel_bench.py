"""Measure what the display costs: bytes and time on the bus for each change of a payment.

The real driver draws a payment on a controller built from its datasheet (`panel_model`); bus time
is what the bytes take at 400 kHz (I2C, nine bits a byte) or 8 MHz (SPI).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from device.display.controllers import CONTROLLERS
from device.display.oled import Oled
from device.display.render import render
from device.domain.screens import (
    AmountDue,
    Idle,
    PaidScreen,
    Password,
    Paying,
    Screen,
)
from device.domain.words import Wallet
from simulators.panel_model import model

FEN = 12345
COUNTDOWN = range(87, 77, -1)  # the patient takes ten seconds to hold up his phone
TYPING = range(41, 31, -1)  # and ten to type his password
BOTH = tuple(Wallet)


@dataclass(frozen=True, slots=True)
class Change:
    """One new picture on a panel."""

    what: str
    bytes: int
    bus_ms: float


def payment() -> Iterator[tuple[str, Screen]]:
    """Every picture of one payment with a password, as the patient sees them."""
    idle = Idle("市一医院", "MZ-03", BOTH)
    yield "idle", idle
    for left in COUNTDOWN:
        yield "amount", AmountDue(FEN, "门诊收费", "张*", BOTH, left)
    yield "paying", Paying(FEN, Wallet.WECHAT)
    for left in TYPING:
        yield "password", Password(FEN, Wallet.WECHAT, left)
    yield "paid", PaidScreen(FEN, Wallet.WECHAT)
    yield "idle", idle


def changes(controller: str) -> list[Change]:
    """Draw the payment on one kind of panel; what each change of picture sent.

    The first is the whole picture after power-on; the last shows the same picture again.
    """
    glass = model(controller)
    panel = Oled(controller, glass.width, glass.height, glass)
    found, before = [], "power on"
    for name, screen in [*payment(), ("idle", Idle("市一医院", "MZ-03", BOTH))]:
        sent, busy = glass.bytes, glass.bus_s
        panel.put(render(screen, glass.width, glass.height))
        what = f"{before} to {name}"
        found.append(Change(what, glass.bytes - sent, (glass.bus_s - busy) * 1e3))
        before = name
    return found


def cost(change: Change) -> float:
    """Order changes by their bus time."""
    return change.bus_ms


def figures(controller: str) -> dict[str, Change]:
    """Return the three figures that have a target, and the changes that people see."""
    first, *middle, same = changes(controller)
    typical = sorted(middle, key=cost)[len(middle) // 2]
    seen = {change.what: change for change in sorted(middle, key=cost)}  # the dearest of each
    seen = {change.what: seen[change.what] for change in middle}
    return {
        "identical picture": same,
        "median of all changes of a payment": typical,
        **seen,
        "whole picture": first,
    }


def main() -> int:
    """Print a row for each change on each kind of panel."""
    for controller in CONTROLLERS:
        for what, change in figures(controller).items():
            name = f"display {controller}: {what}"
            print(f"{name:<52} {change.bytes:7d} bytes   {change.bus_ms:6.2f} ms of bus time")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
