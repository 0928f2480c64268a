import errno

import pytest
from luma.core.error import DeviceNotFoundError
from PIL import Image

from device.display import oled
from device.display.oled import Oled, open_i2c, start_sequence
from device.display.render import render
from device.display.sheet import EXAMPLES
from device.domain.screens import AmountDue
from device.errors import HardwareError

WIDTH, HEIGHT = 128, 64
PARAMETERS = {0x20: 1, 0x21: 2, 0x22: 2, 0x81: 1, 0x8D: 1, 0xA8: 1, 0xD3: 1, 0xD5: 1, 0xD9: 1}
PARAMETERS |= {0xDA: 1, 0xDB: 1}
PLAIN = {0xA0, 0xA1, 0xA4, 0xA6, 0xAE, 0xAF, 0xC0, 0xC8, *range(0x40, 0x80)}


class PanelModel:
    """A controller by its datasheet: takes bus bytes, gives back the picture on the glass."""

    def __init__(self, columns: int, first: int) -> None:
        self.columns, self.first = columns, first
        self.memory = [bytearray(b"\xa5" * columns) for _ in range(8)]  # noise after power-on
        self.on = False
        self.bytes = 0
        self.column = self.page = 0
        self.window = (0, columns - 1, 0, 7)
        self.paged = True
        self.fault: Exception | None = None
        self.closed = False

    def command(self, *cmd: int) -> None:
        self._transfer(len(cmd))
        assert len(cmd) <= 32
        rest = list(cmd)
        while rest:
            code = rest.pop(0)
            arguments = [rest.pop(0) for _ in range(PARAMETERS.get(code, 0))]
            self._do(code, arguments)

    def data(self, data: list[int]) -> None:
        self._transfer(len(data))
        for byte in data:
            self.memory[self.page][self.column] = byte
            self._advance()

    def cleanup(self) -> None:
        self.closed = True

    def picture(self) -> Image.Image:
        assert self.on
        image = Image.new("1", (WIDTH, HEIGHT))
        for y in range(HEIGHT):
            for x in range(WIDTH):
                image.putpixel((x, y), self.memory[y // 8][x + self.first] >> y % 8 & 1)
        return image

    def _transfer(self, count: int) -> None:
        if self.fault:
            raise self.fault
        self.bytes += 2 + count  # address and control byte

    def _do(self, code: int, arguments: list[int]) -> None:
        left, right, top, bottom = self.window
        if code == 0x20:
            self.paged = arguments[0] == 2
        elif code == 0x21:
            self.window = (*arguments, top, bottom)  # type: ignore[assignment]  # two of four
            self.column = arguments[0]
        elif code == 0x22:
            self.window = (left, right, *arguments)  # type: ignore[assignment]  # two of four
            self.page = arguments[0]
        elif 0xB0 <= code <= 0xB7:
            self.page = code & 7
        elif code <= 0x0F:
            self.column = self.column & 0xF0 | code
        elif 0x10 <= code <= 0x1F:
            self.column = self.column & 0x0F | (code & 15) << 4
        elif code in {0xAE, 0xAF}:
            self.on = code == 0xAF
        else:
            assert code in PLAIN or code in PARAMETERS, hex(code)

    def _advance(self) -> None:
        left, right, top, bottom = self.window
        self.column += 1
        if not self.paged and self.column > right:
            self.column = left
            self.page = top if self.page == bottom else self.page + 1


def ssd1306() -> PanelModel:
    return PanelModel(128, 0)


def same(model: PanelModel, image: Image.Image) -> bool:
    return model.picture().tobytes() == image.tobytes()


@pytest.mark.parametrize(
    ("controller", "columns", "first"),
    [("ssd1306", 128, 0), ("ssd1309", 128, 0), ("sh1106", 132, 2)],
)
def test_every_screen_after_every_other_stands_on_the_glass(
    controller: str, columns: int, first: int
) -> None:
    model = PanelModel(columns, first)
    model.paged = controller == "sh1106"
    panel = Oled(controller, WIDTH, HEIGHT, model)
    for screen in [*EXAMPLES.values(), *reversed(EXAMPLES.values())]:
        image = render(screen, WIDTH, HEIGHT)
        panel.put(image)
        assert same(model, image)


def test_an_identical_picture_sends_no_byte() -> None:
    model = ssd1306()
    panel = Oled("ssd1306", WIDTH, HEIGHT, model)
    image = render(EXAMPLES["amount-due"], WIDTH, HEIGHT)
    panel.put(image)
    sent = model.bytes
    panel.put(image.copy())
    assert model.bytes == sent


def test_one_second_of_a_countdown_is_a_few_bytes() -> None:
    model = ssd1306()
    panel = Oled("ssd1306", WIDTH, HEIGHT, model)
    panel.put(render(AmountDue(12345, "门诊收费", seconds_left=87), WIDTH, HEIGHT))
    sent = model.bytes
    panel.put(render(AmountDue(12345, "门诊收费", seconds_left=86), WIDTH, HEIGHT))
    assert 0 < model.bytes - sent <= 40


def test_the_first_picture_is_there_before_the_panel_lights_up() -> None:
    model = ssd1306()
    panel = Oled("ssd1306", WIDTH, HEIGHT, model)
    assert not model.on
    panel.put(Image.new("1", (WIDTH, HEIGHT)))
    assert model.on


@pytest.mark.parametrize(
    "fault", [OSError(errno.ETIMEDOUT, "timed out"), DeviceNotFoundError("gone")]
)
def test_both_kinds_of_errors_for_one_fault_are_one_error(fault: Exception) -> None:
    model = ssd1306()
    panel = Oled("ssd1306", WIDTH, HEIGHT, model)
    model.fault = fault
    with pytest.raises(HardwareError):
        panel.put(Image.new("1", (WIDTH, HEIGHT), 1))
    with pytest.raises(HardwareError):
        Oled("ssd1306", WIDTH, HEIGHT, model)


def test_after_a_fault_the_whole_picture_is_sent_again() -> None:
    model = ssd1306()
    panel = Oled("ssd1306", WIDTH, HEIGHT, model)
    image = Image.new("1", (WIDTH, HEIGHT))
    panel.put(image)
    model.fault = OSError(errno.EIO, "broken")
    with pytest.raises(HardwareError):
        panel.put(Image.new("1", (WIDTH, HEIGHT), 1))
    model.fault, model.bytes = None, 0
    panel.put(image)
    assert model.bytes > 1024
    assert same(model, image)


@pytest.mark.parametrize("controller", ["ssd1306", "sh1106"])
def test_a_panel_that_lost_its_power_shows_the_picture_again_when_renewed(controller: str) -> None:
    model = PanelModel(132, 2) if controller == "sh1106" else ssd1306()
    panel = Oled(controller, WIDTH, HEIGHT, model)
    image = render(EXAMPLES["idle"], WIDTH, HEIGHT)
    panel.put(image)
    fresh = PanelModel(model.columns, model.first)
    vars(model).update(vars(fresh))
    panel.renew()
    panel.put(image)
    assert same(model, image)


def test_renewing_does_not_make_the_screen_blink() -> None:
    model = ssd1306()
    panel = Oled("ssd1306", WIDTH, HEIGHT, model)
    panel.put(Image.new("1", (WIDTH, HEIGHT)))
    panel.renew()
    assert model.on


def test_closing_a_broken_panel_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ssd1306()
    panel = Oled("ssd1306", WIDTH, HEIGHT, model)

    def broken() -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(model, "cleanup", broken)
    panel.close()


def test_closing_lets_go_of_the_bus() -> None:
    model = ssd1306()
    Oled("ssd1306", WIDTH, HEIGHT, model).close()
    assert model.closed


def test_a_missing_bus_is_a_hardware_error() -> None:
    with pytest.raises(HardwareError, match="Device"):
        open_i2c(31, 0x3C)


def test_an_impossible_size_is_a_hardware_error() -> None:
    with pytest.raises(HardwareError, match="mode"):
        start_sequence("ssd1306", 77, 64)


def test_trying_to_open_for_long_registers_nothing_twice() -> None:
    oled.start_sequence.cache_clear()
    for _ in range(3):
        Oled("ssd1306", WIDTH, HEIGHT, ssd1306())
    assert oled.start_sequence.cache_info().misses == 1
