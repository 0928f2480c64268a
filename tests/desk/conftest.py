"""The desk's shell on fakes and a real journal."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import pytest

from device import desk as shell
from device.clock import BEIJING
from device.desk import DeskLoop, Ports
from device.domain.desk.events import Asked, Connection, HealthChanged, Scanned
from device.domain.desk.model import Health, Settings
from device.domain.outcome import (
    Missing,
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
from device.domain.record import Change, Order, PutAttempt
from device.domain.replies import (
    ErrorReply,
    Part,
    Reply,
    Result,
)
from device.domain.requests import (
    Pay,
    Request,
)
from device.domain.words import Business, Department, ErrorCode, Wallet
from device.errors import CommitRefused, StorageError
from device.journal import Inline, SqliteJournal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from device.domain.charge import ChargeKey
    from device.domain.payment import Attempt
    from device.domain.ports import Journal
    from device.domain.refund import Refund
    from device.domain.screens import (
        Screen,
        Signal,
    )

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
    monkeypatch.setattr(shell, "LEAVES_WITHIN_S", 0.0)  # the loop's next turn
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


async def disk_good(bench: Bench) -> None:
    """The disk takes writes again, and the desk has found out."""
    bench.disk.failing = False
    await asyncio.sleep(0.02)
    await bench.settle()
