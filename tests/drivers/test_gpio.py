import asyncio
from collections.abc import Iterator

import pytest
from gpiozero.pins.mock import MockFactory

from device.domain.screens import Signal
from device.drivers import gpio
from device.drivers.gpio import CancelButton, gpio_lamp, open_pins
from device.errors import HardwareError

GREEN, RED, BUZZER, BUTTON = 17, 27, 22, 23


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    factory = MockFactory()
    yield factory
    factory.close()


async def test_the_lamp_drives_its_three_pins(factory: MockFactory) -> None:
    lamp = gpio_lamp(factory, GREEN, RED, BUZZER)
    lamp.signal(Signal.PAID)
    assert [factory.pin(pin).state for pin in (GREEN, RED, BUZZER)] == [1, 0, 1]
    lamp.signal(Signal.DECLINED)
    assert [factory.pin(pin).state for pin in (GREEN, RED, BUZZER)] == [0, 1, 1]
    lamp.close()


async def test_a_pin_that_is_taken_is_a_hardware_error(factory: MockFactory) -> None:
    with pytest.raises(HardwareError, match="pins"):
        gpio_lamp(factory, GREEN, GREEN, BUZZER)


async def test_a_press_calls_back_on_the_loop(factory: MockFactory) -> None:
    pressed = asyncio.Event()
    button = CancelButton(factory, BUTTON, pressed.set)
    await asyncio.to_thread(factory.pin(BUTTON).drive_low)
    await asyncio.wait_for(pressed.wait(), 5)
    button.close()


async def test_rattling_contacts_are_one_press(
    factory: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    presses: list[float] = []
    loop = asyncio.get_running_loop()
    button = CancelButton(factory, BUTTON, lambda: presses.append(loop.time()))
    pin = factory.pin(BUTTON)
    for _ in range(5):
        pin.drive_low()
        pin.drive_high()
    await asyncio.sleep(0)
    assert len(presses) == 1
    monkeypatch.setattr(gpio, "AGAIN_S", 0.0)
    pin.drive_low()
    await asyncio.sleep(0)
    assert len(presses) == 2
    button.close()


async def test_a_button_that_is_held_is_no_press(factory: MockFactory) -> None:
    told: list[str] = []
    held = asyncio.Event()

    def hold() -> None:
        told.append("held")
        held.set()

    button = CancelButton(factory, BUTTON, lambda: told.append("pressed"), hold, hold_s=0.01)
    pin = factory.pin(BUTTON)
    pin.drive_low()
    await asyncio.wait_for(held.wait(), 5)
    pin.drive_high()
    await asyncio.sleep(0)
    assert told == ["held"]
    button.close()


async def test_let_go_in_time_it_is_a_press(
    factory: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpio, "AGAIN_S", 0.0)
    told: list[str] = []
    button = CancelButton(
        factory, BUTTON, lambda: told.append("pressed"), lambda: told.append("held")
    )
    pin = factory.pin(BUTTON)
    for drive in (pin.drive_low, pin.drive_high, pin.drive_low):
        drive()
        await asyncio.sleep(0)
    assert told == ["pressed"]
    button.close()  # while it is held: nothing comes any more


async def test_a_press_after_the_loop_has_ended_is_no_error(factory: MockFactory) -> None:
    loop = asyncio.new_event_loop()

    async def make() -> CancelButton:
        return CancelButton(factory, BUTTON, lambda: None)

    button = await asyncio.to_thread(loop.run_until_complete, make())
    loop.close()
    factory.pin(BUTTON).drive_low()
    button.close()


def test_a_machine_without_gpio_is_a_hardware_error() -> None:
    with pytest.raises(HardwareError, match="pins"):
        open_pins()
