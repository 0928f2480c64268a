import errno
from collections.abc import Callable

import pytest
from luma.core.error import DeviceNotFoundError
from luma.oled import device as luma_device
from PIL import Image

from device.display.controllers import CONTROLLERS, INVERT_BYTES, start_sequence
from device.display.oled import DIMMED, Oled
from device.display.render import render
from device.display.sheet import EXAMPLES
from device.domain.screens import AmountDue, Screen
from device.errors import HardwareError
from simulators.panel_model import PanelModel, model

KINDS = pytest.mark.parametrize("kind", CONTROLLERS)


class Stand:
    """A driver with the model of its panel behind it."""

    def __init__(self, kind: str) -> None:
        self.model: PanelModel = model(kind)
        self.size = (self.model.width, self.model.height)
        self.kind = kind
        self.panel = self.open()

    def open(self) -> Oled:
        return Oled(self.kind, *self.size, self.model)

    def render(self, screen: Screen) -> Image.Image:
        return render(screen, *self.size)

    def through(self, *names: str) -> None:
        for name in names:
            self.panel.put(self.render(EXAMPLES[name]))

    def sent(self, act: Callable[[], None]) -> int:
        before = self.model.bytes
        act()
        return self.model.bytes - before

    def shows(self, image: Image.Image) -> bool:
        return self.model.picture().tobytes() == image.tobytes()


@KINDS
def test_every_screen_after_every_other_stands_on_the_glass(kind: str) -> None:
    stand = Stand(kind)
    for screen in [*EXAMPLES.values(), *reversed(EXAMPLES.values())]:
        image = stand.render(screen)
        stand.panel.put(image)
        assert stand.shows(image)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # luma's: it asks Pillow the old way
@KINDS
def test_the_model_understands_lumas_own_driver(kind: str) -> None:
    there = model(kind)
    image = render(EXAMPLES["amount-due"], there.width, there.height)
    theirs = getattr(luma_device, kind)(there, width=there.width, height=there.height, mode="1")
    theirs.persist = True
    theirs.display(image)
    assert there.picture().tobytes() == image.tobytes()


@KINDS
def test_an_identical_picture_sends_no_byte(kind: str) -> None:
    stand = Stand(kind)
    image = stand.render(EXAMPLES["amount-due"])
    stand.panel.put(image)
    assert stand.sent(lambda: stand.panel.put(image.copy())) == 0


@pytest.mark.parametrize(("kind", "most"), [("ssd1306", 40), ("sh1106", 60), ("ssd1322", 240)])
def test_one_second_of_a_countdown_is_a_few_bytes(kind: str, most: int) -> None:
    stand = Stand(kind)
    stand.panel.put(stand.render(AmountDue(12345, "门诊收费", seconds_left=87)))
    image = stand.render(AmountDue(12345, "门诊收费", seconds_left=86))
    assert 0 < stand.sent(lambda: stand.panel.put(image)) <= most


@KINDS
def test_the_negative_of_a_picture_is_one_command(kind: str) -> None:
    stand = Stand(kind)
    image = stand.render(EXAMPLES["idle"])
    stand.panel.put(image)
    negative = image.point(lambda value: 0 if value else 255)
    assert 0 < stand.sent(lambda: stand.panel.put(negative)) <= INVERT_BYTES
    assert stand.shows(negative)
    assert stand.sent(lambda: stand.panel.put(negative)) == 0


@pytest.mark.parametrize("kind", ["ssd1306", "sh1106"])  # nobody sees a loose wire of an SPI bus
def test_a_loose_wire_at_any_transfer_leaves_no_wrong_picture(kind: str) -> None:
    """The command that inverts may have been taken, or not, when the fault is seen."""
    for lost in range(1, 6):
        stand = Stand(kind)
        stand.panel.put(stand.render(EXAMPLES["idle"]))
        stand.model.fault, stand.model.faultless = OSError(errno.EIO, "loose"), lost
        with pytest.raises(HardwareError):
            stand.through("paid", "offline")
        stand.model.fault = None
        image = stand.render(EXAMPLES["message"])
        stand.panel.put(image)
        assert stand.shows(image)


@KINDS
def test_the_first_picture_is_there_before_the_panel_lights_up(kind: str) -> None:
    stand = Stand(kind)
    assert not stand.model.on
    stand.panel.put(Image.new("1", stand.size))
    assert stand.model.on


@pytest.mark.parametrize(
    "fault", [OSError(errno.ETIMEDOUT, "timed out"), DeviceNotFoundError("gone")]
)
def test_both_kinds_of_errors_for_one_fault_are_one_error(fault: Exception) -> None:
    stand = Stand("ssd1306")
    stand.model.fault = fault
    white = Image.new("1", stand.size, 1)
    for act in (
        lambda: stand.panel.put(white),
        lambda: stand.panel.dim(dimmed=True),
        stand.panel.renew,
        stand.open,
    ):
        with pytest.raises(HardwareError):
            act()


def test_after_a_fault_the_whole_picture_is_sent_again() -> None:
    stand = Stand("ssd1306")
    image = Image.new("1", stand.size)
    stand.panel.put(image)
    stand.model.fault = OSError(errno.EIO, "broken")
    with pytest.raises(HardwareError):
        stand.panel.put(Image.new("1", stand.size, 1))
    stand.model.fault = None
    assert stand.sent(lambda: stand.panel.put(image)) > 1024
    assert stand.shows(image)


@pytest.mark.parametrize("name", ["idle", "paid"])
@KINDS
def test_a_panel_that_lost_its_power_shows_the_picture_again_when_renewed(
    kind: str, name: str
) -> None:
    stand = Stand(kind)
    stand.panel.put(stand.render(EXAMPLES["starting"]))
    image = stand.render(EXAMPLES[name])
    stand.panel.put(image)
    stand.model.power_cycle()
    stand.panel.renew()
    stand.panel.put(image)
    assert stand.shows(image)


@pytest.mark.parametrize("name", ["idle", "paid"])
@KINDS
def test_renewing_does_not_make_the_screen_blink(kind: str, name: str) -> None:
    stand = Stand(kind)
    stand.panel.put(stand.render(EXAMPLES["starting"]))
    image = stand.render(EXAMPLES[name])
    stand.panel.put(image)
    seen = []
    take = stand.model.command

    def watched(*cmd: int) -> None:
        take(*cmd)
        seen.append(stand.shows(image))

    stand.model.command = watched  # type: ignore[method-assign]  # watch between two transfers
    stand.panel.renew()
    assert all(seen)


@KINDS
def test_a_panel_at_rest_is_dimmed_and_comes_back_in_full_light(kind: str) -> None:
    stand = Stand(kind)
    bright = stand.model.contrast
    assert stand.sent(lambda: stand.panel.dim(dimmed=False)) == 0
    stand.panel.dim(dimmed=True)
    assert stand.model.contrast == DIMMED < bright
    assert stand.sent(lambda: stand.panel.dim(dimmed=True)) == 0
    stand.panel.dim(dimmed=False)
    assert stand.model.contrast == bright


@KINDS
def test_a_renewed_panel_is_dimmed_again(kind: str) -> None:
    stand = Stand(kind)
    stand.panel.dim(dimmed=True)
    stand.panel.renew()
    stand.panel.dim(dimmed=True)
    assert stand.model.contrast == DIMMED


def test_closing_a_broken_panel_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    stand = Stand("ssd1306")

    def broken() -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(stand.model, "cleanup", broken)
    stand.panel.close()


def test_closing_lets_go_of_the_bus() -> None:
    stand = Stand("ssd1306")
    stand.panel.close()
    assert stand.model.closed


def test_an_impossible_size_is_a_hardware_error() -> None:
    with pytest.raises(HardwareError, match="mode"):
        start_sequence("ssd1306", 77, 64)


def test_trying_to_open_for_long_registers_nothing_twice() -> None:
    start_sequence.cache_clear()
    stand = Stand("ssd1306")
    for _ in range(3):
        stand.open()
    assert start_sequence.cache_info().misses == 1
