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
from tests.sync.conftest import Brought, Rows, Sides, SmallCenter

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
        self.old_books: list[Rows] = []
        self.old_card: bytes | None = None
        self.payments = 0
        self.epochs = 0
        self.expected: dict[str, str] = {}
        """uid -> the newest state that is surely on the disk."""

    def teardown(self) -> None:
        """Leave nothing open."""
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

    @rule()
    def copy_the_centre(self) -> None:
        """Somebody makes a copy of the centre's database."""
        self.old_books.append(copy.deepcopy(self.center.rows))

    @rule()
    def roll_the_centre_back(self) -> None:
        """It is restored."""
        if self.old_books:
            self.center.rows = self.old_books.pop()

    @rule()
    def restart_the_box(self) -> None:
        """In order; what was committed is there."""
        self.loop.run_until_complete(self.journal.aclose())
        self.switch_on()

    @rule()
    def copy_the_card(self) -> None:
        """From here on the card only pretends to write."""
        self.restart_the_box()
        self.loop.run_until_complete(self.journal.aclose())
        self.old_card = self.path.read_bytes()
        self.old_epochs = self._epochs()
        self.switch_on()

    @rule()
    def the_card_lied(self) -> None:
        """The old card comes back; what it lost the centre must have, or it is lost for good."""
        if self.old_card is None or self.old_epochs != self._epochs():
            return
        self._catch_up()
        self.loop.run_until_complete(self.journal.aclose())
        self.path.write_bytes(self.old_card)
        self.old_card = None
        self.old_books.clear()
        self.switch_on()
        self._catch_up()

    def _epochs(self) -> int:
        return self.epochs

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

    @rule()
    def all_is_well(self) -> None:
        """In the end the centre's newest row of each uid is what happened last."""
        self._catch_up()
        newest = self.center.newest()
        assert {uid: newest.get(uid) for uid in self.expected} == self.expected


TestBothSides = BothSides.TestCase
TestBothSides.settings = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
