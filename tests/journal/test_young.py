"""How old a journal is: unknown ids are asked for until it is 24 h old (payment-states §1.9)."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlite_utils import Database

from device.domain.charge import ChargeState
from device.journal import schema
from device.journal.connection import open_database

if TYPE_CHECKING:
    from tests.journal.conftest import FakeClock, Opener, Records

DAY_S = 24 * 3600.0
DAY = timedelta(days=1)


async def test_a_new_file_is_young_for_24_h_of_the_clock_that_cannot_jump(
    opened: "Opener", clock: "FakeClock"
) -> None:
    journal = await opened()
    clock.move(wall=timedelta(days=3650))
    seen = [journal.young]
    for seconds in (DAY_S - 1, 2):
        clock.move(mono_s=seconds)
        seen.append(journal.young)
    assert seen == [True, True, False]


async def test_after_a_boot_its_written_age_counts(
    opened: "Opener", clock: "FakeClock", make: "Records"
) -> None:
    await (await opened()).commit(make.intended(1))
    clock.move(wall=DAY - timedelta(seconds=1))
    journal = await opened()
    seen = [journal.young]
    for seconds in (2, -2 * DAY_S):  # before it was made: that proves nothing
        clock.move(wall=timedelta(seconds=seconds))
        seen.append(journal.young)
    assert seen == [True, False, True]


async def test_a_clock_that_is_not_sane_counts_as_young(
    opened: "Opener", clock: "FakeClock", make: "Records", monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await opened()).commit(make.intended(1))
    clock.move(wall=2 * DAY)
    journal = await opened()
    old = journal.young
    monkeypatch.setattr(type(clock), "sane", lambda _: False)
    assert (old, journal.young) == (False, True)


async def test_a_file_made_before_the_clock_was_set_is_not_born_old(
    opened: "Opener", clock: "FakeClock", make: "Records", monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(type(clock), "sane", lambda _: False)
        await (await opened()).commit(make.intended(1))
    clock.move(wall=timedelta(days=300))  # the time comes from the network
    journal = await opened()
    assert journal.young
    await journal.commit(make.paid(1))
    clock.move(wall=DAY)
    assert not (await opened()).young


async def test_a_file_of_the_first_version_gets_the_new_column(
    opened: "Opener", path: Path, make: "Records"
) -> None:
    db = open_database(path)
    only_first = Database(db, execute_plugins=False)
    schema.migrations.apply(only_first, stop_before="0002_adopted")
    db.execute("INSERT INTO epochs VALUES ('aa', 1, 0, '')")
    db.execute("INSERT INTO meta VALUES ('opened_at', '')")
    db.close()
    journal = await opened()
    await journal.commit(make.intended(1))
    ticket = await journal.ticket("", "MZ1")
    assert ticket
    assert (ticket.charges[0].adopted, ticket.charges[0].state) == (False, ChargeState.OPEN)
    assert (await journal.verify()).faults == ()
