"""`paybox check --lamp`: every light and sound once, named on the panel; no charge is armed.

For the technician at the desk: what is wired wrongly is seen and heard in half a minute.
"""

# ruff: noqa: PLC0415  gpiozero is imported only where there are pins

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from device.app.building import LampDriver, make_lamp, open_pins
from device.app.parts import display_part
from device.config import Config
from device.display.panels import make_panel
from device.domain.replies import Part
from device.domain.screens import Message, Signal
from device.drivers.lamp import NoLamp
from device.drivers.signals import SAYINGS
from device.errors import HardwareError

if TYPE_CHECKING:
    from device.drivers.gpio import CancelButton

EACH_S = 3.0  # the longest pattern has been heard, and been seen to repeat


async def try_lamp(
    config: Config, say: Callable[[str], object], each_s: float = EACH_S
) -> list[Part]:
    """Play every signal and return how panel, lamp and button are."""
    panel = make_panel(config.display, config.box.language)
    panel.start()
    pins = open_pins(config)
    lamp = make_lamp(config, pins)
    presses: list[None] = []
    button = _button(config, pins, lambda: presses.append(None))
    working = True
    try:
        for signal in Signal:
            say(SAYINGS[signal])
            panel.show(Message((SAYINGS[signal],)))
            lamp.signal(signal)
            await asyncio.sleep(each_s)
            working &= lamp.working
    finally:
        lamp.close()
        panel.close()
        if button:
            button.close()
    found = [display_part(config, working=panel.working), _lamp_part(lamp, working=working)]
    return [*found, *([_button_part(button, len(presses))] if config.lamp.pins else [])]


def _button(
    config: Config, pins: object | None, on_press: Callable[[], None]
) -> "CancelButton | None":
    if pins is None:
        return None
    from device.drivers.gpio import CancelButton

    try:
        return CancelButton(pins, config.lamp.cancel_button, on_press)
    except HardwareError:
        return None


def _lamp_part(lamp: LampDriver, *, working: bool) -> Part:
    if isinstance(lamp, NoLamp):
        return Part("lamp", "warn", "没有灯和蜂鸣器")
    text = f"{len(Signal)} 种灯与声音各演示一遍，请对照收费员手册"
    return Part("lamp", "ok", text) if working else Part("lamp", "fail", "灯或蜂鸣器无响应")


def _button_part(button: object | None, presses: int) -> Part:
    if button is None:
        return Part("button", "fail", "取消键无法使用")
    if not presses:
        return Part("button", "warn", "期间没有按过取消键；请按一下试试")
    return Part("button", "ok", f"取消键按了 {presses} 次")
