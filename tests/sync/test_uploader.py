"""The uploader over a real journal and a centre in a few lines."""

import asyncio
import logging

import pytest

from device.domain.action import Action, ActionKind
from device.domain.record import PutTrace
from device.domain.trace import Mark, Trace
from device.errors import StorageError
from device.journal import SqliteJournal
from device.sync import wire
from tests.sync.conftest import Sides


async def payments(journal: SqliteJournal, sides: Sides, first: int, last: int) -> None:
    for n in range(first, last + 1):
        await journal.commit(sides.make.intended(n))
        await journal.commit(sides.make.paid(n))


def kept(sides: Sides, epoch: str) -> list[tuple[int, str]]:
    return [(int(r["seq"]), str(r["kind"])) for r in sides.center.rows.get(epoch, [])]


async def test_every_event_arrives_and_is_remembered(sides: Sides) -> None:
    journal = await sides.opened()
    await payments(journal, sides, 1, 2)
    up = sides.uploader(journal)
    await up.exchange()
    backlog = await journal.backlog(9)
    assert (backlog.waiting, backlog.acknowledged) == (0, 5)
    assert kept(sides, journal.epoch)[-1] == (5, "digest")
    assert up.part().state == "ok"
    await up.exchange()
    assert sides.center.asked[-1].rows == ()


async def test_the_health_of_the_box_goes_up_with_each_batch(sides: Sides) -> None:
    journal = await sides.opened()
    await payments(journal, sides, 1, 1)
    await sides.uploader(journal).exchange()
    health = sides.center.asked[0].health
    assert health["parts"] == [{"part": "clock", "state": "ok", "text": "时间已校准"}]
    assert (health["waiting"], health["clock_sane"], health["alarm"]) == (3, True, "")


async def test_a_lost_answer_is_no_loss(sides: Sides) -> None:
    journal = await sides.opened()
    await payments(journal, sides, 1, 1)
    up = sides.uploader(journal)
    sides.center.lose_answer = True
    await up.exchange()
    assert (await journal.backlog(9)).waiting == 3
    assert up.course.failures == 1
    sides.center.lose_answer = False
    await up.exchange()
    assert (await journal.backlog(9)).waiting == 0
    assert len(sides.center.rows[journal.epoch]) == 3


async def test_a_centre_that_is_away_is_told_in_the_status(sides: Sides) -> None:
    journal = await sides.opened()
    await payments(journal, sides, 1, 1)
    up = sides.uploader(journal)
    sides.center.away = True
    await up.exchange()
    assert (up.part().state, up.part().text) == (
        "warn",
        "统计中心尚未应答：统计中心不通；待上传 3 条",
    )
    sides.center.away = False
    await up.exchange()
    sides.center.away = True
    sides.clock.move(mono_s=1_200)
    await up.exchange()
    assert up.part().text == "统计中心 20 分钟未应答：统计中心不通；待上传 0 条"


@pytest.mark.parametrize("status", [200, 409, 502])
async def test_an_answer_that_is_not_sealed_changes_nothing(sides: Sides, status: int) -> None:
    journal = await sides.opened()
    await payments(journal, sides, 1, 1)
    text = wire.write_answer(wire.Answer(journal.epoch, 3))[1]
    sides.center.instead = status, text
    up = sides.uploader(journal)
    await up.exchange()
    assert (await journal.backlog(9)).acknowledged == 0
    assert up.course.failures == 1


async def test_an_answer_to_another_request_changes_nothing(sides: Sides) -> None:
    journal = await sides.opened()
    await payments(journal, sides, 1, 1)
    status, text = wire.write_answer(wire.Answer(journal.epoch, 3))
    other = wire.answer_context(status, "BOX-0001", "1", b"another nonce")
    key = bytes(range(32))
    sides.center.instead = status, wire.seal(key, text, other, bytes(12))
    await sides.uploader(journal).exchange()
    assert (await journal.backlog(9)).acknowledged == 0


async def test_a_card_that_lied_about_syncing_is_made_whole(sides: Sides) -> None:
    journal = await sides.opened(randomness=lambda n: b"\x01" * n)
    await payments(journal, sides, 1, 2)
    await sides.uploader(journal).exchange()
    epoch = journal.epoch
    lost = sides.center.rows[epoch][2:]
    await journal.aclose()
    journal._store.path.unlink()
    journal = await sides.opened(randomness=lambda n: b"\x01" * n)
    await payments(journal, sides, 1, 1)
    journal._store.randomness = lambda n: b"\x02" * n
    sides.clock.move()
    up = sides.uploader(journal)
    sides.center.rows[epoch][2] = lost[0]
    for _ in range(6):
        await up.exchange()
    assert journal.epoch != epoch
    assert sides.brought.rows == lost
    assert not up.backlog.healing
    assert up.journal_fault() == ""
    assert "本机" in up.part().text
    states = sides.center.newest()
    assert states[sides.make.trade_no(1)] == "paid"
    assert (await journal.verify()).faults == ()


async def test_until_then_the_journal_is_not_whole(sides: Sides) -> None:
    journal = await sides.opened()
    await payments(journal, sides, 1, 1)
    up = sides.uploader(journal)
    await up.exchange()
    first = sides.center.rows[journal.epoch]
    first.append({**first[-1], "seq": 4})
    journal._store.randomness = lambda n: b"\x02" * n
    sides.brought.offline = True
    for _ in range(3):
        await up.exchange()
    assert up.journal_fault() == "流水曾丢失，正从统计中心补回"
    assert up.part().state == "warn"


async def test_actions_are_brought_to_the_desk(sides: Sides) -> None:
    journal = await sides.opened()
    action = Action("C-17", ActionKind.QUERY, "MZ03" + "A" * 28)
    sides.center.do = (action,)
    await sides.uploader(journal).exchange()
    assert sides.brought.actions == [action]


async def test_a_failing_disk_is_no_acknowledgement(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await sides.opened()
    await payments(journal, sides, 1, 1)

    async def failing(_epoch: str, _seq: int) -> None:
        raise StorageError("journal: commit failed")

    up = sides.uploader(journal)
    monkeypatch.setattr(journal, "acknowledge", failing)
    await up.exchange()
    assert up.course.failures == 1
    monkeypatch.undo()
    await up.exchange()
    assert (await journal.backlog(9)).waiting == 0


async def test_a_fault_of_ours_does_not_end_the_uploader(
    sides: Sides, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal = await sides.opened()

    async def broken(_: int) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(journal, "backlog", broken)
    up = sides.uploader(journal)
    with caplog.at_level(logging.ERROR):
        await up.exchange()
    assert up.course.fault == "ValueError"
    assert "exchange with the centre failed" in caplog.text


async def test_a_clock_that_is_not_set_closes_no_day(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await sides.opened()
    monkeypatch.setattr(sides.clock, "sane", lambda: False)
    await payments(journal, sides, 1, 1)
    await sides.uploader(journal).exchange()
    assert [kind for _, kind in kept(sides, journal.epoch)] == ["payment", "payment"]


async def test_it_goes_on_by_itself(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = await sides.opened()
    await payments(journal, sides, 1, 1)
    pauses: list[float] = []
    true = asyncio.sleep

    async def sleep(pause_s: float) -> None:
        pauses.append(pause_s)
        await true(0)
        if len(pauses) == 3:
            raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await sides.uploader(journal).run()
    assert len(sides.center.asked) == 3
    assert all(50.0 < pause_s <= 60.0 for pause_s in pauses)


def test_the_key_stands_in_no_repr(sides: Sides) -> None:
    shown = repr(sides.uploader(None))  # type: ignore[arg-type]  # nothing is asked of it
    assert repr(bytes(range(32))) not in shown


async def test_traces_go_up_once_and_again_after_a_start(sides: Sides) -> None:
    journal = await sides.opened()
    await payments(journal, sides, 1, 1)
    trace = Trace("MZ03A", ((Mark.TAKEN, 0.0), (Mark.INTENT, 1.5)))
    journal.defer((PutTrace(trace),))
    await journal.flush()
    up = sides.uploader(journal)
    sides.center.lose_answer = True
    await up.exchange()
    sides.center.lose_answer = False
    await up.exchange()
    assert [batch.traces for batch in sides.center.asked[-2:]] == [(trace,), (trace,)]
    await up.exchange()
    await sides.uploader(journal).exchange()
    assert [batch.traces for batch in sides.center.asked[-2:]] == [(), (trace,)]
