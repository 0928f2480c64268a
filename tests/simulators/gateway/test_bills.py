"""Bills and comments as a client sees them on the wire, read by the firmware's own readers."""

import gzip
import io
import json
import zipfile
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from device.channels.alipay import bill as alipay_bill
from device.channels.wechat import bill as wechat_bill
from device.channels.wechat import reviews
from device.channels.wechat.bill import NoBill
from device.domain.bill import Bill, fault
from simulators.gateway.clock import Clock
from simulators.gateway.rules import Rules
from simulators.gateway.server import Gateway

Raw = tuple[bytes, str]
Send = Callable[[bytes], Awaitable[Raw]]
Wechat = Callable[..., Awaitable[dict[str, str]]]
Alipay = Callable[..., Awaitable[dict[str, Any]]]
Make = Callable[..., bytes]
DAY, DAY_S = "20260301", 86_400.0
BILL = "alipay.data.dataservice.bill.downloadurl.query"


def body(raw: Raw) -> bytes:
    return raw[0].partition(b"\r\n\r\n")[2]


def get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n".encode()


@pytest.fixture
def bill(send: Send, wechat_request: Make) -> Callable[..., Awaitable[bytes]]:
    async def ask(**given: str) -> bytes:
        return body(await send(wechat_request("/pay/downloadbill", bill_date=DAY, **given)))

    return ask


@pytest.fixture
def admin(gateway: Gateway, send: Send) -> Callable[..., Awaitable[Any]]:
    del gateway

    async def ask(path: str, value: object) -> Any:
        text = json.dumps(value).encode()
        head = (
            f"POST /_admin/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            f"Content-Length: {len(text)}\r\n\r\n"
        )
        return json.loads(body(await send(head.encode() + text)))

    return ask


async def a_day_of_wechat(wechat_pay: Wechat, wechat: Wechat) -> None:
    await wechat_pay(out_trade_no="MZ03A", total_fee="1234", device_info="BOX-1", body="挂号,初诊")
    await wechat_pay(out_trade_no="MZ03B", total_fee="500")
    given = {"out_refund_no": "R1", "total_fee": "1234", "refund_fee": "34"}
    await wechat("refund", out_trade_no="MZ03A", **given)
    await wechat_pay(out_trade_no="MZ03C", total_fee="700")
    await wechat("reverse", out_trade_no="MZ03C")
    await wechat_pay(out_trade_no="MZ03D", total_fee="800", auth_code="1")


async def test_wechats_bill_is_there_from_ten_the_next_morning(
    bill: Callable[..., Awaitable[bytes]], wechat_pay: Wechat, clock: Clock
) -> None:
    assert wechat_bill.read(await bill()) is NoBill.NOT_READY
    await wechat_pay()
    clock.advance(DAY_S)  # 09:30
    assert wechat_bill.read(await bill()) is NoBill.NOT_READY
    clock.advance(1_800)
    found = wechat_bill.read(await bill())
    assert isinstance(found, Bill)
    assert [line.amount_fen for line in found.lines] == [1234]


async def test_an_empty_day_is_no_bill(bill: Callable[..., Awaitable[bytes]], clock: Clock) -> None:
    clock.advance(DAY_S * 2)
    said = await bill(tar_type="GZIP")
    assert b"<error_code><![CDATA[20002]]>" in said
    assert wechat_bill.read(said) is NoBill.EMPTY_DAY


@pytest.mark.parametrize("packed", [0, 1])
@pytest.mark.parametrize("columns", [24, 27])
async def test_the_whole_day_with_its_totals(  # noqa: PLR0913
    gateway: Gateway, bill: Callable[..., Awaitable[bytes]], wechat_pay: Wechat, wechat: Wechat,
    clock: Clock, packed: int, columns: int,
) -> None:  # fmt: skip
    gateway.book.rules = Rules(wechat_bill_columns=columns)
    await a_day_of_wechat(wechat_pay, wechat)
    clock.advance(DAY_S + 1_800)
    raw = await bill(**({"tar_type": "GZIP"} if packed else {}))
    text = (gzip.decompress(raw) if packed else raw).decode()
    assert text.startswith("\ufeff交易时间,")
    assert text.endswith("\r\n")
    assert len(text.partition("\r\n")[0].split(",")) == columns
    found = wechat_bill.read(raw)
    assert isinstance(found, Bill)
    assert fault(found) == ""
    lines = {(x.kind.value, x.out_trade_no, x.amount_fen, x.state) for x in found.lines}
    assert lines == {
        ("payment", "MZ03A", 1234, "SUCCESS"),
        ("payment", "MZ03B", 500, "SUCCESS"),
        ("payment", "MZ03C", 700, "SUCCESS"),
        ("refund", "MZ03A", 34, "REFUND"),
        ("refund", "MZ03C", 700, "REVOKED"),
    }
    assert found.lines[0].terminal == "BOX-1"


@pytest.mark.parametrize(("kind", "columns", "count"), [("SUCCESS", 20, 3), ("REFUND", 29, 2)])
async def test_the_kinds_of_wechats_bill(  # noqa: PLR0913
    bill: Callable[..., Awaitable[bytes]], wechat_pay: Wechat, wechat: Wechat, clock: Clock,
    kind: str, columns: int, count: int,
) -> None:  # fmt: skip
    await a_day_of_wechat(wechat_pay, wechat)
    clock.advance(DAY_S * 2)
    lines = (await bill(bill_type=kind)).decode().split("\r\n")
    assert {len(lines[0].split(",")), len(lines[1].split(",`"))} == {columns}
    assert len(lines) == count + 4
    assert wechat_bill.read(await bill(bill_type="RECHARGE_REFUND")) is NoBill.EMPTY_DAY
    assert wechat_bill.read(await bill(bill_type="S8")) is NoBill.REFUSED


async def test_alipays_bill_lives_behind_an_address_for_half_a_minute(  # noqa: PLR0913
    send: Send, alipay_pay: Alipay, alipay: Alipay, alipay_request: Make,
    read_alipay: Callable[[Raw], dict[str, Any]], clock: Clock,
) -> None:  # fmt: skip
    await alipay_pay(out_trade_no="MZ03A", total_amount="12.34", terminal_id="BOX-1")
    await alipay("refund", out_trade_no="MZ03A", refund_amount="0.34", out_request_no="R1")
    await alipay_pay(out_trade_no="MZ03B", total_amount="7.00")
    await alipay("reverse", out_trade_no="MZ03B")

    async def ask(day: str) -> dict[str, Any]:
        request = alipay_request(BILL, bill_type="trade", bill_date=day)
        return read_alipay(await send(request))

    clock.advance(DAY_S)  # 09:30
    assert (await ask("2026-03-01"))["sub_code"] == "isp.bill_not_exist"
    clock.advance(1_800)
    assert (await ask("2026-02-28"))["sub_code"] == "isp.bill_not_exist"
    url = urlsplit((await ask("2026-03-01"))["bill_download_url"])
    assert (url.scheme, url.netloc) == ("http", "gateway")
    raw = body(await send(get(f"{url.path}?{url.query}")))
    with zipfile.ZipFile(io.BytesIO(raw), metadata_encoding="gbk") as archive:
        names = archive.namelist()
        assert [info.flag_bits & 0x800 for info in archive.infolist()] == [0, 0]
        text = archive.read(names[0]).decode("gbk")
    assert names[0].endswith("_20260301_业务明细.csv")
    assert len(text.split("\r\n")[4].split(",")) == 25
    assert "MZ03A\t,交易," in text
    assert "#退款合计：2笔，商家实收退款共-7.34元" in text
    found = alipay_bill.read(raw)
    assert fault(found) == ""
    lines = {(x.kind.value, x.out_trade_no, x.amount_fen) for x in found.lines}
    assert lines == {
        *(("payment", "MZ03A", 1234), ("payment", "MZ03B", 700)),
        *(("refund", "MZ03A", 34), ("refund", "MZ03B", 700)),
    }
    clock.advance(31)
    assert "下载超时".encode("gbk") in body(await send(get(f"{url.path}?{url.query}")))
    unknown, _ = await send(get(f"{url.path}?token=0"))
    assert b" 404 " in unknown


async def test_a_day_is_changed_from_a_seed_and_the_changes_are_told(  # noqa: PLR0913
    gateway: Gateway, admin: Callable[..., Awaitable[Any]], bill: Callable[..., Awaitable[bytes]],
    wechat_pay: Wechat, alipay_pay: Alipay, clock: Clock,
) -> None:  # fmt: skip
    for _ in range(12):
        await wechat_pay()
        await alipay_pay()
    given = {"day": "2026-03-01", "seed": 7, "each": 1}
    told = await admin("differences", given)
    assert {one["code"] for one in told} >= {"only_journal", "only_other", "amount", "channel"}
    assert told == await admin("differences", given), "the same seed changes the same"
    clock.advance(DAY_S * 2)
    found = wechat_bill.read(await bill())
    assert isinstance(found, Bill)
    assert fault(found) == "", "also a changed bill adds up"
    numbers = [line.out_trade_no for line in found.lines]
    for one in told:
        if (one["code"], one["wallet"]) == ("only_journal", "wechat"):
            assert one["key"] not in numbers
        if (one["code"], one["wallet"]) == ("twice_other", "wechat"):
            assert numbers.count(one["key"]) == 2
    both = await admin("bills", {"day": "2026-03-01"})
    assert sorted(e["order"] for e in both if e["wallet"] == "wechat") == sorted(numbers)
    await admin("reset", {})
    assert not gateway.book.changed_bills


async def test_comments_come_page_by_page_by_their_own_offsets(
    send: Send, wechat_request: Make, wechat_pay: Wechat, admin: Callable[..., Awaitable[Any]]
) -> None:
    for number in range(5):
        await wechat_pay(out_trade_no=f"C{number}")
        said = {"out_trade_no": f"C{number}", "stars": 5 - number, "text": f"不错,`{number}"}
        await admin("comments", said)

    async def ask(offset: int, **given: str) -> bytes:
        usual = {
            "sign_type": "HMAC-SHA256", "begin_time": "20260301000000",
            "end_time": "20260302000000", "offset": str(offset), "limit": "2",
        }  # fmt: skip
        request = wechat_request("/billcommentsp/batchquerycomment", **{**usual, **given})
        return body(await send(request))

    found: list[reviews.Review] = []
    offset = 0
    for count in (2, 2, 1):
        page = reviews.read(await ask(offset))
        assert len(page.reviews) == count
        assert page.next_offset > offset + count, "not contiguous"
        found += page.reviews
        offset = page.next_offset
    assert [(r.stars, r.text) for r in found] == [(5 - n, f"不错,`{n}") for n in range(5)]
    assert b"NO_COMMENT" in await ask(offset)
    assert "签名错误".encode() in await ask(0, sign_type="MD5")
