"""Whatever is lost, rolled back or cut on either side: in the end everything is there, once."""

import asyncio
import copy
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from device.journal import Inline, SqliteJournal
from tests.journal.conftest import FakeClock, Records
from tests.sync.conftest import Brought, Sides, SmallCenter

pytestmark = pytest.mark.slow


class BothSides(RuleBasedStateMachine):
    """A box and a centre, each of which may lose its power, its answers or its past."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory(prefix="paybox-sync-")
        self.path = Path(self.folder.name) / "journal.sqlite3"
        self.make, self.clock = Records(), FakeClock()
        self.center, self.brought = SmallCenter(), Brought()
        self.payments = 0
        self.epochs = 0
        self.expected: dict[str, str] = {}
        """uid -> the newest state that is surely on the disk."""

    def teardown(self) -> None:
        """In the end the centre's newest row of each uid is what happened last."""
        try:
            self._catch_up()
            newest = self.center.newest()
            assert {uid: newest.get(uid) for uid in self.expected} == self.expected
        finally:
            self._close()

    def _close(self) -> None:
        self.loop.run_until_complete(self.journal.aclose())
        self.loop.close()
        self.folder.cleanup()

    @initialize()
    def switch_on(self) -> None:
        """Open the journal, as at each start."""
        self.journal = self.loop.run_until_complete(
            SqliteJournal.open(self.path, self.clock, Inline(), randomness=self._numbered)
        )
        sides = Sides(self.center, self.brought, self.clock, self._never, self.make)
        self.uploader = sides.uploader(self.journal)

    def _numbered(self, count: int) -> bytes:
        self.epochs += 1
        return self.epochs.to_bytes(count, "big")

    async def _never(self, **_: object) -> SqliteJournal:
        raise AssertionError

    @rule(ends=st.booleans())
    def pay(self, *, ends: bool) -> None:
        """A payment begins, and may end."""
        self.payments += 1
        number = self.make.trade_no(self.payments)
        self.loop.run_until_complete(self.journal.commit(self.make.intended(self.payments)))
        self.expected[number] = "intended"
        if ends:
            self.loop.run_until_complete(self.journal.commit(self.make.paid(self.payments)))
            self.expected[number] = "paid"

    @rule(fault=st.sampled_from(["", "away", "answer lost"]))
    def exchange(self, fault: str) -> None:
        """One batch goes up, or does not, or its answer is lost."""
        self.center.away, self.center.lose_answer = fault == "away", fault == "answer lost"
        self.clock.move(mono_s=60.0)
        self.loop.run_until_complete(self.uploader.exchange())
        self.center.away = self.center.lose_answer = False

    @rule(payments=st.integers(1, 3))
    def roll_the_centre_back(self, payments: int) -> None:
        """Its database is restored from a copy that was made some payments ago."""
        before = copy.deepcopy(self.center.rows)
        for _ in range(payments):
            self.pay(ends=True)
        self.exchange("")
        self.center.rows = before

    @rule()
    def restart_the_box(self) -> None:
        """In order; what was committed is there."""
        self.loop.run_until_complete(self.journal.aclose())
        self.switch_on()

    @rule(payments=st.integers(1, 3), begins=st.booleans())
    def the_card_lied(self, payments: int, *, begins: bool) -> None:
        """It only pretended to write some payments, which the centre has; it may go on before."""
        self.loop.run_until_complete(self.journal.aclose())
        before = self.path.read_bytes()
        self.switch_on()
        for _ in range(payments):
            self.pay(ends=True)
        self._catch_up()
        if self.loop.run_until_complete(self.journal.backlog(1)).epoch.encode() not in before:
            return  # the card lost the very name of the epoch: nobody can ask for it
        self.loop.run_until_complete(self.journal.aclose())
        self.path.write_bytes(before)
        self.switch_on()
        if begins:
            self.pay(ends=True)
        self._catch_up()

    def _catch_up(self) -> None:
        for _ in range(40):
            self.exchange("")
            self.clock.move(mono_s=3_600.0)
        backlog = self.loop.run_until_complete(self.journal.backlog(1))
        assert (backlog.waiting, backlog.healing) == (0, False), self.uploader.course

    @invariant()
    def the_chain_holds(self) -> None:
        """Nothing here was changed or lost."""
        if hasattr(self, "journal"):
            assert self.loop.run_until_complete(self.journal.verify()).faults == ()


TestBothSides = BothSides.TestCase
TestBothSides.settings = settings(
    max_examples=15,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
