"""When the provider is asked what, as timelines on a clock that only the test moves.

`Provider` is a script: what it answers to each request, one after the other, the last one for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.domain.outcome import (
    Accepted,
    Closed,
    Contradiction,
    Later,
    Missing,
    Open,
    Paid,
    PayFailed,
    QueryOutcome,
    Refused,
    Returned,
    ReverseOutcome,
    Unknown,
    WindowOver,
)
from device.domain.payment import UNDER_WAY, Attempt, AttemptEvent, AttemptState, step
from device.domain.pursuit import (
    Call,
    Times,
    Trail,
    heard_query,
    heard_reverse,
    next_call,
)
from device.domain.words import Wallet

# payment-states §3
WECHAT = Times(first_query=3, doubt_query=5, poll=3, wait=45, reverse_not_before=15)
ALIPAY = Times(first_query=3, doubt_query=1, poll=3, wait=60, reverse_not_before=0)
TIMES = {Wallet.WECHAT: WECHAT, Wallet.ALIPAY: ALIPAY}
STARTED_S = 1000.0
PAID = Paid("42", 1234)
OPEN, CONFIRMING = Open(), Open(confirming=True)
S = AttemptState


@dataclass
class Story:
    """One attempt in recovery's hands: the loop of `recovery.py` with nothing around it."""

    wallet: Wallet = Wallet.WECHAT
    state: AttemptState = S.UNKNOWN
    queries: Sequence[QueryOutcome] = (OPEN,)
    reverses: Sequence[ReverseOutcome] = (Accepted(),)
    answer_s: float = 1.0
    """How long the provider takes for each answer."""
    wish_at_s: float | None = None
    log: list[tuple[float, str]] = field(default_factory=list)
    """(seconds after the pay call, request), at the moment it leaves."""
    ended_s: float = 0.0

    def __post_init__(self) -> None:
        self.attempt = Attempt(1, self.wallet, "MZ03A", 1234, "h", state=self.state)
        self.trail = Trail(STARTED_S)
        self.now_s = STARTED_S + 1.0
        self._asked = self._reversed = 0

    def run(self, until_s: float = 120.0) -> "Story":
        while self._turn(STARTED_S + until_s):
            pass
        return self

    def _turn(self, until_s: float) -> bool:
        call, due_s = next_call(self.attempt, self.trail, TIMES[self.wallet])
        wish_s = STARTED_S + self.wish_at_s if self.wish_at_s is not None else None
        if wish_s is not None and wish_s <= max(self.now_s, due_s):
            self.now_s, self.wish_at_s = max(self.now_s, wish_s), None
            if self.attempt.state in UNDER_WAY:  # later the desk takes no wish
                self.attempt = step(self.attempt, AttemptEvent.CANCEL_WISH)
            return True
        self.now_s = max(self.now_s, due_s)
        if call is Call.NOTHING or self.now_s > until_s:
            return False
        self.log.append((round(self.now_s - STARTED_S, 3), call.value))
        self.now_s += self.answer_s
        self._hear(call)
        return True

    def _hear(self, call: Call) -> None:
        if call is Call.REVERSE:
            reverse = self.reverses[min(self._reversed, len(self.reverses) - 1)]
            self._reversed += 1
            trail, events = heard_reverse(self.trail, reverse, self.now_s)
        else:
            query = self.queries[min(self._asked, len(self.queries) - 1)]
            self._asked += 1
            trail, events = heard_query(self.attempt, self.trail, call, query, self.now_s)
        for event, facts in events:
            self.attempt = step(self.attempt, event, facts)
        self.trail = trail
        if self.attempt.state in {S.REVERSED, S.FAILED} and not self.ended_s:
            self.ended_s = self.now_s - STARTED_S

    def times(self, call: str) -> list[float]:
        return [at for at, what in self.log if what == call]

    @property
    def requests(self) -> list[str]:
        return [what for _, what in self.log]


def test_wechat_waiting_is_asked_at_3_s_and_then_every_3_s() -> None:
    story = Story(state=S.WAITING, queries=[CONFIRMING], answer_s=0).run(until_s=20)
    assert story.times("query") == [3, 6, 9, 12, 15, 18]


def test_wechat_doubt_is_asked_at_5_s() -> None:
    assert Story(answer_s=0).run(until_s=9).times("query") == [5, 8]


def test_alipay_waiting_is_asked_at_3_s_and_doubt_at_1_s() -> None:
    waiting = Story(Wallet.ALIPAY, S.WAITING, answer_s=0).run(until_s=7)
    doubt = Story(Wallet.ALIPAY, answer_s=0).run(until_s=5)
    assert (waiting.times("query"), doubt.times("query")) == ([3, 6], [1, 4])


@pytest.mark.parametrize(("wallet", "wait_s"), [(Wallet.WECHAT, 45), (Wallet.ALIPAY, 60)])
def test_the_deadline_is_one_last_query_then_the_reverse_at_once(
    wallet: Wallet, wait_s: float
) -> None:
    story = Story(wallet, queries=[OPEN] * 19 + [Closed()]).run()
    last = story.requests.index("last_query")
    assert story.log[last][0] == wait_s
    assert story.log[last + 1] == (wait_s + 1, "reverse")


@pytest.mark.parametrize("wallet", list(Wallet))
def test_a_reverse_waits_for_a_query_that_left(wallet: Wallet) -> None:
    """Seed 109 of the world: the line was down at the last query, and came back for the reverse."""
    unsent = Unknown("no route", sent=False)
    asked_before = 14 if wallet is Wallet.WECHAT else 15
    story = Story(wallet, queries=[*[OPEN] * asked_before, *[unsent] * 6, OPEN], answer_s=0).run()
    first = story.requests.index("reverse")
    assert S.REVERSING is story.attempt.state  # the deadline holds all the same
    assert story._asked > asked_before + 6
    assert story.requests[first - 1] == "query"
    assert len([w for w in story.requests[:first] if w != "reverse"]) == asked_before + 7


def test_nothing_is_said_after_the_end() -> None:
    story = Story(queries=[PAID]).run()
    assert story.attempt.state is S.PAID
    assert story.requests == ["query"]


@pytest.mark.parametrize(
    ("outcome", "end"),
    [
        (PAID, S.PAID),
        (Closed(), S.FAILED),
        (Returned(PAID, 1234), S.REVERSED),
        (PayFailed(), S.REVERSED),
        (Contradiction("amount"), S.REVERSED),
    ],
)
def test_what_a_query_says_decides(outcome: QueryOutcome, end: AttemptState) -> None:
    queries = [outcome, outcome, Closed()] if end is S.REVERSED else [outcome]
    assert Story(queries=queries).run().attempt.state is end


@pytest.mark.parametrize("outcome", [OPEN, CONFIRMING, Missing(), Unknown("timeout")])
def test_what_proves_nothing_decides_nothing(outcome: QueryOutcome) -> None:
    story = Story(queries=[outcome]).run(until_s=44)
    assert story.attempt.state in {S.UNKNOWN, S.WAITING}


def test_payerror_reverses_but_not_before_15_s() -> None:
    story = Story(state=S.WAITING, queries=[PayFailed(), OPEN, Closed()]).run()
    assert story.log == [(3, "query"), (15, "query"), (16, "reverse"), (17, "query")]
    assert story.attempt.state is S.REVERSED


def test_a_wish_on_wechat_waits_for_15_s_then_asks_then_reverses() -> None:
    story = Story(state=S.WAITING, queries=[CONFIRMING] * 3 + [Closed()], wish_at_s=8).run()
    assert story.log == [
        (3, "query"),
        (7, "query"),
        (15, "last_query"),
        (16, "reverse"),
        (17, "query"),
    ]


def test_a_wish_on_alipay_is_done_at_once() -> None:
    story = Story(Wallet.ALIPAY, S.WAITING, [OPEN, OPEN, Closed()], wish_at_s=5).run()
    assert story.log == [(3, "query"), (5, "last_query"), (6, "reverse"), (7, "query")]


def test_a_wish_that_meets_a_payment_gives_it_back() -> None:
    story = Story(state=S.WAITING, queries=[CONFIRMING, PAID, Closed()], wish_at_s=5).run()
    assert story.attempt.state is S.REVERSED
    assert story.attempt.held_paid


def test_paid_between_the_last_query_and_the_reverse_is_given_back() -> None:
    story = Story(queries=[OPEN] * 12 + [PAID, PAID, Closed()]).run()
    assert S.PAID is not story.attempt.state
    assert story.attempt.state is S.REVERSED


def test_two_contradictions_the_second_at_the_deadline_are_legal() -> None:
    told = [OPEN] * 9 + [Contradiction("amount")] * 2 + [Closed()]
    story = Story(queries=told).run()
    assert story.requests[-4:] == ["query", "last_query", "reverse", "query"]
    assert story.attempt.state is S.REVERSED


def test_one_contradiction_at_the_deadline_reverses_like_any_doubt() -> None:
    story = Story(queries=[OPEN] * 10 + [Contradiction("amount"), Closed()]).run()
    assert story.requests[-3:] == ["last_query", "reverse", "query"]


def test_a_reverse_is_confirmed_by_a_query() -> None:
    story = Story(state=S.REVERSING, queries=[OPEN, Closed()]).run()
    assert story.log == [(15, "query"), (16, "reverse"), (17, "query")]


def test_an_open_order_is_reversed_again_after_a_pause() -> None:
    story = Story(state=S.REVERSING, queries=[OPEN] * 3 + [Closed()], answer_s=0).run()
    assert story.log == [
        (15, "query"),
        (15, "reverse"),
        (15, "query"),
        (16, "query"),
        (16, "reverse"),
        (16, "query"),
    ]


def test_the_back_off_ladder() -> None:
    story = Story(
        Wallet.ALIPAY, S.REVERSING, reverses=[Later("recall")], answer_s=0, queries=[PAID]
    ).run(until_s=150)
    at = story.times("reverse")
    gaps = [b - a for a, b in pairwise(at)]
    assert gaps == [1, 2, 4, 8, 16, 30, 30, 30]


@pytest.mark.parametrize("outcome", [Later("SYSTEMERROR"), Unknown("timeout")])
def test_a_reverse_that_may_work_later_stays(outcome: ReverseOutcome) -> None:
    story = Story(state=S.REVERSING, queries=[PAID], reverses=[outcome]).run(until_s=900)
    assert story.attempt.state is S.REVERSING
    assert len(story.times("reverse")) > 20


def test_a_lost_reverse_answer_is_found_out_by_the_query() -> None:
    story = Story(state=S.REVERSING, queries=[PAID, Closed()], reverses=[Unknown("timeout")]).run()
    assert story.requests == ["query", "reverse", "query"]
    assert story.attempt.state is S.REVERSED


def test_three_refusals_while_it_is_paid_make_a_refund_due() -> None:
    told = [Refused("TRADE_HAS_FINISHED")]
    story = Story(state=S.REVERSING, queries=[PAID], reverses=told).run()
    assert story.attempt.state is S.REFUND_DUE
    assert len(story.times("reverse")) == 3


@pytest.mark.parametrize("query", [OPEN, Unknown("timeout"), Missing()])
def test_a_refusal_counts_only_while_the_query_says_paid(query: QueryOutcome) -> None:
    story = Story(state=S.REVERSING, queries=[query], reverses=[Refused("INVALID")])
    assert story.run(until_s=300).attempt.refusals == 0


def test_a_window_that_is_over_makes_a_refund_due_at_once() -> None:
    story = Story(state=S.REVERSING, queries=[PAID], reverses=[WindowOver("REVERSE_EXPIRE")]).run()
    assert story.attempt.state is S.REFUND_DUE
    assert len(story.times("reverse")) == 1


def test_a_window_that_is_over_on_an_unpaid_order_makes_no_refund() -> None:
    story = Story(state=S.REVERSING, queries=[OPEN], reverses=[WindowOver("REVERSE_EXPIRE")])
    assert story.run().attempt.state is S.REVERSING


def test_missing_twice_is_reversed_and_watched() -> None:
    story = Story(state=S.REVERSING, queries=[Missing()], reverses=[Missing()]).run(until_s=30)
    assert story.requests == ["query", "reverse", "query"]
    assert story.attempt.state is S.REVERSED
    assert story.attempt.watch_due


def test_missing_after_an_accepted_reverse_agrees_and_is_watched() -> None:
    story = Story(state=S.REVERSING, queries=[OPEN, Missing()]).run(until_s=30)
    assert story.attempt.state is S.REVERSED
    assert story.attempt.watch_due


def test_missing_once_and_then_paid_is_reversed_again() -> None:
    told: list[QueryOutcome] = [Missing(), PAID, PAID, Closed()]
    story = Story(state=S.REVERSING, queries=told, reverses=[Missing(), Accepted()])
    story.run(until_s=50)
    assert story.requests == ["query", "reverse", "query", "query", "reverse", "query"]
    assert story.attempt.held_paid


def test_money_that_went_back_whole_needs_no_reverse() -> None:
    story = Story(state=S.REVERSING, queries=[Returned(PAID, 1234)]).run()
    assert story.requests == ["query"]
    assert story.attempt.state is S.REVERSED
    assert story.attempt.held_paid, "nobody may say that the payer did not pay"


def test_money_that_went_back_in_part_is_no_end() -> None:
    story = Story(state=S.REVERSING, queries=[Returned(PAID, 1000)]).run()
    assert story.attempt.state is S.REVERSING
    assert story.attempt.held_paid


WATCHED = Attempt(1, Wallet.WECHAT, "MZ03A", 1234, "h", state=S.REVERSED, watch=True)


def watching(queries: Sequence[QueryOutcome]) -> Story:
    story = Story(queries=queries, answer_s=0)
    story.attempt = WATCHED
    return story


def test_a_watched_order_is_asked_at_1_5_and_30_min_and_24_h() -> None:
    story = watching([Missing()]).run(until_s=200_000)
    assert story.times("watch_query") == [60, 300, 1800, 86400]
    assert story.attempt.watched == 4


def test_the_watch_counts_from_the_end() -> None:
    story = Story(state=S.REVERSING, queries=[Missing()], reverses=[Missing()]).run(until_s=400)
    assert story.log == [
        (15, "query"),
        (16, "reverse"),
        (17, "query"),
        (78, "watch_query"),
        (318, "watch_query"),
    ]


def test_a_watched_order_that_is_reached_only_later_loses_no_look() -> None:
    story = watching([Unknown("offline")] * 20 + [Missing()]).run(until_s=200_000)
    assert story.attempt.watched == 4


@pytest.mark.parametrize("late", [PAID, Returned(PAID, 1000)])
def test_a_late_payment_is_found_and_given_back(late: QueryOutcome) -> None:
    story = watching([Missing(), late, Closed()]).run(until_s=2000)
    assert story.log[:3] == [(60, "watch_query"), (300, "watch_query"), (300, "reverse")]
    assert story.attempt.state is S.REVERSED
    assert story.attempt.detail == "late"


def test_a_watched_order_whose_sum_is_not_told_is_asked_again() -> None:
    story = watching([Returned(PAID), Returned(PAID, 1234)]).run(until_s=100)
    assert story.log == [(60, "watch_query"), (90, "watch_query")]
    assert story.attempt.watched == 1


def test_a_watched_order_that_is_back_already_stays_ended() -> None:
    story = watching([Returned(PAID, 1234)]).run(until_s=100)
    assert story.attempt.state is S.REVERSED
    assert story.requests == ["watch_query"]


# ---------------------------------------------------------------- M6 and M8, whatever is said

QUERIES = st.sampled_from([OPEN, CONFIRMING, Missing(), Unknown("x"), Contradiction("amount")])


@pytest.mark.parametrize(("wallet", "bound_s"), [(Wallet.WECHAT, 60), (Wallet.ALIPAY, 75)])
@given(
    told=st.lists(QUERIES, max_size=25),
    state=st.sampled_from([S.WAITING, S.UNKNOWN]),
    wish=st.none() | st.floats(1, 70),
)
def test_every_doubt_ends_in_time(
    wallet: Wallet,
    bound_s: float,
    told: list[QueryOutcome],
    state: AttemptState,
    wish: float | None,
) -> None:
    """M6: the provider answers within 1 s and refuses no reverse; after the reverse it agrees."""

    class Agreeing(Story):
        def _hear(self, call: Call) -> None:
            if self.times("reverse") and call is not Call.REVERSE:
                self.queries = [Closed()]
            super()._hear(call)

    story = Agreeing(wallet, state, [*told, OPEN], wish_at_s=wish).run()
    assert 0 < story.ended_s <= bound_s


ANY_QUERY = QUERIES | st.sampled_from(
    [PAID, Closed(), PayFailed(), Returned(PAID, 1234), Returned(PAID, 1), Returned(PAID)]
)
ANY_REVERSE = st.sampled_from(
    [Accepted(), Missing(), Later("x"), Refused("x"), WindowOver("x"), Unknown("x")]
)


@given(
    wallet=st.sampled_from(Wallet),
    state=st.sampled_from([S.WAITING, S.UNKNOWN, S.REVERSING]),
    told=st.lists(ANY_QUERY, min_size=1, max_size=30),
    reversed_=st.lists(ANY_REVERSE, min_size=1, max_size=10),
    answer_s=st.sampled_from([0.0, 0.5, 1.0, 10.0]),
    wish=st.none() | st.floats(1, 70),
)
def test_a_reverse_always_follows_a_query_and_never_comes_within_15_s(  # noqa: PLR0913  one world
    wallet: Wallet,
    state: AttemptState,
    told: list[QueryOutcome],
    reversed_: list[ReverseOutcome],
    answer_s: float,
    wish: float | None,
) -> None:
    """M8, M7, and no answer makes an illegal event."""
    story = Story(wallet, state, told, reversed_, answer_s, wish).run(until_s=300)
    for (_, before), (at_s, what) in pairwise(story.log):
        if what == "reverse":
            assert before.endswith("query")
            assert at_s >= TIMES[wallet].reverse_not_before
    assert story.requests[:1] != ["reverse"]
