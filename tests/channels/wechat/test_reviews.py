import pytest

from device.channels.bill_text import BadBill
from device.channels.wechat import reviews

SAMPLE = """100
`2017-07-01 10:00:05,` 1001690740201411100005734289,`5,`赞，水果很新鲜
`2017-07-01 11:00:05,`1001690740201411100005734278,`4,`一般,`吧, 还行
"""
BARE = "7\n2017-07-01 11:30:05,1001690740201411100005734250,1,慢, 很慢\n"


def test_reviews_with_commas_and_backticks_in_their_text() -> None:
    page = reviews.read(SAMPLE.encode())
    assert page.next_offset == 100
    first, second = page.reviews
    assert (first.provider_trade_no, first.stars, first.text) == (
        "1001690740201411100005734289", 5, "赞，水果很新鲜",
    )  # fmt: skip
    assert second.text == "一般,`吧, 还行"


def test_the_form_without_backticks() -> None:
    (review,) = reviews.read(BARE.encode()).reviews
    assert (review.stars, review.text) == (1, "慢, 很慢")


@pytest.mark.parametrize(
    "body", [b"", b"<xml/>", b"5\n`x,`1,`5,`t", b"5\n`2017-07-01 10:00:05,`1,`9,`t"]
)
def test_what_is_no_review_is_refused(body: bytes) -> None:
    with pytest.raises(BadBill):
        reviews.read(body)
