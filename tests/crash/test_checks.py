"""Each checker is shown one world that is right and one that is not."""

import math
from dataclasses import replace
from typing import Any

import pytest

from device.domain.replies import Result, fields
from simulators.crash.books import Books
from simulators.crash.center import Center, all_is_there
from simulators.crash.checks import at_the_cut, newest
from simulators.crash.tape import Arrived, Shown, Told, Uploaded

PAID = Result("P1", 1, revision=2, status="paid", amount_fen=100)


def books(
    state: str = "", *, refund: str = "", answer: Result | None = None, event: bool = False
) -> Books:
    attempts: dict[str, dict[str, Any]] = {}
    if state:
        attempts["N1"] = {"his_id": "P1", "try": 1, "state": state, "amount_fen": 100}
    refunds = {refund: {"state": "sent"}} if refund else {}
    answers = {(answer.id, answer.revision): fields(answer)} if answer else {}
    events = {("9f3c", 1): "aa"} if event else {}
    return Books(b"", attempts, refunds, answers, events, {"9f3c": math.inf})


def found(held: Books, fact: Any, *, disk_failed: bool = False) -> str:
    return " ".join(at_the_cut(held, [fact], disk_failed=disk_failed))


def test_a_pay_that_arrived_has_its_intent() -> None:
    pay = Arrived("pay", "N1")
    assert found(books("intended"), pay) == ""
    assert "no intent" in found(books(), pay)


@pytest.mark.parametrize("state", ["reversing", "reversed", "refunded"])
def test_a_reverse_that_arrived_was_decided_on_disk(state: str) -> None:
    reverse = Arrived("reverse", "N1")
    assert found(books(state), reverse) == ""
    assert "M2" in found(books("paid"), reverse)
    assert found(books("paid"), reverse, disk_failed=True) == ""  # M21


def test_a_refund_that_arrived_has_its_own_intent() -> None:
    refund = Arrived("refund", "N1", "R1")
    assert found(books("paid", refund="R1"), refund) == ""
    assert "no refund R1" in found(books("paid", refund="R2"), refund)


def test_a_query_may_be_about_anything() -> None:
    assert found(books(), Arrived("query", "N1")) == ""


def test_what_was_told_is_held_word_for_word() -> None:
    other = Result("P1", 1, revision=2, status="not_paid", amount_fen=100)
    assert found(books("paid", answer=PAID), Told(PAID)) == ""
    assert "acknowledged and lost" in found(books("paid"), Told(PAID))
    assert "M14" in found(books("paid", answer=other), Told(PAID))


def test_only_storage_failed_is_told_without_being_held() -> None:
    hint = Result("P1", 1, revision=0, status="unknown", reason="storage_failed")
    assert found(books(), Told(hint)) == ""
    assert "lost" in found(books(), Told(Result("P1", 1, revision=0, status="paid")))


@pytest.mark.parametrize(
    ("state", "fits"), [("paid", True), ("reversing", True), ("waiting", False)]
)
def test_success_is_shown_only_after_paid_is_on_disk(state: str, fits: bool) -> None:  # noqa: FBT001  a table
    assert (found(books(state), Shown(100)) == "") is fits


def test_the_newest_revision_counts_whatever_came_last() -> None:
    late = Told(Result("P1", 1, revision=1, status="unknown"))
    assert newest([Told(PAID), late]) == {("P1", 1): PAID}


def test_a_row_that_the_centre_has_is_on_the_disk() -> None:
    sent = Uploaded("9f3c", 1, "aa", "{}")
    assert found(books(event=True), sent) == ""
    assert "the journal nothing" in found(books(), sent)
    assert "the journal another" in found(books(event=True), replace(sent, hash="bb"))
    assert found(books(), replace(sent, ours=False)) == ""


def test_at_the_end_the_centre_has_every_event_once() -> None:
    center = Center()
    assert "1 events here, 0 at the centre" in " ".join(all_is_there(books(event=True), center))
    center.books.rows["9f3c"] = [{"hash": "aa"}]
    assert list(all_is_there(books(event=True), center)) == []
    assert "N1 is paid" in " ".join(all_is_there(books("paid", event=True), center))
    center.faults.append("row 1 breaks the chain")
    assert "M17" in " ".join(all_is_there(books(event=True), center))
