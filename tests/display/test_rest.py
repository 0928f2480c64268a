import pytest
from PIL import Image, ImageChops

from device.display.render import render
from device.display.rest import PATH, REST_S, moved, steps
from device.display.sheet import EXAMPLES
from device.domain.screens import AmountDue, AskingProvider, CallCashier, Idle
from device.domain.words import Wallet

RESTING = {name: s for name, s in EXAMPLES.items() if not getattr(s, "amount_fen", 0)}
MOST_STILL = 0.45  # the inside of a bell stays lit wherever it moves
SIZES = [(128, 64), (256, 64)]


def lit(image: Image.Image) -> int:
    return int.from_bytes(image.tobytes()).bit_count()


def test_a_screen_with_an_amount_has_ten_minutes() -> None:
    for screen in (AmountDue(100, ""), CallCashier(100), AskingProvider(100, Wallet.WECHAT)):
        assert [steps(screen, at) for at in (0.0, 599.0, 600.0, 661.0)] == [0, 0, 1, 2]


def test_any_other_rests_after_a_minute_and_goes_on_each_minute() -> None:
    idle = Idle("市一医院", "MZ-03", ())
    assert [steps(idle, at) for at in (0.0, REST_S - 1, REST_S, 5 * REST_S)] == [0, 0, 1, 5]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", RESTING)
def test_nothing_lit_ever_leaves_the_glass(name: str, size: tuple[int, int]) -> None:
    image = render(RESTING[name], *size)
    for step in range(len(PATH) + 1):
        assert lit(moved(image, step)) == lit(image)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", RESTING)
def test_hardly_a_pixel_is_lit_all_the_time(name: str, size: tuple[int, int]) -> None:
    image = render(RESTING[name], *size)
    always = Image.new("1", size, 1)
    for step in range(1, len(PATH) + 1):
        always = ImageChops.logical_and(always, moved(image, step))
    assert lit(always) <= lit(image) * MOST_STILL


def test_an_empty_picture_may_be_moved() -> None:
    image = Image.new("1", (128, 64))
    assert moved(image, 3).tobytes() == image.tobytes()
