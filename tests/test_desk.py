"""The desk's shell: effects in order, a failing disk, and parts that fail in mid-work."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import pytest

from device import desk as shell
from device.clock import BEIJING
from device.desk import DeskLoop, Ports
from device.domain.charge import ChargeKey
from device.domain.desk.events import Acknowledged, Asked, Connection, HealthChanged, Scanned
from device.domain.desk.model import Health, Settings
from device.domain.found import Found, FoundOrder, Wanted
from device.domain.outcome import (
    Declined,
    Missing,
    Paid,
    PayOrder,
    PayOutcome,
    QueryOutcome,
    RefundOrder,
    RefundOutcome,
    RefundPending,
    RefundSum,
    ReverseOutcome,
    Unknown,
    Verification,
    Verified,
)
from device.domain.payment import AttemptEvent, AttemptState, Facts
from device.domain.record import Change, Order, PutAttempt
from device.domain.refund import RefundEvent
from device.domain.replies import (
    ErrorReply,
    HelloOk,
    Part,
    RefundResult,
    Reply,
    Result,
    StatusResult,
    SummaryResult,
    SummaryRow,
)
from device.domain.requests import (
    Cancel,
    Confirm,
    Hello,
    Pay,
    Query,
    Received,
    RefundRequest,
    Request,
    Reverse,
    Status,
    Summary,
)
from device.domain.screens import (
    AmountDue,
    DeclinedScreen,
    OfflineScreen,
    PaidScreen,
    Screen,
    Signal,
    StorageFailed,
)
from device.domain.words import Business, Department, ErrorCode, Reason, Wallet
from device.errors import CommitRefused, StorageError
from device.journal import Inline, SqliteJournal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from device.domain.payment import Attempt
    from device.domain.ports import Journal
    from device.domain.refund import Refund

CODE, OTHER = "134567890123456789", "287634438256643940"
BOTH = frozenset(Wallet)
PATIENT_S = 10.0
SETTLE_TURNS = 50  # turns of the loop in which everything that can happen without time happens


@dataclass
class FakeClock:
    mono_s: float = 1000.0

    def monotonic(self) -> float:
        return self.mono_s

    def wall(self) -> datetime:
        return datetime(2026, 11, 22, 9, 0, tzinfo=BEIJING)

    def sane(self) -> bool:
        return True


class Disk:
    """The real journal on a disk that fails when told."""

    def __init__(self, journal: SqliteJournal, diary: list[str]) -> None:
        self._journal = journal
        self._diary = diary
        self.failing = False
        self.durable = False
        """The next commit that raises is on the disk all the same."""
        self.refusing = False
        self.tries = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def commit(self, change: Change) -> None:
        self.tries += 1
        if self.refusing:
            raise CommitRefused("journal: refused")
        if self.failing:
            if self.durable:
                self.durable = False
                await self._journal.commit(change)
            raise StorageError("journal: cannot write")
        await self._journal.commit(change)
        states = [w.attempt.state.value for w in change if isinstance(w, PutAttempt)]
        self._diary.append(f"commit {' '.join(states)}".strip())

    async def flush(self) -> None:
        self.tries += 1
        if self.failing:
            raise StorageError("journal: cannot write")
        await self._journal.flush()


@dataclass
class FakeLink:
    diary: list[str]
    sent: list[tuple[int, Reply, int | None]] = field(default_factory=list)
    unheard: set[int] = field(default_factory=set)

    def send(self, connection: int, reply: Reply, re: int | None = None) -> None:
        self.diary.append(f"tell {getattr(reply, 'status', type(reply).__name__)}")
        self.sent.append((connection, reply, re))

    def connections(self) -> Sequence[int]:
        return [1]

    def silent(self, connection: int) -> bool:
        return connection in self.unheard


@dataclass
class FakePanel:
    diary: list[str]
    clock: FakeClock
    screens: list[Screen] = field(default_factory=list)

    def show(self, screen: Screen, drawn: Callable[[float], None] | None = None) -> None:
        self.diary.append(f"show {type(screen).__name__}")
        self.screens.append(screen)
        if drawn:
            drawn(self.clock.mono_s)


@dataclass
class FakeLamp:
    signals: list[Signal] = field(default_factory=list)

    def signal(self, signal: Signal) -> None:
        self.signals.append(signal)


@dataclass
class FakeChannel:
    """Answers `pay` with the outcome that is set, or raises it; waits while there is none."""

    diary: list[str]
    wallet: Wallet = Wallet.WECHAT
    outcome: PayOutcome | Exception | None = None
    orders: list[PayOrder] = field(default_factory=list)

    async def pay(self, order: PayOrder) -> PayOutcome:
        self.diary.append("pay")
        self.orders.append(order)
        while self.outcome is None:  # noqa: ASYNC110  the test's own loop turns are the clock
            await asyncio.sleep(0)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    async def query(self, out_trade_no: str, amount_fen: int | None = None) -> QueryOutcome:
        del out_trade_no, amount_fen
        return Missing()

    async def reverse(self, out_trade_no: str) -> ReverseOutcome:
        del out_trade_no
        return Unknown("not scripted")

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        del order
        return RefundPending()

    async def query_refund(self, order: RefundOrder) -> RefundOutcome:
        del order
        return RefundPending()

    async def refunded_sum(self, out_trade_no: str) -> RefundSum | Unknown:
        del out_trade_no
        return RefundSum(0)

    async def verify(self) -> Verification:
        return Verified()

    async def warm(self) -> bool:
        return True

    async def aclose(self) -> None:
        return


@dataclass
class Bench:
    """A desk loop plugged into fakes and a real journal."""

    disk: Disk
    diary: list[str]
    clock: FakeClock = field(default_factory=FakeClock)
    ready: frozenset[Wallet] | Exception = BOTH
    found: Order | ErrorReply = field(
        default_factory=lambda: ErrorReply(ErrorCode.NOT_FOUND, "没有这笔收款")
    )
    pursued: list[Attempt] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    re: int = 0
    hold: asyncio.Event | None = None
    """The channels answer when it is set."""

    def __post_init__(self) -> None:
        self.link = FakeLink(self.diary)
        self.panel = FakePanel(self.diary, self.clock)
        self.lamp = FakeLamp()
        self.channel = FakeChannel(self.diary)
        settings = Settings(
            "BOX-0001",
            "MZ-03",
            "MZ03",
            "市一医院",
            b"k" * 32,
            waits_s={Wallet.WECHAT: 45.0, Wallet.ALIPAY: 60.0},
        )
        self.desk = DeskLoop(
            settings,
            Ports(
                journal=cast("Journal", self.disk),
                link=self.link,
                panel=self.panel,
                lamp=self.lamp,
                clock=self.clock,
                channels=dict.fromkeys(Wallet, self.channel),
                ready_wallets=self._ready,
                sent=lambda number: self.diary.append(f"sent {len(number)}"),
                pursue=self._pursue,
                pursue_refund=self.refunds.append,
                look_up=self._look_up,
                parts=lambda: [Part(p, "ok", "") for p in ("vpn", "disk", "journal")],
            ),
        )

    async def _ready(self, wallets: frozenset[Wallet]) -> frozenset[Wallet]:
        if self.hold:
            await self.hold.wait()
        if isinstance(self.ready, Exception):
            raise self.ready
        return wallets & self.ready

    async def _look_up(self, _: str) -> Order | ErrorReply:
        return self.found

    def _pursue(self, _: ChargeKey, attempt: Attempt) -> None:
        self.diary.append(f"pursue {attempt.state.value}")
        self.pursued.append(attempt)

    async def settle(self) -> None:
        """Let everything happen that needs no time."""
        for _ in range(SETTLE_TURNS):
            await asyncio.sleep(0)

    async def ask(self, request: Request, connection: int = 1) -> Reply | None:
        self.re += 1
        self.desk.post(Asked(connection, self.re, request))
        await self.settle()
        return next((r for c, r, re in self.link.sent if (c, re) == (connection, self.re)), None)

    async def scan(self, text: str = CODE) -> None:
        self.desk.post(Scanned(text, self.clock.mono_s))
        await self.settle()

    def results(self) -> list[str]:
        return [r.status for _, r, _ in self.link.sent if isinstance(r, Result)]


def pay(his_id: str = "A", **more: Any) -> Pay:
    return Pay(his_id, 1234, Business.OUTPATIENT_FEE, Department.OUTPATIENT, **more)


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(shell, "DISK_RETRY_S", 0.001)
    clock, diary = FakeClock(), list[str]()
    journal = await SqliteJournal.open(tmp_path / "j.sqlite3", clock, Inline(), box="BOX-0001")
    made = Bench(Disk(journal, diary), diary, clock)
    await made.desk.boot()
    run = asyncio.create_task(made.desk.run())
    made.desk.post(Connection(1, opened=True))
    made.desk.post(HealthChanged(Health(configured=BOTH, verified=BOTH, reachable=BOTH)))
    await made.settle()
    diary.clear()
    yield made
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    await journal.aclose()


# the order of things


async def test_the_story_of_one_payment_in_order(bench: Bench) -> None:
    bench.channel.outcome = Paid("42", 1234)
    assert isinstance(await bench.ask(pay()), Result | None)
    await bench.scan()
    assert bench.diary == [
        "show AmountDue",
        "commit intended",
        "show Paying",
        "sent 32",
        "pay",
        "sent 32",
        "commit paid",
        "tell paid",
        "show PaidScreen",
    ]
    assert bench.channel.orders[0].subject == "市一医院-门诊收费"
    assert bench.channel.orders[0].wait_s == 45.0


async def test_doubt_is_committed_told_and_handed_to_recovery(bench: Bench) -> None:
    bench.channel.outcome = Unknown("timeout")
    await bench.ask(pay())
    await bench.scan()
    assert bench.diary[-4:] == [
        "commit unknown",
        "tell unknown",
        "pursue unknown",
        "show AskingProvider",
    ]


async def test_recovery_s_word_comes_back_as_it_stands_on_disk(bench: Bench) -> None:
    bench.channel.outcome = Unknown("timeout")
    await bench.ask(pay())
    await bench.scan()
    attempt = bench.pursued[-1]
    assert bench.desk.state.seat
    key = bench.desk.state.seat.charge.key
    told = await bench.desk.report(
        key, attempt.out_trade_no, AttemptEvent.PAID, Facts(provider_trade_no="42")
    )
    assert (told.state, told.provider_trade_no) == (AttemptState.PAID, "42")
    ticket = await bench.disk.ticket("", "A")
    assert ticket.charges[0].attempts == (told,)
    assert bench.results() == ["unknown", "paid"]


async def test_an_illegal_word_is_refused_and_the_desk_goes_on(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.channel.outcome = Paid("42", 1234)
    await bench.ask(pay())
    await bench.scan()
    ticket = await bench.disk.ticket("", "A")
    key, number = ticket.charges[0].key, bench.channel.orders[0].out_trade_no
    with pytest.raises(Exception, match="deadline in paid"):
        await bench.desk.report(key, number, AttemptEvent.DEADLINE, Facts())
    assert isinstance(await bench.ask(Query("A")), Result)
    assert CODE not in caplog.text


async def test_a_used_code_is_refused(bench: Bench) -> None:
    bench.channel.outcome = Declined(Reason.DECLINED_BALANCE)
    await bench.ask(pay())
    await bench.scan()
    await bench.scan()
    assert len(bench.channel.orders) == 1
    await bench.scan(OTHER)
    assert len(bench.channel.orders) == 2


async def test_hello_and_status_are_answered(bench: Bench) -> None:
    hello = await bench.ask(Hello())
    assert isinstance(hello, HelloOk)
    assert (hello.box, hello.unsettled, hello.undelivered) == ("BOX-0001", (), ())
    status = await bench.ask(Status())
    assert isinstance(status, StatusResult)
    assert [p.part for p in status.parts] == ["vpn", "disk", "journal"]


async def test_hello_names_what_is_open_and_what_was_not_delivered(bench: Bench) -> None:
    bench.channel.outcome = Unknown("timeout")
    await bench.ask(pay())
    await bench.scan()
    hello = await bench.ask(Hello())
    assert isinstance(hello, HelloOk)
    assert (hello.unsettled, hello.undelivered) == (("A",), ("A",))


async def test_hello_names_try_and_date_where_ids_restart_daily(bench: Bench) -> None:
    bench.channel.outcome = Unknown("timeout")
    bench.desk.state = replace(
        bench.desk.state, settings=replace(bench.desk.state.settings, daily_ids=True)
    )
    await bench.ask(pay("7", try_=2, business_date="2026-11-22"))
    await bench.scan()
    hello = await bench.ask(Hello())
    assert isinstance(hello, HelloOk)
    entry = {"id": "7", "try": 2, "business_date": "2026-11-22"}
    assert (hello.unsettled, hello.undelivered) == ((entry,), (entry,))


async def test_an_offer_that_nobody_answers_is_held(bench: Bench) -> None:
    bench.channel.outcome = Paid("42", 1234)
    wait_s = replace(bench.desk.state.settings, confirm_wait_s=0.01)
    bench.desk.state = replace(bench.desk.state, settings=wait_s)
    await bench.ask(pay(confirm=True))
    await bench.scan()
    answer = next(r for _, r, _ in bench.link.sent if isinstance(r, Result))
    bench.desk.post(Acknowledged(answer))
    await bench.settle()
    bench.clock.mono_s += 0.02
    await asyncio.sleep(0.03)
    await bench.settle()
    held = await bench.ask(Query("A"))
    assert isinstance(held, Result)
    assert (held.status, held.booked, held.attention) == ("paid", False, True)
    booked = await bench.ask(Confirm("A", booked=True))
    assert isinstance(booked, Result)
    assert (booked.booked, booked.attention) == (True, False)


async def test_a_refused_booking_is_pursued(bench: Bench) -> None:
    bench.channel.outcome = Paid("42", 1234)
    await bench.ask(pay(confirm=True))
    await bench.scan()
    answer = await bench.ask(Confirm("A", booked=False))
    assert isinstance(answer, Result)
    assert answer.state == "reversing"
    assert [a.state for a in bench.pursued] == [AttemptState.REVERSING]


@pytest.mark.parametrize("booked", [True, False])
async def test_a_confirm_on_a_failing_disk_counts_once_it_is_written(
    bench: Bench,
    booked: bool,  # noqa: FBT001  a parameter
) -> None:
    bench.channel.outcome = Paid("42", 1234)
    await bench.ask(pay(confirm=True))
    await bench.scan()
    bench.disk.failing = True
    unsure = await bench.ask(Confirm("A", booked=booked))
    assert isinstance(unsure, Result)
    assert (unsure.status, unsure.reason, unsure.revision) == ("unknown", "storage_failed", 0)
    refused = await bench.ask(Confirm("A", booked=booked))
    assert isinstance(refused, ErrorReply)
    assert refused.code.value == "storage_failed"
    assert bench.pursued == []
    await disk_good(bench)
    told = await bench.ask(Query("A"))
    assert isinstance(told, Result)
    assert (told.booked, told.state) == (booked, "" if booked else "reversing")
    assert [a.state.value for a in bench.pursued] == ([] if booked else ["reversing"])


async def test_a_day_is_summed_from_the_journal(bench: Bench) -> None:
    paid_at = datetime(2026, 11, 22, 9, 30, 5, tzinfo=BEIJING)
    bench.channel.outcome = Paid("42", 1234, paid_at=paid_at)
    await bench.ask(pay())
    await bench.scan()
    told = await bench.ask(Summary("2026-11-22"))
    assert isinstance(told, SummaryResult)
    row = SummaryRow("wechat", "outpatient_fee", 1, 1234)
    assert (told.date, told.rows) == ("2026-11-22", (row,))


async def test_who_leaves_enq_unanswered_loses_the_desk_to_who_speaks(bench: Bench) -> None:
    await bench.ask(pay())
    bench.link.unheard.add(1)
    bench.desk.post(Asked(2, 77, Cancel("A")))
    await bench.settle()
    (answer,) = (r for c, r, re in bench.link.sent if (c, re) == (2, 77))
    assert isinstance(answer, Result)
    assert answer.reason == "cancelled"


# a failing disk


async def disk_good(bench: Bench) -> None:
    """The disk takes writes again, and the desk has found out."""
    bench.disk.failing = False
    await asyncio.sleep(0.02)
    await bench.settle()


async def test_an_intent_that_cannot_be_written_is_not_sent(bench: Bench) -> None:
    await bench.ask(pay())
    bench.disk.failing = True
    await bench.scan()
    assert bench.channel.orders == []
    assert isinstance(bench.panel.screens[-1], StorageFailed)
    assert bench.lamp.signals[-1] is Signal.FAULT
    await disk_good(bench)
    assert isinstance(bench.panel.screens[-1], DeclinedScreen)  # it was called off, as attempt 1
    await bench.scan(OTHER)
    assert len(bench.channel.orders) == 1
    ticket = await bench.disk.ticket("", "A")
    assert [a.state.value for a in ticket.charges[0].attempts] == ["failed", "intended"]
    assert ticket.charges[0].attempts[0].reason is Reason.STORAGE_FAILED


async def test_a_code_shown_while_the_amount_was_not_on_the_glass_is_not_taken(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.desk.DISK_RETRY_S", 3600.0)  # only the test tries the disk
    await bench.ask(pay())
    bench.disk.failing = True
    await bench.scan()
    tries = bench.disk.tries
    await bench.scan(OTHER)
    assert bench.disk.tries == tries
    first_key_s = bench.clock.mono_s
    bench.clock.mono_s += 5.0
    await disk_good(bench)
    bench.desk.post(Scanned(OTHER, first_key_s))
    await bench.settle()
    assert bench.channel.orders == []


async def test_a_success_that_is_not_on_disk_is_told_as_unknown_and_not_shown(
    bench: Bench,
) -> None:
    await bench.ask(pay())
    await bench.scan()
    bench.disk.failing = True
    bench.channel.outcome = Paid("42", 1234)
    await bench.settle()
    told = bench.link.sent[-1][1]
    assert isinstance(told, Result)
    assert (told.status, told.reason, told.state) == ("unknown", "storage_failed", "paying")
    assert (told.revision, told.provider_trade_no, told.paid_at) == (0, "", "")
    assert isinstance(bench.panel.screens[-1], StorageFailed)
    async with asyncio.timeout(PATIENT_S):
        while bench.disk.tries <= 3:  # noqa: ASYNC110  the disk sends no event
            await asyncio.sleep(0.001)
    assert PaidScreen not in {type(s) for s in bench.panel.screens}
    await disk_good(bench)
    assert bench.results() == ["unknown", "paid"]
    assert isinstance(bench.panel.screens[-1], PaidScreen)
    ticket = await bench.disk.ticket("", "A")
    assert ticket.stored.answer.revision == bench.link.sent[-1][1].revision  # type: ignore[union-attr]  # a Result


async def test_the_desk_goes_on_from_memory_to_the_reverse(bench: Bench) -> None:
    """What is under way still ends; `reversing` is not said before it is durable."""
    bench.channel.outcome = Unknown("timeout")
    await bench.ask(pay())
    await bench.scan()
    assert bench.desk.state.seat
    key, number = bench.desk.state.seat.charge.key, bench.channel.orders[0].out_trade_no
    bench.disk.failing = True
    told = await bench.desk.report(key, number, AttemptEvent.DEADLINE, Facts())
    assert told.state is AttemptState.REVERSING
    assert bench.pursued[-1] == told
    told = await bench.desk.report(key, number, AttemptEvent.AGREED, Facts())
    assert told.state is AttemptState.REVERSED
    said = [(r.state, r.reason) for _, r, _ in bench.link.sent if isinstance(r, Result)]
    assert said == [("querying", ""), *[("querying", "storage_failed")] * 2]
    await disk_good(bench)
    assert bench.results()[-1] == "not_paid"
    ticket = await bench.disk.ticket("", "A")
    assert ticket.charges[0].attempts[0].state is AttemptState.REVERSED


@pytest.mark.parametrize(
    "request_",
    [pay("B"), RefundRequest("R1", 300, pay_id="A"), Reverse("V1", "A")],
    ids=["pay", "refund", "reverse"],
)
async def test_nothing_new_is_begun_while_the_disk_fails(bench: Bench, request_: Request) -> None:
    bench.channel.outcome = Paid("42", 1234)
    await bench.ask(pay())
    bench.disk.failing = True
    await bench.scan()
    for attempt in range(2):
        told = await bench.ask(request_)
        assert isinstance(told, ErrorReply), attempt
        assert (told.code, told.id) == (ErrorCode.STORAGE_FAILED, getattr(request_, "id", ""))
    assert bench.refunds == []
    assert not bench.desk.state.askers


@pytest.mark.parametrize("durable", [True, False])
async def test_what_was_asked_for_waits_for_the_disk(bench: Bench, *, durable: bool) -> None:
    """A commit that raises may be there all the same: it is kept, and carried out once."""
    bench.channel.outcome = Paid("42", 1234)
    await bench.ask(pay())
    await bench.scan()
    bench.disk.failing = True
    bench.disk.durable = durable
    request = RefundRequest("R1", 300, pay_id="A")
    assert await bench.ask(request) is None
    assert bench.refunds == []
    await disk_good(bench)
    assert [r.his_id for r in bench.refunds] == ["R1"]
    told = await bench.ask(request)
    assert isinstance(told, RefundResult)
    assert (told.status, told.revision) == ("pending", 1)


@pytest.mark.parametrize("durable", [True, False])
async def test_an_asked_for_reverse_waits_for_the_disk(bench: Bench, *, durable: bool) -> None:
    bench.channel.outcome = Paid("42", 1234)
    await bench.ask(pay())
    await bench.scan()
    bench.disk.failing, bench.disk.durable = True, durable
    await bench.ask(Reverse("V1", "A"))
    assert bench.pursued == []
    await disk_good(bench)
    assert [a.state for a in bench.pursued] == [AttemptState.REVERSING]


async def test_a_durable_result_too_is_only_unknown_while_the_disk_fails(bench: Bench) -> None:
    bench.channel.outcome = Paid("42", 1234)
    await bench.ask(pay())
    await bench.scan()
    await bench.ask(Received("A", 1))
    bench.disk.failing = True
    await bench.ask(RefundRequest("R1", 300, pay_id="A"))
    told = await bench.ask(Query("A"))
    assert isinstance(told, Result)
    assert (told.status, told.reason, told.revision) == ("unknown", "storage_failed", 0)
    await disk_good(bench)
    newest = bench.link.sent[-1][1]
    assert isinstance(newest, Result)
    assert (newest.status, newest.revision > 0) == ("paid", True)


async def test_an_answer_that_was_only_hinted_at_is_not_delivered(bench: Bench) -> None:
    await bench.ask(pay())
    await bench.scan()
    bench.disk.failing = True
    bench.channel.outcome = Paid("42", 1234)
    await bench.settle()
    await bench.ask(Query("A"))
    await disk_good(bench)
    undelivered = await bench.disk.undelivered()
    assert [s.answer.status for s in undelivered] == ["paid"]
    assert len(bench.desk.state.offers) == 1


async def test_a_refund_waits_for_the_disk_before_it_is_sent(bench: Bench) -> None:
    bench.channel.outcome = Paid("42", 1234)
    await bench.ask(pay())
    await bench.scan()
    await bench.ask(Reverse("V1", "A"))
    key, number = ChargeKey("", "A", 1), bench.channel.orders[0].out_trade_no
    bench.disk.failing = True
    await bench.desk.report(key, number, AttemptEvent.WINDOW_OVER, Facts())
    assert bench.refunds == []
    await disk_good(bench)
    assert [r.his_id for r in bench.refunds] == ["V1"]
    bench.disk.failing = True
    with pytest.raises(StorageError):
        await bench.desk.report_refund(bench.refunds[0], RefundEvent.SEND, Facts(), "")


async def test_a_refund_that_ended_while_the_disk_failed_is_not_taken_up_again(
    bench: Bench,
) -> None:
    """World seed 74: its old state was pursued, and every word about it was refused, for ever."""
    bench.channel.outcome = Paid("42", 1234)
    await bench.ask(pay())
    await bench.scan()
    await bench.ask(RefundRequest("R1", 300, pay_id="A"))
    (refund,) = bench.refunds
    bench.disk.failing = True
    refund = await bench.desk.report_refund(refund, RefundEvent.PENDING, Facts(), "")
    await bench.desk.report_refund(refund, RefundEvent.DONE, Facts(), "5030")
    await disk_good(bench)
    assert len(bench.refunds) == 1


async def test_status_says_that_the_disk_fails(bench: Bench) -> None:
    await bench.ask(pay())
    await bench.scan()
    bench.disk.failing = True
    bench.channel.outcome = Paid("42", 1234)
    await bench.settle()
    told = await bench.ask(Status())
    assert isinstance(told, StatusResult)
    assert {p.part: p.state for p in told.parts} == {"vpn": "ok", "disk": "fail", "journal": "fail"}
    await disk_good(bench)
    told = await bench.ask(Status())
    assert isinstance(told, StatusResult)
    assert {p.state for p in told.parts} == {"ok"}


async def test_an_amount_that_could_not_be_armed_frees_the_desk(bench: Bench) -> None:
    bench.hold = asyncio.Event()
    assert await bench.ask(pay("B")) is None
    bench.disk.failing = True
    await bench.ask(Query("B"))
    bench.hold.set()
    await bench.settle()
    assert AmountDue not in {type(s) for s in bench.panel.screens}
    told = bench.link.sent[-1][1]
    assert isinstance(told, ErrorReply)
    assert told.code is ErrorCode.STORAGE_FAILED
    assert bench.desk.state.seat is None
    await disk_good(bench)
    bench.hold = None
    assert await bench.ask(pay("C")) is None
    assert isinstance(bench.panel.screens[-1], AmountDue)


async def test_received_is_never_answered(bench: Bench) -> None:
    await bench.ask(pay())
    bench.disk.failing = True
    await bench.scan()
    assert await bench.ask(Received("A", 1)) is None


async def test_a_change_that_contradicts_the_schema_is_said_and_not_tried_again(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.ask(pay())
    await bench.scan()
    bench.disk.refusing = True
    bench.channel.outcome = Paid("42", 1234)
    await bench.settle()
    await asyncio.sleep(0.02)
    assert bench.disk.tries == 2
    assert not any(isinstance(s, StorageFailed) for s in bench.panel.screens)
    assert any(r.levelname == "CRITICAL" for r in caplog.records)
    told = await bench.ask(Status())
    assert isinstance(told, StatusResult)
    assert {p.part: p.state for p in told.parts}["journal"] == "fail"


# parts that fail in mid-work


async def test_a_fault_in_the_pay_call_is_doubt_and_not_silence(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.channel.outcome = RuntimeError(f"surprise {CODE}")
    await bench.ask(pay())
    await bench.scan()
    assert bench.results() == ["unknown"]
    assert bench.pursued[-1].state is AttemptState.UNKNOWN
    assert CODE not in caplog.text


async def test_a_fault_in_the_check_is_offline_and_frees_the_desk(bench: Bench) -> None:
    bench.ready = RuntimeError("surprise")
    told = await bench.ask(pay())
    assert isinstance(told, ErrorReply)
    assert told.code is ErrorCode.OFFLINE
    assert bench.desk.state.seat is None
    assert isinstance(bench.panel.screens[-1], OfflineScreen)


async def test_two_refunds_of_another_desk_s_order_asked_at_once_open_one(bench: Bench) -> None:
    number = "ZY11" + "F" * 28
    bench.found = Order(number, Wallet.ALIPAY, 1000, 0, 0)
    bench.desk.post(Asked(1, 101, RefundRequest("R1", 600, out_trade_no=number)))
    bench.desk.post(Asked(1, 102, RefundRequest("R2", 600, out_trade_no=number)))
    await bench.settle()
    assert [r.his_id for r in bench.refunds] == ["R1"]
    errors = [r.code for _, r, _ in bench.link.sent if isinstance(r, ErrorReply)]
    assert errors == [ErrorCode.BUSY]


async def test_an_order_nobody_knows_is_answered_with_the_look_up_s_word(bench: Bench) -> None:
    told = await bench.ask(RefundRequest("R1", 600, out_trade_no="ZY11" + "F" * 28))
    assert isinstance(told, ErrorReply)
    assert (told.code, told.id) == (ErrorCode.NOT_FOUND, "R1")


async def test_a_watched_order_is_settled_for_the_his(bench: Bench) -> None:
    bench.channel.outcome = Unknown("timeout")
    await bench.ask(pay())
    await bench.scan()
    assert bench.desk.state.seat
    key, number = bench.desk.state.seat.charge.key, bench.channel.orders[0].out_trade_no
    for event in (AttemptEvent.DEADLINE, AttemptEvent.GONE):
        await bench.desk.report(key, number, event, Facts())
    assert len(await bench.disk.unsettled()) == 1
    hello = await bench.ask(Hello())
    assert isinstance(hello, HelloOk)
    assert hello.unsettled == ()


# a new card: the wallets are asked first


@dataclass
class Wallets:
    """What the wallets say of an id; they wait while `hold` is set."""

    found: Found | Exception = field(default_factory=Found)
    hold: asyncio.Event | None = None
    numbers: list[str] = field(default_factory=list)

    async def probe(self, wanted: Wanted, number: Callable[[int, int], str]) -> Found:
        self.numbers.append(number(1, 1))
        if self.hold and wanted.tries:
            await self.hold.wait()
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.fixture
def wallets(bench: Bench) -> Wallets:
    made = Wallets()
    ports = replace(bench.desk._ports, probe=made.probe)
    bench.desk._ports = bench.desk._questions._ports = ports
    return made


async def test_an_unknown_id_is_asked_for_by_the_number_it_would_have(
    bench: Bench, wallets: Wallets
) -> None:
    await bench.ask(pay())
    await bench.scan()
    assert wallets.numbers == [bench.channel.orders[0].out_trade_no]


async def test_what_is_found_is_committed_before_it_is_told(bench: Bench, wallets: Wallets) -> None:
    held = Paid("42", 1234, mark="BOX-0001")
    wallets.found = Found((FoundOrder(1, 1, Wallet.WECHAT, "MZ03" + "A" * 28, held),))
    told = await bench.ask(Query("A"))
    assert isinstance(told, Result)
    assert (told.status, bench.diary) == ("paid", ["commit paid", "tell paid"])


async def test_a_cancel_is_judged_after_the_pay_it_is_about(bench: Bench, wallets: Wallets) -> None:
    wallets.hold = asyncio.Event()
    assert await bench.ask(pay()) is None
    assert await bench.ask(Cancel("A")) is None
    wallets.hold.set()
    await bench.settle()
    assert [r for r in bench.results() if r != "not_paid"] == []
    assert bench.results()
    assert bench.desk.state.seat is None


async def test_who_is_gone_while_the_wallets_are_asked_has_begun_nothing(
    bench: Bench, wallets: Wallets
) -> None:
    wallets.hold = asyncio.Event()
    assert await bench.ask(pay(), connection=9) is None
    wallets.hold.set()
    await bench.settle()
    assert bench.desk.state.seat is None
    assert isinstance(await bench.ask(Query("A")), ErrorReply)


async def test_a_fault_in_the_probing_is_offline(bench: Bench, wallets: Wallets) -> None:
    wallets.found = RuntimeError("surprise")
    told = await bench.ask(pay())
    assert isinstance(told, ErrorReply)
    assert told.code is ErrorCode.OFFLINE


async def test_the_desk_serves_others_while_the_wallets_are_asked(
    bench: Bench, wallets: Wallets
) -> None:
    wallets.hold = asyncio.Event()
    await bench.ask(pay())
    assert isinstance(await bench.ask(Status()), StatusResult)
    wallets.hold.set()
