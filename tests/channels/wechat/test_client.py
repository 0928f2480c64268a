"""What is sent to WeChat, and what its answers become."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import httpx
import pytest

from device.channels.wechat import Merchant
from device.channels.wechat.signing import SignType
from device.clock import BEIJING
from device.domain.outcome import (
    Accepted,
    Contradiction,
    Declined,
    Later,
    NotVerified,
    Paid,
    Refunded,
    RefundPending,
    RefundSum,
    Unknown,
    Verified,
)
from device.domain.words import Reason

if TYPE_CHECKING:
    from tests.channels.conftest import FakeClock
    from tests.channels.wechat.conftest import MakeChannel, Rig

SPARE = "https://spare.example"
PAID = Paid(
    "1008450740201411110005820873",
    12345,
    datetime(2026, 11, 22, 9, 30, 15, tzinfo=BEIJING),
)
WRONG = {
    "another amount": {"total_fee": "12344"},
    "no amount": {"total_fee": None},
    "an amount with a point": {"total_fee": "123.45"},
    "an amount in other digits": {"total_fee": "１２３４５"},
    "another number": {"out_trade_no": "MZ03ABCDEFGHIJKLMNOPQRSTUVWXYZ24"},
    "no number": {"out_trade_no": None},
    "another merchant": {"mch_id": "10000101"},
    "no merchant": {"mch_id": None},
    "another application": {"appid": "wx2421b1c4370ec43c"},
    "another currency": {"fee_type": "HKD"},
    "another kind of trade": {"trade_type": "NATIVE"},
    "no kind of trade": {"trade_type": None},
    "no number of theirs": {"transaction_id": None},
}


@pytest.mark.parametrize("kind", SignType)
async def test_a_pay_sends_exactly_this_signed(
    rig: "Rig", make_channel: "MakeChannel", kind: SignType
) -> None:
    rig.tencent.hmac = kind is SignType.HMAC_SHA256
    rig.wire.replies = [rig.tencent.paid()]
    assert await make_channel(kind).pay(rig.order) == PAID
    request = rig.wire.sent[0]
    assert (request.method, str(request.url)) == ("POST", "https://first.example/pay/micropay")
    fields = rig.tencent.received(request)
    fields.pop("sign")
    assert fields == {
        "appid": "wx2421b1c4370ec43b",
        "mch_id": "10000100",
        "device_info": "BOX-0001",
        "nonce_str": "0123456789abcdef0123456789abcdef",
        "sign_type": kind.value,
        "body": "市一医院-门诊收费",
        "out_trade_no": rig.order.out_trade_no,
        "total_fee": "12345",
        "fee_type": "CNY",
        "spbill_create_ip": "127.0.0.1",
        "auth_code": rig.order.payer_code,
    }
    assert request.extensions["timeout"] == {
        "connect": 3.0,
        "pool": 3.0,
        "write": 15.0,
        "read": 15.0,
    }


async def test_a_long_subject_is_cut_between_characters(rig: "Rig") -> None:
    rig.wire.replies = [rig.tencent.paid()]
    await rig.channel.pay(replace(rig.order, subject="费\x00\n" * 60))
    assert rig.tencent.received(rig.wire.sent[0])["body"] == "费" * 42


async def test_absent_fee_type_and_unknown_fields_are_fine(rig: "Rig") -> None:
    rig.wire.replies = [
        rig.tencent.paid({"fee_type": None, "a_new_field": "x", "time_end": "soon"})
    ]
    assert await rig.channel.pay(rig.order) == replace(PAID, paid_at=None)


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG.keys())
async def test_a_success_that_does_not_fit_is_not_paid(
    rig: "Rig", changes: dict[str, str | None]
) -> None:
    rig.wire.replies = [rig.tencent.paid(changes), rig.tencent.state("SUCCESS", changes)]
    assert isinstance(await rig.channel.pay(rig.order), Unknown)
    outcome = await rig.channel.query(rig.order.out_trade_no, rig.order.amount_fen)
    assert isinstance(outcome, Unknown | Contradiction)


async def test_a_query_that_fits_is_paid_and_another_amount_contradicts(rig: "Rig") -> None:
    rig.wire.replies = [rig.tencent.state("SUCCESS")] * 3
    assert await rig.channel.query(rig.order.out_trade_no, 12345) == PAID
    assert await rig.channel.query(rig.order.out_trade_no) == PAID
    outcome = await rig.channel.query(rig.order.out_trade_no, 1)
    assert outcome == Contradiction("another total_fee")


@pytest.mark.parametrize("state", ["CLOSED", "REVOKED", "NOTPAY", "PAYERROR"])
async def test_a_state_of_another_order_is_not_ours(rig: "Rig", state: str) -> None:
    rig.wire.replies = [rig.tencent.state(state, {"out_trade_no": "X" * 32})]
    assert await rig.channel.query(rig.order.out_trade_no) == Unknown("another order")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>502</html>",
        b"<xml><return_code>FAIL</return_code><return_msg>x</return_msg></xml>",
        b"<xml><return_code>SYSTEMERROR</return_code></xml>",
        b"<xml></xml>",
    ],
)
async def test_an_unsigned_answer_proves_nothing(rig: "Rig", answer: bytes) -> None:
    rig.wire.replies = [answer]
    assert isinstance(await rig.channel.pay(rig.order), Unknown)


async def test_a_success_signed_with_another_key_or_not_at_all_is_not_paid(rig: "Rig") -> None:
    good = rig.tencent.paid()
    signature = good.split(b"<sign>")[1].split(b"</sign>")[0]
    stripped = good.replace(b"<sign>" + signature + b"</sign>", b"")
    rig.wire.replies = [stripped, good.replace(signature, b"<![CDATA[" + b"A" * 64 + b"]]>")]
    assert await rig.channel.pay(rig.order) == Unknown("missing or wrong signature")
    assert await rig.channel.pay(rig.order) == Unknown("missing or wrong signature")


async def test_md5_is_no_answer_to_hmac(rig: "Rig") -> None:
    rig.tencent.hmac = False
    rig.wire.replies = [rig.tencent.paid()]
    assert isinstance(await rig.channel.pay(rig.order), Unknown)


async def test_a_pay_that_reached_nobody_is_offline(
    rig: "Rig", make_channel: "MakeChannel"
) -> None:
    rig.wire.replies = [httpx.ConnectError("x"), httpx.ConnectTimeout("x")]
    outcome = await make_channel(spare_url=SPARE).pay(rig.order)
    assert outcome == Declined(Reason.OFFLINE)
    assert len(rig.wire.sent) == 2


async def test_a_query_that_reached_nobody_was_not_asked(rig: "Rig") -> None:
    """A reverse follows only a query that left (M8)."""
    rig.wire.replies = [httpx.ConnectError("x"), httpx.ReadTimeout("x")]
    told = [await rig.channel.query("MZ03A", 1234) for _ in range(2)]
    assert [isinstance(t, Unknown) and t.sent for t in told] == [False, True]


async def test_a_pay_that_missed_the_first_host_goes_to_the_spare_unchanged(
    rig: "Rig", make_channel: "MakeChannel"
) -> None:
    rig.wire.replies = [httpx.ConnectError("x"), rig.tencent.paid()]
    assert await make_channel(spare_url=SPARE).pay(rig.order) == PAID
    assert rig.wire.sent[0].content == rig.wire.sent[1].content


@pytest.mark.parametrize(
    "fault", [httpx.ReadTimeout("x"), httpx.ReadError("x"), httpx.RemoteProtocolError("x")]
)
async def test_a_pay_in_doubt_is_sent_once(
    rig: "Rig", make_channel: "MakeChannel", fault: Exception
) -> None:
    rig.wire.replies = [fault]
    assert isinstance(await make_channel(spare_url=SPARE).pay(rig.order), Unknown)
    assert len(rig.wire.sent) == 1


@pytest.mark.parametrize(
    ("recall", "expected"),
    [("N", Accepted()), (None, Accepted()), ("Y", Later("recall")), ("?", Unknown("recall"))],
)
async def test_a_reverse_uses_the_certificate_and_obeys_recall(
    rig: "Rig", recall: str | None, expected: object
) -> None:
    rig.certificate_wire.replies = [rig.tencent.answer({"recall": recall})]
    assert await rig.channel.reverse(rig.order.out_trade_no) == expected
    assert rig.certificate_wire.sent[0].url.path == "/secapi/pay/reverse"
    assert (
        rig.tencent.received(rig.certificate_wire.sent[0])["out_trade_no"] == rig.order.out_trade_no
    )
    assert not rig.wire.sent


REFUND_ID = "5000050554201806060508000000"  # as in the documents: digits only


async def test_a_refund_is_pending_until_the_query_says_so(rig: "Rig") -> None:
    ours = {
        "out_refund_no": rig.refund_order.out_refund_no,
        "refund_id": REFUND_ID,
        "refund_fee": "2345",
    }
    rig.certificate_wire.replies = [rig.tencent.answer(**ours)]
    assert await rig.channel.refund(rig.refund_order) == RefundPending(REFUND_ID)
    assert rig.certificate_wire.sent[0].url.path == "/secapi/pay/refund"
    fields = rig.tencent.received(rig.certificate_wire.sent[0])
    assert (fields["total_fee"], fields["refund_fee"]) == ("12345", "2345")
    assert fields["refund_desc"] == "退号"
    rig.wire.replies = [
        rig.tencent.answer(
            refund_count="1",
            out_refund_no_0=rig.refund_order.out_refund_no,
            refund_id_0=REFUND_ID,
            refund_fee_0="2345",
            refund_status_0="SUCCESS",
            refund_success_time_0="2026-11-22 10:00:00",
        )
    ]
    assert await rig.channel.query_refund(rig.refund_order) == Refunded(
        REFUND_ID, 2345, datetime(2026, 11, 22, 10, tzinfo=BEIJING)
    )


@pytest.mark.parametrize("change", [{"out_refund_no": "R"}, {"refund_fee": "1"}])
async def test_the_acceptance_of_another_refund_is_not_ours(
    rig: "Rig", change: dict[str, str]
) -> None:
    ours = {"out_refund_no": rig.refund_order.out_refund_no, "refund_id": "2", "refund_fee": "2345"}
    rig.certificate_wire.replies = [rig.tencent.answer({**ours, **change})]
    assert isinstance(await rig.channel.refund(rig.refund_order), Unknown)


@pytest.mark.parametrize(
    "change", [{"out_refund_no_0": "R"}, {"refund_fee_0": "1"}, {"refund_count": "0"}]
)
async def test_a_refund_query_about_another_refund_proves_nothing(
    rig: "Rig", change: dict[str, str]
) -> None:
    fields = {
        "refund_count": "1",
        "out_refund_no_0": rig.refund_order.out_refund_no,
        "refund_fee_0": "2345",
        "refund_status_0": "SUCCESS",
    }
    rig.wire.replies = [rig.tencent.answer({**fields, **change})]
    assert isinstance(await rig.channel.query_refund(rig.refund_order), Unknown)


def refunds(first: int, last: int, status: str = "SUCCESS") -> dict[str, str]:
    fields = {"refund_count": str(last - first)}
    for n in range(first, last):
        fields |= {
            f"out_refund_no_{n - first}": f"R{n}",
            f"refund_fee_{n - first}": "100",
            f"refund_status_{n - first}": status,
        }
    return fields


async def test_eleven_refunds_are_added_up_over_two_pages(rig: "Rig") -> None:
    common: dict[str, str | None] = {
        "out_trade_no": rig.order.out_trade_no,
        "total_refund_count": "11",
    }
    rig.wire.replies = [
        rig.tencent.answer(common, **refunds(0, 10)),
        rig.tencent.answer(common, **refunds(10, 11, "PROCESSING")),
    ]
    assert await rig.channel.refunded_sum(rig.order.out_trade_no) == RefundSum(1100)
    offsets = [rig.tencent.received(request).get("offset") for request in rig.wire.sent]
    assert offsets == [None, "10"]


async def test_a_refund_on_two_pages_counts_once(rig: "Rig") -> None:
    common: dict[str, str | None] = {
        "out_trade_no": rig.order.out_trade_no,
        "total_refund_count": "12",
    }
    rig.wire.replies = [
        rig.tencent.answer(common, **refunds(0, 10)),
        rig.tencent.answer(common, **refunds(9, 12)),
    ]
    assert await rig.channel.refunded_sum(rig.order.out_trade_no) == RefundSum(1200)


@pytest.mark.parametrize(
    ("status", "fen"), [("SUCCESS", 100), ("PROCESSING", 100), ("CHANGE", 100), ("REFUNDCLOSE", 0)]
)
async def test_what_counts_as_given_back(rig: "Rig", status: str, fen: int) -> None:
    page = refunds(0, 1, status)
    rig.wire.replies = [rig.tencent.answer(out_trade_no=rig.order.out_trade_no, **page)]
    assert await rig.channel.refunded_sum(rig.order.out_trade_no) == RefundSum(fen)


async def test_an_order_without_refunds_gave_nothing_back(rig: "Rig") -> None:
    rig.wire.replies = [rig.tencent.failure("REFUNDNOTEXIST")]
    assert await rig.channel.refunded_sum(rig.order.out_trade_no) == RefundSum(0)


async def test_a_full_page_without_a_total_is_not_the_whole(rig: "Rig") -> None:
    rig.wire.replies = [rig.tencent.answer(out_trade_no=rig.order.out_trade_no, **refunds(0, 10))]
    assert isinstance(await rig.channel.refunded_sum(rig.order.out_trade_no), Unknown)


@pytest.mark.parametrize(
    "change",
    [
        {"refund_fee_0": "x"},
        {"refund_status_0": None},
        {"out_refund_no_0": None},
        {"refund_count": "0"},
        {"out_trade_no": "X"},
        {"total_refund_count": "60"},
    ],
)
async def test_a_page_that_cannot_be_read_tells_no_sum(
    rig: "Rig", change: dict[str, str | None]
) -> None:
    fields = {"out_trade_no": rig.order.out_trade_no, "total_refund_count": "1", **refunds(0, 1)}
    rig.wire.replies = [rig.tencent.answer({**fields, **change})] * 5
    assert isinstance(await rig.channel.refunded_sum(rig.order.out_trade_no), Unknown)


@pytest.mark.parametrize("call", ["query", "reverse", "refund", "query_refund", "refunded_sum"])
@pytest.mark.parametrize("fault", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), b"<html/>"])
async def test_no_call_raises_for_what_the_network_does(
    rig: "Rig", call: str, fault: Exception | bytes
) -> None:
    rig.wire.replies = [fault]
    rig.certificate_wire.replies = [fault]
    assert isinstance(await rig.asked(call), Unknown)


@pytest.mark.parametrize("code", ["ORDERNOTEXIST", "SYSTEMERROR"])
async def test_any_signed_answer_about_an_impossible_number_verifies(rig: "Rig", code: str) -> None:
    rig.wire.replies = [rig.tencent.failure(code)]
    assert await rig.channel.verify() == Verified()
    fields = rig.tencent.received(rig.wire.sent[0])
    assert fields["out_trade_no"] == "MZ03VERIFY0123456789abcdef"
    assert rig.wire.sent[0].url.path == "/pay/orderquery"


def refusal(text: str) -> bytes:
    return (f"<xml><return_code>FAIL</return_code><return_msg>{text}</return_msg></xml>").encode()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refusal("签名错误，请检查后再试"), "微信密钥不正确"),
        (refusal("sign error"), "微信密钥不正确"),
        (refusal("appid不存在"), "appid 与 mch_id"),
        (refusal("mch_id参数格式错误"), "appid 与 mch_id"),
    ],
)
async def test_a_wrong_configuration_is_one_clear_line(
    rig: "Rig", answer: bytes, words: str
) -> None:
    rig.wire.replies = [answer]
    outcome = await rig.channel.verify()
    assert isinstance(outcome, NotVerified)
    assert outcome.configuration
    assert words in outcome.text
    assert "\n" not in outcome.text


@pytest.mark.parametrize("code", ["SIGNERROR", "APPID_MCHID_NOT_MATCH", "NOAUTH"])
async def test_a_signed_complaint_about_us_does_not_verify(rig: "Rig", code: str) -> None:
    rig.wire.replies = [rig.tencent.failure(code)]
    outcome = await rig.channel.verify()
    assert isinstance(outcome, NotVerified)
    assert outcome.configuration


async def test_an_answer_signed_with_another_key_names_the_key_file(rig: "Rig") -> None:
    rig.tencent.hmac = False
    rig.wire.replies = [rig.tencent.failure("ORDERNOTEXIST")]
    outcome = await rig.channel.verify()
    assert isinstance(outcome, NotVerified)
    assert outcome.configuration
    assert "api_key_file" in outcome.text


@pytest.mark.parametrize(
    "fault",
    [httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.Response(502), refusal("系统繁忙")],
)
async def test_a_provider_that_was_not_reached_is_no_fault_of_the_configuration(
    rig: "Rig", fault: Exception | httpx.Response | bytes
) -> None:
    rig.wire.replies = [fault]
    outcome = await rig.channel.verify()
    assert isinstance(outcome, NotVerified)
    assert not outcome.configuration


async def test_warming_is_a_signed_query_of_an_impossible_number(
    rig: "Rig", clock: "FakeClock"
) -> None:
    rig.wire.replies = [rig.tencent.failure("ORDERNOTEXIST")]
    assert await rig.channel.warm()
    assert await rig.channel.warm()
    assert len(rig.wire.sent) == 1
    assert rig.tencent.received(rig.wire.sent[0])["out_trade_no"].startswith("MZ03VERIFY")
    clock.mono_s += 60
    rig.wire.replies = [httpx.ConnectError("x")]
    assert not await rig.channel.warm()


async def test_closing_closes_both_clients(rig: "Rig") -> None:
    await rig.channel.aclose()
    assert (rig.wire.closed, rig.certificate_wire.closed) == (True, True)


def test_no_repr_holds_the_key() -> None:
    assert "SECRET" not in repr(Merchant("wx", "1", "SECRET", "B", "MZ03"))
