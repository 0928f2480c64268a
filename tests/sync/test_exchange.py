"""What is sent next and what an answer changes, rule by rule (center §3, payment-states M25)."""

from dataclasses import replace
from typing import Any

import pytest

from device.domain.action import Action, ActionKind
from device.domain.chain import GENESIS, WireRow
from device.domain.outbox import Backlog, Lost
from device.domain.record import Event
from device.journal import chain
from device.journal.chain import Link
from device.sync.exchange import (
    Acknowledge,
    Alarm,
    BeginEpoch,
    Carry,
    Course,
    Recall,
    Rewind,
    Sender,
    heard,
    next_batch,
    pause_s,
    unheard,
)
from device.sync.wire import Answer, Conflict, Rejected, Want
from tests.journal.conftest import NOON

SENDER = Sender("BOX-0001", "1.0.0")
EPOCH = "9f3c"


def chained(first: int, count: int, prev: str = "a" * 64) -> tuple[WireRow, ...]:
    link, rows = Link(EPOCH, 0, first - 1, prev), list[WireRow]()
    for n in range(first, first + count):
        row, link = chain.append(link, Event(f"u{n}", "payment", "paid", "MZ-03", NOON))
        rows.append(row)
    return tuple(rows)


def backlog(acknowledged: int = 100, sent: int = 10, end: int = 110, **more: Any) -> Backlog:
    rows = chained(acknowledged + 1, sent)
    return Backlog(EPOCH, acknowledged, end, rows, waiting=end - acknowledged, **more)


def hear(held: Backlog, answer: Answer | Conflict, course: Course | None = None) -> Any:
    return heard(course or Course(), held, next_batch(SENDER, held, {}), answer, 50.0)


def kinds(effects: tuple[object, ...]) -> list[type]:
    return [type(effect) for effect in effects]


def test_the_oldest_rows_go_up_with_the_health_of_the_box() -> None:
    held = backlog()
    batch = next_batch(SENDER, held, {"backlog": 10})
    assert (batch.box, batch.version, batch.epoch) == ("BOX-0001", "1.0.0", EPOCH)
    assert (batch.first, batch.last, batch.rows) == (101, 110, held.rows)
    assert batch.health == {"backlog": 10}
    assert batch.want is None


def test_with_nothing_waiting_the_cursor_is_asked_for() -> None:
    batch = next_batch(SENDER, backlog(110, 0), {})
    assert (batch.first, batch.rows) == (111, ())


def test_an_acknowledgement_is_remembered() -> None:
    course, effects = hear(backlog(), Answer(EPOCH, 110), Course(failures=3, fault="x"))
    assert effects == (Acknowledge(EPOCH, 110),)
    assert (course.failures, course.fault, course.heard_s, course.more) == (0, "", 50.0, False)


def test_what_the_box_sent_before_a_power_cut_is_heard_again_batch_by_batch() -> None:
    course, effects = hear(backlog(100, 10, 300), Answer(EPOCH, 250))
    assert effects == (Acknowledge(EPOCH, 110),)
    assert course.more
    assert not course.alarm


def test_an_answer_for_another_epoch_is_ignored_with_an_alarm() -> None:
    course, effects = hear(backlog(), Answer("other", 110))
    assert kinds(effects) == [Alarm]
    assert course.alarm


def test_a_part_taken_is_acknowledged_and_not_hurried() -> None:
    course, effects = hear(backlog(), Answer(EPOCH, 105))
    assert effects == (Acknowledge(EPOCH, 105),)
    assert course.failures == 1


def test_nothing_taken_changes_nothing() -> None:
    course, effects = hear(backlog(), Answer(EPOCH, 100))
    assert effects == ()
    assert course.failures == 1


def test_a_centre_that_lost_rows_gets_them_again() -> None:
    course, effects = hear(backlog(110, 0), Answer(EPOCH, 90))
    assert kinds(effects) == [Alarm, Rewind]
    assert effects[1] == Rewind(EPOCH, 89)  # with the last that it has, to be compared
    assert course.more


def test_a_centre_that_lost_the_epoch_may_have_lost_the_earlier_ones() -> None:
    _, effects = hear(backlog(110, 0), Answer(EPOCH, 0))
    assert effects[1] == Rewind(EPOCH, 0, earlier=True)


def test_rows_in_quarantine_are_acknowledged_and_tell_a_person() -> None:
    course, effects = hear(backlog(), Answer(EPOCH, 110, (Rejected(105, "bad fen"),)))
    assert kinds(effects) == [Acknowledge, Alarm]
    assert "bad fen" in course.alarm
    assert course.rejected == 1


# --- M25


def test_a_centre_that_has_more_means_a_new_epoch_behind_what_is_here() -> None:
    course, effects = hear(backlog(), Answer(EPOCH, 130))
    assert kinds(effects) == [Alarm, BeginEpoch]
    assert effects[1] == BeginEpoch(EPOCH, 111)
    assert "130" in course.alarm


def test_also_when_it_is_heard_as_the_cursor() -> None:
    _, effects = hear(backlog(110, 0), Answer(EPOCH, 130))
    assert effects[-1] == BeginEpoch(EPOCH, 111)


def test_an_epoch_that_ended_may_have_more_at_the_centre() -> None:
    held = backlog(newest=False, replaced=True)
    _, effects = hear(held, Answer(EPOCH, 130))
    assert effects == (Acknowledge(EPOCH, 110),)


def test_a_conflict_means_a_new_epoch_from_the_disputed_row() -> None:
    course, effects = hear(backlog(), Conflict(EPOCH, 107))
    assert kinds(effects) == [Alarm, BeginEpoch]
    assert effects[1] == BeginEpoch(EPOCH, 107)
    assert "107" in course.alarm


def test_a_conflict_about_a_row_that_is_not_here_counts_for_the_whole_batch() -> None:
    _, effects = hear(backlog(), Conflict(EPOCH, 7_000))
    assert effects[1] == BeginEpoch(EPOCH, 101)


def test_a_conflict_of_another_epoch_is_ignored_with_an_alarm() -> None:
    assert kinds(hear(backlog(), Conflict("other", 107))[1]) == [Alarm]


@pytest.mark.parametrize("answer", [Conflict(EPOCH, 1), Answer(EPOCH, 10**9)])
def test_a_faulty_centre_cannot_begin_one_epoch_after_another(answer: Answer | Conflict) -> None:
    held = backlog(0, 10, 10, replaced=True, unheard=2)
    batch = next_batch(SENDER, held, {})
    course, effects = heard(Course(), held, batch, answer, 1_000.0)
    assert kinds(effects) == [Alarm]
    assert (course.failures, course.disputed_s) == (1, 1_000.0)
    course, effects = heard(course, held, batch, answer, 1_239.0)
    assert kinds(effects) == [Alarm]
    course, effects = heard(course, held, batch, answer, 1_240.0)
    assert kinds(effects) == [Alarm, BeginEpoch]
    assert course.disputed_s is None


def test_a_dispute_that_was_settled_is_forgotten() -> None:
    held = backlog(0, 10, 10, replaced=True, unheard=1)
    course, _ = hear(held, Answer(EPOCH, 10), Course(disputed_s=5.0))
    assert course.disputed_s is None


LOST = Lost("9f3c", 111, "a" * 64)


def test_lost_rows_are_asked_for_beside_the_batch() -> None:
    batch = next_batch(SENDER, replace(backlog(), lost=LOST), {})
    assert batch.want == Want("9f3c", 111)


def test_lost_rows_that_follow_ours_are_recalled() -> None:
    rows = chained(111, 3)
    _, effects = hear(replace(backlog(), lost=LOST), Answer(EPOCH, 110, rows=rows))
    assert effects[-1] == Recall("9f3c", rows, 114)


def test_the_last_answer_without_rows_ends_it() -> None:
    _, effects = hear(replace(backlog(), lost=LOST), Answer(EPOCH, 110, rows=()))
    assert effects[-1] == Recall("9f3c", (), 0)


def test_an_answer_that_says_nothing_of_them_leaves_the_question_open() -> None:
    _, effects = hear(replace(backlog(), lost=LOST), Answer(EPOCH, 110))
    assert effects == (Acknowledge(EPOCH, 110),)


def _changed(rows: tuple[WireRow, ...]) -> tuple[WireRow, ...]:
    return (rows[0], {**rows[1], "amount_fen": 5}, rows[2])


@pytest.mark.parametrize(
    "rows",
    [
        chained(112, 3),
        chained(111, 3, "b" * 64),
        _changed(chained(111, 3)),
        (*chained(111, 1), *chained(113, 1)),
        ({},),
    ],
)
def test_lost_rows_that_do_not_fit_are_not_believed(rows: tuple[WireRow, ...]) -> None:
    course, effects = hear(replace(backlog(), lost=LOST), Answer(EPOCH, 110, rows=rows))
    assert Recall not in kinds(effects)
    assert "不可信" in course.alarm


def test_disputed_rows_need_not_follow_ours() -> None:
    rows = chained(111, 1, GENESIS)
    lost = Lost("9f3c", 111, "")
    _, effects = hear(replace(backlog(), lost=lost), Answer(EPOCH, 110, rows=rows))
    assert Recall in kinds(effects)


def test_actions_are_carried_out_last() -> None:
    action = Action("C-17", ActionKind.QUERY, "MZ03" + "A" * 28)
    _, effects = hear(backlog(), Answer(EPOCH, 110, do=(action,)))
    assert effects == (Acknowledge(EPOCH, 110), Carry((action,)))


# --- pauses


def test_failures_back_off_from_one_second_to_five_minutes() -> None:
    course, pauses = Course(), list[float]()
    for _ in range(12):
        course = unheard(course, "away")
        pauses.append(pause_s(course, 1.0, busy=False))
    assert pauses[0] == 2.0
    assert pauses == sorted(pauses)
    assert pauses[-1] == 300.0
    assert pause_s(unheard(Course(), "away"), 0.0, busy=False) == 1.0
    assert pause_s(course, 0.0, busy=False) == 150.0


def test_a_backlog_is_sent_quickly_and_waits_for_a_patient() -> None:
    course = Course(more=True)
    assert pause_s(course, 0.5, busy=False) == 1.0
    assert pause_s(course, 0.5, busy=True) > 10.0


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_a_batch_goes_up_at_least_every_minute(chance: float) -> None:
    assert 50.0 < pause_s(Course(more=False), chance, busy=False) <= 60.0
