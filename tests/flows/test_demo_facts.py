"""The headless demo compares three books; each difference is a failure."""

import sqlite3
from pathlib import Path

import pytest

from simulators.demo import facts
from simulators.demo.facts import Fact
from simulators.demo.headless import _compare
from simulators.demo.provider import Trade
from simulators.demo.stories import STORIES

PAID = next(story for story in STORIES if story.status == "paid")
TABLES = """
CREATE TABLE charges (his_id TEXT, try INTEGER, state TEXT);
CREATE TABLE attempts (
  out_trade_no TEXT, his_id TEXT, try INTEGER, number INTEGER, state TEXT, amount_fen INTEGER);
CREATE TABLE refunds (out_trade_no TEXT, state TEXT, amount_fen INTEGER);
INSERT INTO charges VALUES ('T1', 1, 'paid'), ('T2', 1, 'not_paid');
INSERT INTO attempts VALUES
  ('A1', 'T1', 1, 1, 'failed', 1234), ('A2', 'T1', 1, 2, 'paid', 1234),
  ('B1', 'T2', 1, 1, 'reversed', 500);
INSERT INTO refunds VALUES
  ('A2', 'refunded', 200), ('A2', 'refunded', 34), ('A2', 'failed', 1000);
"""


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal.sqlite3"
    connection = sqlite3.connect(path)
    connection.executescript(TABLES)
    connection.close()
    return path


def trade(state: str, refunded_fen: int = 0) -> Trade:
    return Trade("wechat", "A2", 1234, state, refunded_fen, ())


def test_the_journal_counts_only_refunds_that_were_given(journal: Path) -> None:
    assert facts.in_journal(journal, "T1") == Fact("paid/failed+paid", 1000)
    assert facts.in_journal(journal, "T2") == Fact("not_paid/reversed", 0)


def test_an_id_the_journal_does_not_know(journal: Path) -> None:
    assert facts.in_journal(journal, "T9") == Fact("none", 0)


@pytest.mark.parametrize(
    ("trades", "held_fen"),
    [([trade("paid")], 1234), ([trade("paid", 234)], 1000), ([trade("returned")], 0), ([], 0)],
)
def test_what_the_provider_holds(trades: list[Trade], held_fen: int) -> None:
    assert facts.at_provider(trades).held_fen == held_fen


def test_the_his_has_money_only_on_paid() -> None:
    frame = {"status": "paid", "amount_fen": 1234, "refunded_fen": 34}

    assert facts.at_his(frame).held_fen == 1200
    assert facts.at_his({**frame, "status": "unknown"}).held_fen == 0
    assert facts.at_his({}) == Fact("none", 0)


def test_three_books_that_agree_with_the_story_are_right() -> None:
    paid = Fact("paid", PAID.held_fen)

    assert _compare(PAID, paid, Fact("paid/paid", PAID.held_fen), paid) == ""


@pytest.mark.parametrize(
    ("provider", "journal_words", "his"),
    [
        (Fact("paid", 1), "paid/paid", Fact("paid", PAID.held_fen)),
        (Fact("paid", PAID.held_fen), "open/unknown", Fact("paid", PAID.held_fen)),
        (Fact("paid", PAID.held_fen), "paid/paid", Fact("unknown", PAID.held_fen)),
        (Fact("paid+paid", PAID.held_fen), "paid/paid", Fact("paid", PAID.held_fen)),
    ],
)
def test_any_book_that_differs_is_a_failure(provider: Fact, journal_words: str, his: Fact) -> None:
    assert _compare(PAID, provider, Fact(journal_words, PAID.held_fen), his) != ""


def test_three_books_that_agree_on_another_sum_are_a_failure() -> None:
    other = Fact("paid", PAID.held_fen + 1)

    assert _compare(PAID, other, Fact("paid/paid", other.held_fen), other) != ""
