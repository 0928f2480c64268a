"""The timeline's words are read from the bytes between box and providers."""

import pytest

from simulators.demo.cable import Way
from simulators.demo.net_tap import Exchange, NetTap

WECHAT = b"POST /pay/micropay HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n<xml>"
FORM = b"app_id=1&method=alipay.trade.pay&sign=x"
ALIPAY = b"POST /gateway.do?charset=utf-8 HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(FORM) + FORM


def answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def told(*pieces: tuple[Way, bytes]) -> list[Exchange]:
    exchanges: list[Exchange] = []
    read = NetTap(exchanges.append).connection()
    for way, data in pieces:
        read(way, data)
    return exchanges


def test_a_wechat_call_and_its_answer() -> None:
    body = b"<xml><return_code><![CDATA[SUCCESS]]></return_code><err_code>USERPAYING</err_code>"

    seen = told((Way.OUT, WECHAT), (Way.IN, answer(body)))

    assert seen == [
        Exchange(Way.OUT, "wechat", "扣款 micropay"),
        Exchange(Way.IN, "wechat", "扣款 micropay", "USERPAYING"),
    ]


def test_an_alipay_method_is_found_in_the_form() -> None:
    seen = told((Way.OUT, ALIPAY))

    assert seen == [Exchange(Way.OUT, "alipay", "扣款 trade.pay")]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b'{"x":{"code":"10000","trade_status":"TRADE_SUCCESS"}}', "TRADE_SUCCESS"),
        (b'{"x":{"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST"}}', "ACQ.TRADE_NOT_EXIST"),
        (b"<html>", "HTTP 502"),
    ],
)
def test_the_most_telling_word_of_an_answer(body: bytes, word: str) -> None:
    status = b"502 Bad Gateway" if word.startswith("HTTP") else b"200 OK"

    seen = told((Way.OUT, WECHAT), (Way.IN, answer(body, status)))

    assert seen[1].answer == word


def test_bytes_in_small_pieces_tell_the_same() -> None:
    whole = answer(b"<trade_state>SUCCESS</trade_state>")

    seen = told(
        *((Way.OUT, bytes([byte])) for byte in WECHAT), *((Way.IN, bytes([b])) for b in whole)
    )

    assert [one.answer for one in seen] == ["", "SUCCESS"]
