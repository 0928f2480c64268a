"""The text is written out as WeChat's documents and public samples show it, by hand."""

import gzip

import pytest

from device.channels.bill_text import BadBill
from device.channels.wechat import bill
from device.channels.wechat.bill import NoBill
from device.domain.bill import Bill, BillKind, fault

HEAD = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,"
    "付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,"
    "退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)
PAID = (
    "`2026-11-22 09:30:01,`wx1,`1900,`0,`BOX-0001,`4200001,`MZ03AAA,`o1,`MICROPAY,"
    "`SUCCESS,`CMB,`CNY,`123.45,`0.00,`0,`0,`0.00,`0.00,`,`,`市一医院-门诊,收费,`,`0.74000,`0.60%,`123.45,`0.00,`"
)
BACK = (
    "`2026-11-22 10:30:01,`wx1,`1900,`0,`BOX-0001,`4200001,`MZ03AAA,`o1,`MICROPAY,"
    "`REFUND,`CMB,`CNY,`0.00,`0.00,`5030,`R1,`23.45,`0.00,`ORIGINAL,`SUCCESS,`市一医院,`,`-0.14000,`0.60%,`0.00,`23.45,`"
)
TOTALS_HEAD = (
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
)
TOTALS = "`2.0,`123.45,`23.45,`0.0,`0.60000,`123.45,`23.45"
OLD_HEAD = (
    "交易时间,公众账号ID,商户号,子商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,"
    "付款银行,货币种类,总金额,代金券或立减优惠金额,微信退款单号,商户退款单号,退款金额,"
    "代金券或立减优惠退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率"
)
OLD_PAID = (
    "`2026-11-22 09:30:01,`wx1,`1900,`0,`,`4200001,`MZ03AAA,`o1,`MICROPAY,"
    "`SUCCESS,`CMB,`CNY,`123.45,`0.00,`0,`0,`0.00,`0.00,`,`,`收费,`,`0.74000,`0.60%"
)
OLD_TOTALS = (
    "总交易单数,总交易额,总退款金额,总代金券或立减优惠退款金额,手续费总金额",
    "`1,`123.45,`0.00,`0.00,`0.74000",
)


def text(*lines: str) -> bytes:
    return "\ufeff".encode() + "".join(line + "\r\n" for line in lines).encode()


def read(body: bytes) -> Bill:
    found = bill.read(body)
    assert isinstance(found, Bill)
    return found


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_27_columns(pack: type[bytes]) -> None:
    found = read(pack(text(HEAD, PAID, BACK, TOTALS_HEAD, TOTALS)))
    paid, back = found.lines
    assert (paid.kind, paid.amount_fen, paid.out_trade_no) == (BillKind.PAYMENT, 12345, "MZ03AAA")
    assert (paid.fee_e5, paid.terminal, paid.at.isoformat()) == (
        74000, "BOX-0001", "2026-11-22T09:30:01+08:00",
    )  # fmt: skip
    assert (back.kind, back.amount_fen, back.out_refund_no) == (BillKind.REFUND, 2345, "R1")
    assert back.fee_e5 == -14000
    assert fault(found) == ""


def test_24_columns_of_the_old_form() -> None:
    found = read(text(OLD_HEAD, OLD_PAID, *OLD_TOTALS))
    assert found.lines[0].amount_fen == 12345
    assert fault(found) == ""


def test_a_comma_in_the_name_of_the_goods_shifts_nothing() -> None:
    found = read(text(HEAD, PAID, TOTALS_HEAD, "`1,`123.45,`0.00,`0.00,`0.74000,`123.45,`0.00"))
    assert found.lines[0].fee_e5 == 74000


@pytest.mark.parametrize(
    ("totals", "word"),
    [
        (TOTALS.replace("`2.0", "`3.0"), "lines"),
        (TOTALS.replace("`0.60000", "`0.61000"), "fee_e5"),
        (TOTALS.replace(",`123.45,`23.45", ",`123.46,`23.45", 1)[:-1] + "5", "settled_paid_fen"),
        (TOTALS[:-1] + "6", "refunded_fen"),
    ],
)
def test_a_total_that_does_not_fit_is_named(totals: str, word: str) -> None:
    assert fault(read(text(HEAD, PAID, BACK, TOTALS_HEAD, totals))).startswith(word)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("No Bill Exist", NoBill.EMPTY_DAY),
        ("NO Bill Exist", NoBill.EMPTY_DAY),
        ("Bill Creating", NoBill.NOT_READY),
        ("SYSTEMERROR", NoBill.AGAIN),
        ("SIGN ERROR", NoBill.REFUSED),
    ],
)
def test_no_bill_says_why(said: str, meant: NoBill) -> None:
    message = f"<return_msg><![CDATA[{said}]]></return_msg>"
    body = f"<xml><return_code><![CDATA[FAIL]]></return_code>{message}</xml>"
    assert bill.read(body.encode()) is meant


@pytest.mark.parametrize(
    "body",
    [
        b"",
        text(HEAD, PAID),
        text(HEAD, PAID + ",`more", TOTALS_HEAD, TOTALS),
        text(HEAD, PAID.replace("`123.45,`0.00,`0,", "`1e3,`0.00,`0,"), TOTALS_HEAD, TOTALS),
        text(HEAD, PAID.replace("2026-11-22", "2026-13-22"), TOTALS_HEAD, TOTALS),
        text(HEAD.replace("商户订单号", "什么"), PAID, TOTALS_HEAD, TOTALS),
        gzip.compress(text(HEAD, PAID, TOTALS_HEAD, TOTALS))[:-20],
        "交易时间".encode("gbk"),
    ],
)
def test_what_cannot_be_read_whole_is_refused_whole(body: bytes) -> None:
    with pytest.raises(BadBill):
        bill.read(body)
