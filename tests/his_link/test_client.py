"""`paybox his` against a box on the loopback: output, exit codes, help."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, NamedTuple

import pytest

from device.clock import SystemClock
from device.domain.replies import (
    ErrorReply,
    Progress,
    RefundResult,
    Result,
    SummaryResult,
    SummaryRow,
)
from device.domain.requests import Confirm, Pay, Received, RefundRequest, Show
from device.domain.words import ErrorCode
from device.drivers.streams import open_stream
from device.drivers.tcp import TcpServer
from device.his_link import client
from device.his_link.link import HisLink
from device.his_link.messages import KINDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from device.domain.replies import Reply
    from device.domain.requests import Request
    from device.his_link.messages import Codec

PAY = ("pay", "id=T1", "amount=12.34", "business=outpatient_fee")
UNKNOWN = Result("T1", 1, 1, "unknown", state="armed")
PAID = Result("T1", 1, 2, "paid", amount_fen=1234)


class Box:
    """Answers every request with its story: the first reply carries `re`, later ones do not."""

    def __init__(self, codec: Codec) -> None:
        self.requests: list[Request] = []
        self.story: list[Reply] = []
        self.then: list[Reply] = []
        """What follows the first receipt."""
        self.hangs_up = False
        self.link = HisLink(codec, self._asked, lambda _connection, _opened: None, SystemClock())
        self.server = TcpServer("127.0.0.1", 0, self.link.attach)

    @property
    def address(self) -> str:
        host, port = self.server.address
        return f"tcp://{host}:{port}"

    def _asked(self, connection: int, seq: int, request: Request) -> None:
        self.requests.append(request)
        if isinstance(request, Received):
            replies, self.then = self.then, []
        else:
            replies = self.story
        for reply in replies:
            self.link.send(connection, reply, seq if reply is self.story[0] else None)
        if self.hangs_up:
            self.link.close()


class Ran(NamedTuple):
    """What a command left behind."""

    code: int
    lines: list[dict[str, object]]
    err: str


@pytest.fixture
async def box(codec: Codec) -> AsyncIterator[Box]:
    box = Box(codec)
    await box.server.start()
    yield box
    box.link.close()
    await box.server.aclose()


def call(argv: tuple[str, ...]) -> int:
    try:
        return client.main(argv, open_stream)
    except SystemExit as end:
        return int(end.code or 0)


async def ran(capsys: pytest.CaptureFixture[str], *argv: str) -> Ran:
    """Run the command in a thread: it has an event loop of its own, as in another process."""
    code = await asyncio.to_thread(call, argv)
    out, err = capsys.readouterr()
    return Ran(code, [json.loads(line) for line in out.splitlines()], err)


async def test_a_pay_waits_for_its_end_and_acknowledges_every_result(
    box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    box.story = [UNKNOWN, Progress("T1", "paying", "wechat")]
    box.then = [PAID]
    code, lines, err = await ran(capsys, box.address, *PAY)
    assert (code, err) == (0, "")
    assert [line.get("status", line.get("state")) for line in lines] == [
        *("unknown", "paying", "paid")
    ]
    pay, *receipts = box.requests
    assert isinstance(pay, Pay)
    assert pay.amount_fen == 1234
    assert receipts == [Received("T1", 1), Received("T1", 2)]


async def test_no_wait_ends_at_the_first_answer(
    box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    box.story = [UNKNOWN]
    code, lines, _ = await ran(capsys, box.address, *PAY, "--no-wait")
    assert (code, [line["status"] for line in lines]) == (0, ["unknown"])


@pytest.mark.parametrize(
    ("argv", "reply", "code"),
    [
        (PAY, PAID, 0),
        (PAY, Result("T1", 1, 1, "not_paid", reason="expired"), 1),
        (PAY, Result("T1", 1, 1, "returned"), 1),
        (PAY, ErrorReply(ErrorCode.BUSY, "忙"), 1),
        (("query", "id=T1"), PAID, 0),
        (("query", "id=T1"), ErrorReply(ErrorCode.NOT_FOUND, "无"), 1),
        (("cancel", "id=T1"), Result("T1", 1, 1, "not_paid", reason="cancelled"), 0),
        (("refund", "id=F1", "pay_id=T1", "amount=1"), RefundResult("F1", 1, "refunded"), 0),
        (("refund", "id=F1", "pay_id=T1", "amount=1"), RefundResult("F1", 1, "pending"), 0),
        (("refund", "id=F1", "pay_id=T1", "amount=1"), RefundResult("F1", 1, "failed"), 1),
    ],
)
async def test_the_exit_code_says_whether_it_is_paid(
    box: Box, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], reply: Reply, code: int
) -> None:
    box.story = [reply]
    assert (await ran(capsys, box.address, *argv)).code == code


async def test_another_programs_result_is_neither_shown_nor_acknowledged(
    box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    box.story = [UNKNOWN, Result("OTHER", 1, 9, "paid"), PAID]
    _, lines, _ = await ran(capsys, box.address, *PAY)
    assert {line["id"] for line in lines} == {"T1"}
    assert Received("OTHER", 9) not in box.requests


async def test_fields_get_their_types(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    box.story = [PAID]
    await ran(capsys, box.address, *PAY, "try=2", "ttl_s=60", "confirm=false", "title=a=b")
    await ran(capsys, box.address, "refund", "id=F1", "amount_fen=5", "pay_id=T1", "reason=退号")
    pay, refund = (r for r in box.requests if isinstance(r, Pay | RefundRequest))
    assert isinstance(pay, Pay)
    assert (pay.try_, pay.ttl_s, pay.title) == (2, 60.0, "a=b")
    assert refund == RefundRequest("F1", 5, "T1", reason="退号")


async def test_the_date_of_a_daily_id_is_acknowledged_with_it(
    box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    box.link._codec = type(box.link._codec)("MZ-03", 5_000_000, daily_ids=True)
    box.story = [Result("T1", 1, 1, "paid", business_date="2026-11-22")]
    await ran(capsys, box.address, *PAY, "business_date=2026-11-22")
    assert box.requests[1:] == [Received("T1", 1, "2026-11-22")]


async def test_enq_and_received_need_no_answer(
    box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    code, [line], _ = await ran(capsys, box.address, "enq")
    assert code == 0
    assert line["type"] == "enq"
    code, lines, _ = await ran(capsys, box.address, "received", "id=T1", "revision=3")
    assert (code, lines) == (0, [])
    assert box.requests == [Received("T1", 3)]


def test_the_help_names_every_type_and_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(client.TYPES) == {*KINDS, "enq"}
    assert call(("--help",)) == 0
    said = capsys.readouterr().out
    assert all(f"\n  {name} " in said for name in client.TYPES)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Result("T1", 1, 3, "paid", booked=True), 0),
        (Result("T1", 1, 2, "paid"), 1),
        (Result("T1", 1, 3, "unknown", state="reversing"), 0),
        (Result("T1", 1, 3, "returned", reason="not_booked"), 0),
        (ErrorReply(ErrorCode.NOT_ALLOWED, "未约定"), 1),
    ],
)
async def test_a_confirm_is_good_when_it_counted(
    box: Box, capsys: pytest.CaptureFixture[str], answer: Reply, code: int
) -> None:
    box.story = [answer]
    ended, lines, _ = await ran(capsys, box.address, "confirm", "id=T1", "booked=true")
    assert (ended, len(lines)) == (code, 1)
    assert box.requests[0] == Confirm("T1", booked=True)


async def test_a_day_is_printed_whole(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    rows = tuple(SummaryRow("wechat", f"business {n}", n, n) for n in range(200))
    box.story = [SummaryResult("2026-11-22", rows)]  # several frames
    code, [line], _ = await ran(capsys, box.address, "summary", "date=2026-11-22")
    assert code == 0
    assert len(line["rows"]) == 200  # type: ignore[arg-type]  # a list


async def test_a_text_may_have_lines(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines, _ = await ran(capsys, box.address, "show", r"text=停诊\n明日再来", "seconds=60")
    assert (code, lines) == (0, [])
    assert box.requests == [Show(("停诊", "明日再来"), 60.0)]


async def test_a_text_that_is_refused_is_said(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    code, [line], _ = await ran(capsys, box.address, "show", "text=x", "seconds=0")
    assert (code, line["code"]) == (1, "bad_message")


async def test_time_over_is_said_and_is_no_success(
    box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    box.story = [UNKNOWN]
    code, lines, err = await ran(capsys, box.address, *PAY, "--timeout", "0.2")
    assert (code, len(lines)) == (1, 1)
    assert "query" in err


async def test_a_lost_connection_says_to_ask_again(
    box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    box.hangs_up = True
    code, _, err = await ran(capsys, box.address, *PAY)
    assert code == 1
    assert "query" in err


async def test_nobody_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines, err = await ran(capsys, "tcp://127.0.0.1:1", "status")
    assert (code, lines) == (1, [])
    assert err.count("\n") == 1
    code, _, err = await ran(capsys, "serial:///dev/none-such", "status")
    assert code == 1
    assert "serial:///dev/none-such" in err


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("tcp://127.0.0.1:7601",),
        ("127.0.0.1:7601", "status"),
        ("tcp://127.0.0.1", "status"),
        ("tcp://127.0.0.1:99999", "status"),
        ("serial:///dev/ttyUSB0?baudrate=7", "status"),
        ("serial:///dev/ttyUSB0?baudrate=fast", "status"),
        ("tcp://127.0.0.1:7601", "pay", "amount"),
        ("tcp://127.0.0.1:7601", "pay", "try=two"),
        ("tcp://127.0.0.1:7601", "pay", "confirm=maybe"),
        ("tcp://127.0.0.1:7601", "pay", "=1"),
    ],
)
async def test_a_wrong_command_line_is_exit_code_two(
    capsys: pytest.CaptureFixture[str], argv: tuple[str, ...]
) -> None:
    code, lines, err = await ran(capsys, *argv)
    assert (code, lines) == (2, [])
    assert "paybox his: error:" in err


def test_the_help_teaches_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(("--help",)) == 0
    out = capsys.readouterr().out
    for words in ("pay id=T1 amount=12.34 business=outpatient_fee", "query id=T1", "serial:///"):
        assert words in out
