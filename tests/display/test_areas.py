from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from device.display.areas import Area, Price, changed, content, negative, pages, whole

WIDTH, HEIGHT = 128, 64
WINDOWED, PAGED = Price(area=10, row=0, cell=1), Price(area=1, row=6, cell=1)
PRICES = st.sampled_from([WINDOWED, PAGED])
Box = tuple[int, int, int, int]
boxes = st.lists(
    st.tuples(
        st.integers(0, WIDTH - 1),
        st.integers(0, HEIGHT - 1),
        st.integers(1, 40),
        st.integers(1, 20),
    ),
    max_size=6,
)


def picture(rectangles: list[Box]) -> Image.Image:
    image = Image.new("1", (WIDTH, HEIGHT))
    for x, y, width, height in rectangles:
        ImageDraw.Draw(image).rectangle((x, y, x + width, y + height), outline=1)
    return image


def applied(old: list[bytes], areas: list[Area], new: list[bytes]) -> list[bytes]:
    memory = [bytearray(page) for page in old]
    for area in areas:
        data = iter(content(area, new))
        for page in range(area.top, area.bottom):
            for column in range(area.left, area.right):
                memory[page][column] = next(data)
    return [bytes(page) for page in memory]


def test_a_byte_is_eight_pixels_with_the_topmost_in_the_lowest_bit() -> None:
    image = Image.new("1", (3, 16))
    image.putpixel((1, 0), 1)
    image.putpixel((1, 15), 1)
    assert pages(image) == [b"\x00\x01\x00", b"\x00\x80\x00"]


@given(boxes, boxes, PRICES)
def test_sending_the_areas_gives_the_new_picture(
    before: list[Box], after: list[Box], price: Price
) -> None:
    old, new = pages(picture(before)), pages(picture(after))
    assert applied(old, changed(old, new, price), new) == new


@given(boxes, boxes, PRICES)
def test_it_never_costs_more_than_a_whole_picture(
    before: list[Box], after: list[Box], price: Price
) -> None:
    old, new = pages(picture(before)), pages(picture(after))
    assert price.of(*changed(old, new, price)) <= price.of(whole(new))


@given(boxes)
def test_an_identical_picture_sends_nothing(before: list[Box]) -> None:
    assert changed(pages(picture(before)), pages(picture(before)), WINDOWED) == []


@given(boxes)
def test_the_negative_of_the_negative_is_the_picture(before: list[Box]) -> None:
    old = pages(picture(before))
    assert negative(negative(old)) == old
    assert all(a ^ b == 0xFF for a, b in zip(negative(old)[0], old[0], strict=True))


def test_a_gap_is_sent_if_that_is_cheaper_than_a_new_address() -> None:
    old, new = pages(picture([])), pages(picture([]))
    new[0] = bytes([1, *bytes(9), 1, *new[0][11:]])
    assert changed(old, new, WINDOWED) == [Area(0, 0, 11, 1)]
    assert changed(old, new, PAGED) == [Area(0, 0, 1, 1), Area(10, 0, 11, 1)]


def test_a_changed_digit_is_one_small_area() -> None:
    old, new = picture([]), picture([])
    new.paste(1, (120, 2, 125, 7))
    assert changed(pages(old), pages(new), WINDOWED) == [Area(120, 0, 125, 1)]


def test_a_block_over_several_pages_is_one_area() -> None:
    old, new = picture([]), picture([])
    new.paste(1, (10, 4, 60, 60))
    assert changed(pages(old), pages(new), WINDOWED) == [Area(10, 0, 60, 8)]


def test_far_corners_are_two_areas() -> None:
    old, new = picture([]), picture([])
    new.putpixel((0, 0), 1)
    new.putpixel((127, 63), 1)
    assert changed(pages(old), pages(new), WINDOWED) == [Area(0, 0, 1, 1), Area(127, 7, 128, 8)]
