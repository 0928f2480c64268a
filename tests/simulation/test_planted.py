"""Every planted bug is caught by a judge of the invariant it breaks; the table is the product's.

`simulators/planted` holds the bugs and the seeds that showed them; here each plays its known
history, and others if the world has changed since. The score stands at the end of the run.
"""

import pytest

from simulators.planted import BUGS, HARMLESS, Bug, Harmless
from simulators.planted.score import PAYMENTS, catch, known_seeds, play_with
from simulators.world.checkers import RULES
from simulators.world.history import play

BESIDE = {"M16", "M25", "ACTIONS", "BOOK", "SUPERSEDE"}
"""Theirs are in `test_planted_sync.py` and `test_planted_desk.py`."""
KNOWN = known_seeds()
CLEAN = sorted({(KNOWN[b.name], " ".join(sorted(b.stir))) for b in BUGS if b.name in KNOWN})[::8]
"""Every eighth of the histories that the bugs are caught in; all of them with the command."""


@pytest.mark.parametrize("bug", BUGS, ids=lambda one: one.name.replace(" ", "-"))
def test_a_planted_bug_is_caught(bug: Bug) -> None:
    assert catch(bug, KNOWN.get(bug.name)) is not None


@pytest.mark.parametrize("one", HARMLESS, ids=lambda one: one.name.replace(" ", "-"))
def test_what_something_else_makes_up_for_is_not_blamed(one: Harmless) -> None:
    assert [play_with(one, seed).violations for seed in (1, 2)] == [(), ()]


@pytest.mark.parametrize(("seed", "stir"), CLEAN)
def test_the_same_history_without_the_bug_is_clean(seed: int, stir: str) -> None:
    assert play(seed, PAYMENTS, stir=frozenset(stir.split())).violations == ()


def test_every_rule_that_is_judged_here_has_a_bug_that_breaks_it() -> None:
    broken = {rule for bug in BUGS for rule in bug.rules} | BESIDE
    assert {rule for rule, judge in RULES.items() if not isinstance(judge, str)} <= broken
    assert "M15" in broken


def test_every_table_of_a_provider_s_codes_has_a_bug_in_it() -> None:
    tables = {bug.table for bug in BUGS} - {""}
    calls = {
        "wechat": ("pay", "query", "reverse", "refund"),
        "alipay": ("pay", "query", "cancel", "refund"),
    }
    assert tables == {f"{wallet} {call}" for wallet, each in calls.items() for call in each}


def test_there_are_enough_and_some_were_planted_blind() -> None:
    names = [bug.name for bug in BUGS]
    assert len(names) == len(set(names)) >= 50
    assert sum(bug.blind for bug in BUGS) >= 10
