"""The acceptance test passes a good box on every line, and fails each of many broken ones."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from device.app.core import Core
from device.domain.replies import (
    ErrorReply,
    HelloOk,
    RefundResult,
    Reply,
    Result,
    StatusResult,
    SummaryResult,
)
from device.domain.requests import Pay, Received
from device.domain.screens import AmountDue
from device.domain.words import ErrorCode, Form
from device.drivers.streams import open_stream
from device.his_link import client, frames, peer
from device.his_link.acceptance import line_checks
from device.his_link.acceptance.report import (
    Finding,
    accept,
    check_line,
    check_payments,
    print_report,
)
from device.his_link.acceptance.visit import Visit
from device.his_link.body import Writing
from device.his_link.peer import Peer
from device.his_link.session import rules
from simulators.gateway.identities import Identities
from simulators.gateway.server import Gateway
from simulators.pki import make_pki

if TYPE_CHECKING:
    from tests.flows.conftest import Desk, Pty

KEY = bytes(range(32))
UTF8 = Writing("utf-8")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two seconds for an ACK are half a second, at both ends and for the judge."""
    monkeypatch.setattr(rules, "ACK_WAIT_S", 0.5)
    monkeypatch.setattr(line_checks, "ACK_WAIT_S", (0.4, 2.0))


def wrong(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(f.title, f.text) for f in findings if f.state == "wrong"]


# a good box


async def test_a_good_box_passes_over_tcp(desk: "Desk", capsys: pytest.CaptureFixture[str]) -> None:
    desk.his.close()
    findings = await accept(Visit(desk.address, open_stream, UTF8))
    assert wrong(findings) == []
    assert print_report(desk.address, findings) == 0
    said = capsys.readouterr().out
    assert "✓ 收款成功；同一请求再来只得到同一结果" in said
    assert f"共 {len(findings)} 项，全部通过" in said


async def test_a_good_box_passes_where_ids_restart_daily(
    desk: "Desk", capsys: pytest.CaptureFixture[str]
) -> None:
    desk.his.close()
    await desk.power_off()
    desk.changes = {"his": {"id_scope": "day"}}
    await desk.power_on()
    arguments = client._parser().parse_args([desk.address, "acceptance"])
    assert await client._run(arguments, {"business_date": "2026-11-22"}, open_stream) == 0
    assert "全部通过" in capsys.readouterr().out


@pytest.fixture
def make(tmp_path: Path, keys: Identities, make_desk: type["Desk"]) -> Callable[[Gateway], "Desk"]:
    (tmp_path / "box.key").write_text("0" * 63 + "1")
    (tmp_path / "his.key").write_bytes(KEY)
    return lambda gateway: make_desk(tmp_path, gateway, keys)


async def test_a_good_box_passes_sealed(
    make: Callable[[Gateway], "Desk"], keys: Identities
) -> None:
    async with Gateway(keys) as gateway:
        desk = make(gateway)
        desk.changes["his"] = {"link": "tcp", "security": "aes"}
        await desk.power_on()
        assert wrong(await accept(Visit(desk.address, open_stream, UTF8, KEY))) == []
        await desk.power_off()
        desk.scanner.close()


async def test_a_good_box_passes_inside_tls(desk: "Desk") -> None:
    pki = make_pki(desk.directory / "pki")
    desk.his.close()
    await desk.power_off()
    files: dict[str, object] = {"cert_file": str(pki.box_cert), "key_file": str(pki.box_key)}
    desk.changes = {"his": {"security": "tls"}, "his.tls": files}
    await desk.power_on()
    address = f"{desk.address}?ca={pki.ca}".replace("tcp://", "tls://")  # the ready line says tcp
    assert wrong(await accept(Visit(address, open_stream, UTF8))) == []


async def test_a_good_box_passes_on_a_cable(
    make: Callable[[Gateway], "Desk"], make_pty: type["Pty"], keys: Identities
) -> None:
    box_end, his_end = make_pty(), make_pty()
    async with Gateway(keys) as gateway:
        desk = make(gateway)
        desk.changes["his"] = {"link": "serial", "encoding": "gbk"}
        desk.changes["his.serial"] = {"port": box_end.path}
        await desk.power_on()
        box_end.join(his_end)
        address = f"serial://{his_end.path}"
        findings = await accept(Visit(address, open_stream, Writing("gbk")))
        assert wrong(findings) == []
        assert [f.text for f in findings if f.state == "skipped"] == ["串口只有一条连接"]
        box_end.part(his_end)
        await desk.power_off()
    for cable in (box_end, his_end, desk.scanner):
        cable.close()


async def test_a_person_may_scan(desk: "Desk") -> None:
    """As at a real box: real codes, one for each prompt."""
    desk.his.close()
    scans: list[asyncio.Task[None]] = []

    async def scan() -> None:
        await desk.glass.until(AmountDue)
        await asyncio.sleep(0.05)
        desk.scan(desk.code("wechat"))

    def prompt(text: str) -> None:
        assert text.startswith("请扫码付款 0.0")
        scans.append(asyncio.create_task(scan()))

    visit = Visit(desk.address, open_stream, UTF8, prompt=prompt)
    findings = await check_payments(visit)
    assert wrong(findings) == []
    assert [f.text for f in findings if f.state == "skipped"] == ["需要仿真付款码"]
    assert len(scans) == 7


async def test_a_box_that_goes_away_is_told(desk: "Desk") -> None:
    desk.his.close()
    visit = Visit(desk.address, open_stream, UTF8)
    await visit.connect()
    visit.client.close()
    await desk.power_off()
    assert "连接断了" in wrong(await check_line(visit, first_only=True))[0][1]


# broken lines

LINE_FAULTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "ENQ is not answered": lambda p: p.setattr(frames, "HERE_BYTES", b""),
    "ENQ is answered with NAK": lambda p: p.setattr(frames, "HERE_BYTES", b"\x1500"),
    "a frame is not acknowledged": lambda p: p.setattr(frames, "ack", lambda _: b""),
    "the ACK names another SEQ": lambda p: p.setattr(
        frames, "ack", lambda seq: b"\x06%02X" % (seq % 255 + 1)
    ),
    "a bad CRC is not refused": lambda p: p.setattr(frames, "NAK_BYTES", b""),
    "no CRC is checked": lambda p: p.setattr(frames.Decoder, "_finished", _any_crc),
    "lower-case hex is not read": lambda p: p.setattr(
        frames, "_HEX", frozenset(b"0123456789ABCDEF")
    ),
    "an answer is not sent again": lambda p: p.setattr(rules, "SENDS", 1),
    "an answer is sent again at once": lambda p: p.setattr(rules, "ACK_WAIT_S", 0.05),
    "XML is answered in JSON": lambda p: p.setattr(peer, "form_of", lambda _: Form.JSON),
    "an STX inside a frame begins none": lambda p: p.setattr(
        frames, "_FRAME_ENDS", re.compile(rb"\x03")
    ),
}


def _any_crc(decoder: frames.Decoder) -> frames.Frame:
    content = bytes(decoder._content)
    return frames.Frame(int(content[:2], 16), content[2:], content)


@pytest.mark.parametrize("fault", LINE_FAULTS)
async def test_a_box_with_a_broken_line_fails(
    fault: str, desk: "Desk", monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.his.close()
    LINE_FAULTS[fault](monkeypatch)
    findings = await check_line(Visit(desk.address, open_stream, UTF8), first_only=True)
    assert len(wrong(findings)) == 1, fault


# broken meaning: what the box says is changed, or what it hears

Said = list[tuple[Reply, int | None]]
Change = Callable[[Reply, int | None], Said]
NUMBERS = count(1)


def results(**changes: Any) -> Change:
    """Every result says this instead."""
    return each(Result, lambda r: replace(r, **changes))


def each(kind: type[Any], change: Callable[[Any], Reply]) -> Change:
    return lambda reply, re: [(change(reply) if isinstance(reply, kind) else reply, re)]


def drop(when: Callable[[Reply, int | None], bool]) -> Change:
    return lambda reply, re: [] if when(reply, re) else [(reply, re)]


def code(old: ErrorCode, new: ErrorCode) -> Change:
    return each(ErrorReply, lambda e: replace(e, code=new) if e.code == old else e)


def _unpaid_when_unknown(result: Result) -> Result:
    return replace(result, status="not_paid", state="") if result.status == "unknown" else result


def _unpaid_when_never_seen(reply: Reply, re: int | None) -> Said:
    if isinstance(reply, ErrorReply) and reply.code is ErrorCode.NOT_FOUND and reply.id:
        return [(Result(reply.id, 1, 1, "not_paid"), re)]
    return [(reply, re)]


WORD_FAULTS: dict[str, Change] = {
    "no answer names its request": lambda reply, _: [(reply, None)],
    "the amount is another": each(Result, lambda r: replace(r, amount_fen=r.amount_fen * 100)),
    "unknown is called not paid": each(Result, _unpaid_when_unknown),
    "never seen is called not paid": _unpaid_when_never_seen,
    "revisions stand still": results(revision=1),
    "the order number changes": each(
        Result, lambda r: replace(r, out_trade_no=f"{r.out_trade_no}{next(NUMBERS)}")
    ),
    "no order number": results(out_trade_no=""),
    "no reason": results(reason=""),
    "refunds are not counted": results(refunded_fen=0),
    "returned is called paid": each(
        Result, lambda r: replace(r, status="paid") if r.status == "returned" else r
    ),
    "the refund number changes": each(
        RefundResult, lambda r: replace(r, out_refund_no=f"{next(NUMBERS)}")
    ),
    "a refund of another amount": each(
        RefundResult, lambda r: replace(r, amount_fen=r.amount_fen + 1)
    ),
    "conflict is called busy": code(ErrorCode.CONFLICT, ErrorCode.BUSY),
    "busy is called offline": code(ErrorCode.BUSY, ErrorCode.OFFLINE),
    "over_refund is called not_allowed": code(ErrorCode.OVER_REFUND, ErrorCode.NOT_ALLOWED),
    "bad_amount is called bad_message": code(ErrorCode.BAD_AMOUNT, ErrorCode.BAD_MESSAGE),
    "busy names nobody": each(ErrorReply, lambda e: replace(e, blocking_id="")),
    "an unknown type is passed over": drop(
        lambda reply, _: isinstance(reply, ErrorReply) and reply.code is ErrorCode.UNSUPPORTED
    ),
    "results are offered to nobody": drop(lambda _, re: re is None),
    "undelivered results are not listed": each(HelloOk, lambda h: replace(h, undelivered=())),
    "an offer is booked by itself": results(booked=True),
    "a booking is never told": each(
        Result, lambda r: replace(r, booked=False) if r.amount_fen == 7 else r
    ),
    "what was not booked is called reversed": each(
        Result, lambda r: replace(r, reason="reversed") if r.reason == "not_booked" else r
    ),
    "superseded is called cancelled": each(
        Result, lambda r: replace(r, reason="cancelled") if r.reason == "superseded" else r
    ),
    "the day has no sums": each(SummaryResult, lambda s: replace(s, rows=())),
    "the journal is left out of the status": each(
        StatusResult,
        lambda s: replace(s, parts=tuple(p for p in s.parts if p.part != "journal")),
    ),
}


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Callable[[Change], None]:
    """Put a change between the desk and the line."""
    true_send = Peer.send

    def install(change: Change) -> None:
        def send(peer: Peer, reply: Reply, re: int | None) -> None:
            for changed, number in change(reply, re):
                true_send(peer, changed, number)

        monkeypatch.setattr(Peer, "send", send)

    return install


@pytest.mark.parametrize("fault", WORD_FAULTS)
async def test_a_box_that_says_the_wrong_thing_fails(
    fault: str,
    desk: "Desk",
    say: Callable[[Change], None],
) -> None:
    desk.his.close()
    say(WORD_FAULTS[fault])
    visit = Visit(desk.address, open_stream, UTF8, answer_s=2.0)
    assert len(wrong(await check_payments(visit, first_only=True))) == 1, fault


async def test_an_answer_of_another_shape_is_told(
    desk: "Desk", say: Callable[[Change], None]
) -> None:
    desk.his.close()
    say(each(StatusResult, lambda _: HelloOk("", "", "")))
    findings = await check_payments(Visit(desk.address, open_stream, UTF8), first_only=True)
    assert wrong(findings)


async def test_a_box_that_charges_each_request_fails(
    desk: "Desk", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one thing that must never happen: a `pay` that comes again is another charge."""
    desk.his.close()
    true_request = Core.on_request

    def request(core: Core, connection: int, re: int, asked: Any) -> None:
        if isinstance(asked, Pay) and asked.auth_code:
            asked = replace(asked, id=f"{asked.id}-{next(NUMBERS)}")
        true_request(core, connection, re, asked)

    monkeypatch.setattr(Core, "on_request", request)
    desk.box._link.on_request = desk.box._core.on_request
    findings = await check_payments(Visit(desk.address, open_stream, UTF8), first_only=True)
    assert wrong(findings)


async def test_a_box_that_forgets_what_was_received_fails(desk: "Desk") -> None:
    desk.his.close()
    true_request = desk.box._core.on_request
    desk.box._link.on_request = lambda connection, re, asked: (
        None if isinstance(asked, Received) else true_request(connection, re, asked)
    )
    findings = await check_payments(Visit(desk.address, open_stream, UTF8), first_only=True)
    assert wrong(findings)


async def test_a_box_with_another_limit_fails(
    make: Callable[[Gateway], "Desk"], keys: Identities
) -> None:
    async with Gateway(keys) as gateway:
        desk = make(gateway)
        desk.changes["limits"] = {"max_amount_fen": 9_000_000}
        await desk.power_on()
        visit = Visit(desk.address, open_stream, UTF8, answer_s=1.0)
        findings = await check_payments(visit, first_only=True)
        assert "金额" in wrong(findings)[0][0]
        await desk.power_off()
        desk.scanner.close()


async def test_a_report_names_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    findings = [Finding("甲", "ok"), Finding("乙", "wrong", "坏了"), Finding("丙", "skipped", "略")]
    assert print_report("tcp://x:1", findings) == 1
    said = capsys.readouterr().out
    assert "✗ 乙\n    坏了\n－ 丙\n    略" in said
    assert "共 3 项，1 项不符合协议" in said


async def test_the_command_runs_it(desk: "Desk") -> None:
    desk.his.close()
    arguments = client._parser().parse_args([desk.address, "acceptance"])
    assert await client._run(arguments, {}, open_stream) == 0
