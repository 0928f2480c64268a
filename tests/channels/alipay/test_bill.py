"""The texts are written out as public samples show them, by hand."""

import io
import zipfile

import pytest

from device.channels.alipay import bill
from device.channels.bill_text import BadBill
from device.domain.bill import BillKind, fault

HEAD = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,"
    "订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,"
    "券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)
PAID = (
    "2026112222001\t,MZ03BBB\t,交易\t,门诊收费,2026-11-22 09:30:00,"
    "2026-11-22 09:30:02,\t,\t,\t,BOX-0001\t,**博(156******89)\t,"
    "50.00,50.00,0.00,0.00,0.00,0.00,0.00\t,,0.00\t,0.00,\t,-0.30,0.00,"
)
BACK = (
    "2026112222001\t,MZ03BBB\t,退款\t,门诊收费,2026-11-22 11:30:00,2026-11-22 11:30:02,\t,\t,\t,\t,"
    "**博(156******89)\t,-20.00,-20.00,0.00,0.00,0.00,0.00,0.00\t,,0.00\t,0.00,R9\t,0.12,0.00,"
)
FOOT = (
    "#-----------------------------------------业务明细列表结束------------------------------------",
    "#交易合计：1笔，商家实收共50.00元，商家优惠共0.00元",
    "#退款合计：1笔，商家实收退款共-20.00元，商家优惠退款共0.00元",
    "#导出时间：[2026年11月23日 07:27:37]",
)
TOP = ("#支付宝业务明细查询", "#账号：[20880156]", "#起始日期：[...]", "#----业务明细列表----")
SUMMARY_HEAD = (
    "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,"
    "商家优惠（元）,卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）"
)
SUMMARY = f"""#业务汇总列表
{SUMMARY_HEAD}
合计\t,\t,1,1,30.00,30.00,0.00,0.00,0.00,-0.18,0.00,29.82
#业务汇总列表结束
"""


def lines(*rows: str, foot: tuple[str, ...] = FOOT) -> str:
    return "\r\n".join((*TOP, HEAD, *rows, *foot)) + "\r\n"


def packed(detail: str, summary: str = SUMMARY) -> bytes:
    """A zip with GBK names that do not say that they are, as Alipay sends it."""
    file = io.BytesIO()
    names = {"A" * 40: "2088_20261122_业务明细.csv", "B" * 40: "2088_20261122_业务明细(汇总).csv"}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in zip(names, (detail, summary), strict=True):
            archive.writestr(name, text.encode("gbk"))
    data = file.getvalue()
    for name, real in names.items():
        data = data.replace(name.encode(), real.encode("gbk").rjust(40, b"_"))
    return data


def test_a_days_lines_with_their_sums() -> None:
    found = bill.read_text(lines(PAID, BACK), SUMMARY)
    paid, back = found.lines
    assert (paid.kind, paid.amount_fen, paid.out_trade_no, paid.terminal) == (
        BillKind.PAYMENT, 5000, "MZ03BBB", "BOX-0001",
    )  # fmt: skip
    assert (back.kind, back.amount_fen, back.out_refund_no) == (BillKind.REFUND, 2000, "R9")
    assert paid.at.isoformat() == "2026-11-22T09:30:02+08:00"
    assert fault(found) == ""


def test_a_refund_with_a_positive_amount_is_a_refund_all_the_same() -> None:
    found = bill.read_text(lines(PAID, BACK.replace("-20.00", "20.00")), SUMMARY)
    assert found.lines[1].amount_fen == 2000
    assert fault(found) == ""


def test_the_zip_with_its_gbk_names() -> None:
    assert bill.read(packed(lines(PAID, BACK))) == bill.read_text(lines(PAID, BACK), SUMMARY)


def test_an_empty_day() -> None:
    foot = (
        FOOT[0],
        *(
            f.replace("1笔", "0笔").replace("50.00", "0.00").replace("-20.00", "0.00")
            for f in FOOT[1:3]
        ),
    )
    found = bill.read_text(lines(foot=foot))
    assert found.lines == ()
    assert fault(found) == ""


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("交易合计：1笔", "交易合计：2笔", "lines"),
        ("商家实收共50.00元", "商家实收共50.01元", "settled_paid_fen"),
        ("退款共-20.00元", "退款共-19.00元", "settled_back_fen"),
    ],
)
def test_a_total_that_does_not_fit_is_named(old: str, new: str, word: str) -> None:
    assert fault(bill.read_text(lines(PAID, BACK).replace(old, new), SUMMARY)).startswith(word)


def test_a_zip_that_is_none_or_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadBill):
        bill.read(b"PK nonsense")
    monkeypatch.setattr(bill, "LARGEST_ENTRY", 100)
    with pytest.raises(BadBill):
        bill.read(packed(lines(PAID)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        lines(PAID).replace("业务类型", "类型"),
        lines(PAID.replace("交易", "赠送")),
        lines(PAID + ",,"),
        lines(PAID.replace("50.00,50.00", "5O.00,50.00")),
        lines(PAID).replace("#交易合计", "#合计"),
    ],
)
def test_what_cannot_be_read_whole_is_refused_whole(text: str) -> None:
    with pytest.raises(BadBill):
        bill.read_text(text)
