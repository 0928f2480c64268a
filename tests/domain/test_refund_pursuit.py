"""When a refund is sent, asked about and given to a person (payment-states §2)."""

from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest

from device.domain.outcome import (
    Later,
    Missing,
    Refunded,
    RefundFailed,
    RefundOutcome,
    RefundPending,
    RefundStuck,
    Unknown,
    WindowOver,
)
from device.domain.refund import Refund, RefundEvent, RefundKind, RefundState, step
from device.domain.refund_pursuit import (
    RefundCall,
    RefundTrail,
    heard_refund,
    next_refund_call,
    sent,
)
from device.domain.words import Reason, Wallet

DAY_S = 86400.0
DONE = Refunded("50", 300)


@dataclass
class Story:
    """One refund in recovery's hands, on a clock that jumps."""

    answers: list[RefundOutcome]
    """To sends and queries alike, the last one for ever."""
    state: RefundState = RefundState.REQUESTED
    log: list[tuple[float, str]] = field(default_factory=list)
    now_s: float = 0.0

    def __post_init__(self) -> None:
        kind, wallet = RefundKind.REFUND, Wallet.WECHAT
        self.refund = Refund("R1", kind, wallet, "M", "RA", 300, 1000, state=self.state)
        self.trail = RefundTrail(0.0)

    def run(self, until_s: float = 60.0) -> "Story":
        while True:
            call, due_s = next_refund_call(self.refund, self.trail, self.now_s)
            self.now_s = max(self.now_s, due_s)
            if call is RefundCall.NOTHING or self.now_s > until_s:
                return self
            self.log.append((self.now_s, call.value))
            self._make(call)

    def _make(self, call: RefundCall) -> None:
        if call is RefundCall.LOOK:
            self.trail = replace(self.trail, looked=True)
            return
        if call is RefundCall.GIVE_UP:
            self.refund = step(self.refund, RefundEvent.STUCK)
            return
        if call is RefundCall.SEND:
            self.refund, self.trail = step(self.refund, RefundEvent.SEND), sent(self.trail)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.trail, event, facts = heard_refund(self.trail, answer, self.now_s)
        if event:
            self.refund = step(self.refund, event, reason=facts.reason, detail=facts.detail)

    def times(self, call: str) -> list[float]:
        return [at for at, what in self.log if what == call]


def test_look_send_ask() -> None:
    story = Story([RefundPending(), RefundPending(), DONE]).run()
    assert story.log == [(0, "look"), (0, "send"), (1, "query"), (3, "query")]
    assert story.refund.state is RefundState.REFUNDED


def test_the_order_is_looked_at_before_each_send_and_at_no_other_time() -> None:
    story = Story([Later("BUSY")]).run(DAY_S)
    assert story.times("look") == story.times("send")
    assert Story([DONE], RefundState.SENT).run().times("look") == []


@pytest.mark.parametrize("state", [RefundState.SENT, RefundState.PENDING])
def test_after_a_boot_it_is_asked_about_first(state: RefundState) -> None:
    assert Story([DONE], state).run().log == [(0, "query")]


@pytest.mark.parametrize("answer", [Later("SYSTEMERROR"), Missing()])
def test_the_same_again_after_1_5_15_60_min_then_hourly(answer: RefundOutcome) -> None:
    at = Story([answer]).run(DAY_S).times("send")
    gaps = [b - a for a, b in pairwise(at)]
    assert gaps[:6] == [60, 300, 900, 3600, 3600, 3600]
    assert set(gaps[6:]) == {3600}


def test_a_lost_answer_is_asked_about_and_not_sent_again() -> None:
    story = Story([Unknown("timeout"), DONE]).run()
    assert [what for _, what in story.log] == ["look", "send", "query"]


def test_a_lost_request_is_sent_again() -> None:
    story = Story([Unknown("timeout"), Missing(), DONE]).run(120)
    assert [what for _, what in story.log] == ["look", "send", "query", "look", "send"]


def test_a_pending_refund_is_asked_about_ever_more_rarely() -> None:
    at = Story([RefundPending()]).run(DAY_S).times("query")
    gaps = [b - a for a, b in pairwise(at)]
    assert gaps[:4] == [2, 5, 10, 30]
    assert gaps == sorted(gaps)
    assert gaps[-1] == 3600


@pytest.mark.parametrize("answer", [Later("NOTENOUGH"), RefundPending(), Unknown("x"), Missing()])
def test_after_seven_days_a_person_is_called_and_nothing_is_sent(answer: RefundOutcome) -> None:
    story = Story([answer]).run(30 * DAY_S)
    assert story.refund.state is RefundState.MANUAL
    assert story.log[-1][1] == "give_up"
    assert 7 * DAY_S <= story.log[-1][0] <= 7 * DAY_S + 3600


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        (RefundFailed(Reason.PAYER_ACCOUNT, "X"), RefundState.FAILED, Reason.PAYER_ACCOUNT),
        (WindowOver("X"), RefundState.FAILED, Reason.WINDOW_CLOSED),
        (RefundStuck("CHANGE"), RefundState.MANUAL, Reason.MANUAL),
        (DONE, RefundState.REFUNDED, Reason.NONE),
    ],
)
def test_an_end_is_an_end(answer: RefundOutcome, state: RefundState, reason: Reason) -> None:
    story = Story([answer]).run(DAY_S)
    assert (story.refund.state, story.refund.reason) == (state, reason)
    assert len(story.log) == 2


def test_why_it_waits_is_told_while_it_waits() -> None:
    story = Story([Later("NOTENOUGH", Reason.BALANCE_SHORT)]).run(1)
    assert (story.refund.reason, story.refund.detail) == (Reason.BALANCE_SHORT, "NOTENOUGH")
