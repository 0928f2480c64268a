"""A journal in a real file, a clock that the test moves, and short ways to make records."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from device.clock import BEIJING
from device.domain.charge import Charge, ChargeKey, ChargeState
from device.domain.payment import Attempt, AttemptState
from device.domain.record import Change, Event, PutAnswer, PutAttempt, PutCharge, PutOrder
from device.domain.refund import Refund, RefundKind, RefundState
from device.domain.replies import Result
from device.domain.words import Business, Department, Wallet
from device.errors import StorageError
from device.journal import Inline, SqliteJournal

Opener = Callable[..., Awaitable[SqliteJournal]]


@dataclass
class FakeClock:
    """Stands still until it is moved; wall and monotonic move apart."""

    mono_s: float = 1_000.0
    now: datetime = field(default_factory=lambda: datetime(2026, 11, 22, 9, 30, 1, tzinfo=BEIJING))

    def monotonic(self) -> float:
        return self.mono_s

    def wall(self) -> datetime:
        return self.now

    def sane(self) -> bool:
        return True

    def move(self, *, mono_s: float = 0.0, wall: timedelta = timedelta()) -> None:
        self.mono_s += mono_s
        self.now += wall


NOON = datetime(2026, 11, 22, 12, 0, tzinfo=BEIJING)


class Records:
    """Small complete values; payment number n has the id `MZ<n>`."""

    def key(self, n: int, try_: int = 1) -> ChargeKey:
        return ChargeKey("", f"MZ{n}", try_)

    def charge(self, n: int, state: ChargeState = ChargeState.OPEN, fen: int = 12345) -> Charge:
        return Charge(self.key(n), fen, Business.OUTPATIENT_FEE, Department.OUTPATIENT, state=state)

    def trade_no(self, n: int) -> str:
        return f"MZ03{n:028d}"

    def attempt(self, n: int, state: AttemptState = AttemptState.INTENDED) -> Attempt:
        return Attempt(1, Wallet.WECHAT, self.trade_no(n), 12345, f"{n:064x}", state)

    def event(self, n: int, state: str, kind: str = "payment") -> Event:
        return Event(
            self.trade_no(n), kind, state, "MZ-03", NOON, channel="wechat", amount_fen=12345
        )

    def result(self, n: int, status: str = "paid", revision: int = 1, try_: int = 1) -> PutAnswer:
        return PutAnswer("", Result(f"MZ{n}", try_, revision, status), NOON, offer=True)

    def intended(self, n: int) -> Change:
        return (
            PutCharge(self.charge(n)),
            PutAttempt(self.key(n), self.attempt(n), f"MZ{n}"),
            PutOrder(self.trade_no(n), Wallet.WECHAT, 12345),
            self.event(n, "intended"),
        )

    def paid(self, n: int) -> Change:
        return (
            PutCharge(self.charge(n, ChargeState.PAID)),
            PutAttempt(self.key(n), self.attempt(n, AttemptState.PAID)),
            self.event(n, "paid"),
            self.result(n),
        )

    def refund(
        self, n: int, his_id: str, fen: int, state: RefundState = RefundState.REQUESTED
    ) -> Refund:
        number = f"R{his_id}"
        order = self.trade_no(n)
        kind = RefundKind.REFUND
        return Refund(his_id, kind, Wallet.WECHAT, order, number, fen, 12345, state=state)


@pytest.fixture
def make() -> Records:
    return Records()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


@pytest.fixture
async def opened(path: Path, clock: FakeClock) -> AsyncIterator[Opener]:
    """Opens the file, again and again; each call is another start of the box."""
    made: list[SqliteJournal] = []

    async def make(**options: object) -> SqliteJournal:
        settings = {"randomness": bytes, **options}
        made.append(await SqliteJournal.open(path, clock, Inline(), **settings))  # type: ignore[arg-type]  # fakes
        return made[-1]

    yield make
    for journal in made:
        with suppress(StorageError):  # some tests leave the disk broken
            await journal.aclose()
