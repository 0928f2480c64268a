"""Carrying out the centre's actions and taking lost events back, over fakes written by hand."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from device.clock import BEIJING
from device.domain.action import Action, ActionKind
from device.domain.chain import WireRow
from device.domain.charge import Charge, ChargeKey, ChargeState
from device.domain.desk.events import Concluded, Instructed, Recalled, SumTold
from device.domain.outcome import Closed, Missing, Paid, QueryOutcome, RefundSum, Returned, Unknown
from device.domain.payment import Attempt, AttemptEvent, AttemptState, Facts
from device.domain.record import Event, Order, Ticket
from device.domain.replies import ErrorReply
from device.domain.requests import RefundRequest, Reverse
from device.domain.words import Business, Department, ErrorCode, Wallet
from device.errors import StorageError, SyncError
from device.from_center import FromCenter, Ways
from device.journal import chain
from device.journal.chain import Link

NUMBER = "MZ03" + "A" * 28
KEY = ChargeKey("", "MZ1", 1)
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=BEIJING)
PAID = Paid("420", 1000)


@dataclass
class Memory:
    """A journal with one order, or without."""

    state: AttemptState = AttemptState.PAID
    known: bool = True
    own: bool = True
    refund_fen: int = 0
    done: set[str] = field(default_factory=set)

    async def acted(self, do_id: str) -> bool:
        return do_id in self.done

    async def order(self, out_trade_no: str) -> Order | None:
        key = KEY if self.own else None
        order = Order(out_trade_no, Wallet.WECHAT, 1000, self.refund_fen, 0, key)
        return order if self.known else None

    async def ticket(self, business_date: str, his_id: str) -> Ticket:
        attempt = Attempt(1, Wallet.WECHAT, NUMBER, 1000, "", self.state)
        place = Business.OUTPATIENT_FEE, Department.OUTPATIENT
        charge = Charge(KEY, 1000, *place, state=ChargeState.PAID, attempts=(attempt,))
        return Ticket(business_date, his_id, (charge,))


@dataclass
class Wallets:
    """A channel that says what it is told to."""

    says: QueryOutcome = PAID
    asked: list[str] = field(default_factory=list)

    async def query(self, out_trade_no: str, amount_fen: int | None = None) -> QueryOutcome:
        assert amount_fen == 1000
        self.asked.append(out_trade_no)
        return self.says

    async def refunded_sum(self, _: str) -> RefundSum:
        return RefundSum(234)


@dataclass
class Place:
    """Everything around, and what was brought to the desk."""

    memory: Memory = field(default_factory=Memory)
    wallet: Wallets = field(default_factory=Wallets)
    found: Order | ErrorReply = field(
        default_factory=lambda: ErrorReply(code=ErrorCode.NOT_FOUND, message="")
    )
    decided: list[Any] = field(default_factory=list)
    reported: list[tuple[AttemptEvent, Facts]] = field(default_factory=list)
    fails: Exception | None = None
    channels: bool = True

    def from_center(self) -> FromCenter:
        channels: Any = {Wallet.WECHAT: self.wallet} if self.channels else {}
        return FromCenter(Ways(self.memory, channels, self._decide, self._report, self._look_up))

    async def _decide(self, event: Any) -> None:
        if self.fails:
            raise self.fails
        self.decided.append(event)

    async def _report(
        self, key: ChargeKey, number: str, event: AttemptEvent, facts: Facts
    ) -> Attempt:
        assert (key, number) == (KEY, NUMBER)
        self.reported.append((event, facts))
        return Attempt(1, Wallet.WECHAT, NUMBER, 1000, "", AttemptState.REVERSING)

    async def _look_up(self, _: str) -> Order | ErrorReply:
        return self.found


async def carried(place: Place, kind: ActionKind, **more: Any) -> list[Any]:
    """Carry out one action to its end; return what was brought to the desk."""
    center = place.from_center()
    action = replace(Action("C-17", kind, NUMBER, 100, "王", "李"), **more)
    center.carry((action, action))
    await asyncio.gather(*center._under_way.values())
    return place.decided


# --- actions


async def test_a_query_tells_what_the_wallet_says() -> None:
    place = Place()
    (told, done) = await carried(place, ActionKind.QUERY)
    assert told == SumTold(NUMBER, 0)
    assert (done.state, done.channel, done.amount_fen) == ("paid", "wechat", 1000)
    assert place.wallet.asked == [NUMBER]


async def test_a_query_counts_what_others_gave_back() -> None:
    place = Place(wallet=Wallets(Returned(PAID, None)))
    (told, _) = await carried(place, ActionKind.QUERY)
    assert told == SumTold(NUMBER, 234)


@pytest.mark.parametrize("state", [AttemptState.FAILED, AttemptState.REVERSED])
async def test_money_that_landed_late_goes_back(state: AttemptState) -> None:
    place = Place(memory=Memory(state))
    await carried(place, ActionKind.QUERY)
    ((event, facts),) = place.reported
    assert (event, facts.detail) == (AttemptEvent.REVERSE_WANTED, "late")
    assert place.decided == []  # it is going back: the row comes when that has ended


async def test_an_order_that_ended_and_is_closed_is_left_alone() -> None:
    place = Place(memory=Memory(AttemptState.FAILED), wallet=Wallets(Closed()))
    (done,) = await carried(place, ActionKind.QUERY)
    assert (done.state, place.reported) == ("failed", [])


async def test_what_went_back_whole_is_no_late_money() -> None:
    told = Returned(PAID, 1000)
    place = Place(memory=Memory(AttemptState.REVERSED), wallet=Wallets(told))
    (done,) = await carried(place, ActionKind.QUERY)
    assert (done.state, place.reported) == ("reversed", [])


async def test_a_paid_order_that_was_refunded_whole_is_closed_and_no_person_s_matter() -> None:
    """Seed 26: the HIS was told `unknown` of a payment that was `returned`."""
    place = Place(memory=Memory(refund_fen=1000), wallet=Wallets(Closed()))
    (done,) = await carried(place, ActionKind.QUERY)
    assert (done.state, place.reported) == ("paid", [])


async def test_a_paid_order_that_the_wallet_calls_closed_is_a_person_s_matter() -> None:
    place = Place(wallet=Wallets(Closed()))
    await carried(place, ActionKind.QUERY)
    assert place.reported[0][0] is AttemptEvent.GIVE_UP


@pytest.mark.parametrize(
    "place",
    [
        Place(wallet=Wallets(Unknown("timeout"))),
        Place(channels=False),
        Place(memory=Memory(AttemptState.UNKNOWN)),
        Place(memory=Memory(known=False), found=ErrorReply(ErrorCode.OFFLINE, "")),
        Place(fails=StorageError("the disk")),
    ],
    ids=["no answer", "wallet off", "being asked", "nobody says", "disk"],
)
async def test_what_cannot_be_told_now_is_left_for_the_next_time(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert await carried(place, ActionKind.QUERY) == []
    assert "C-17" in caplog.text


async def test_a_fault_of_ours_in_one_action_is_heard(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        await carried(Place(fails=ValueError("a bug")), ActionKind.QUERY)
    assert "C-17 of the centre failed" in caplog.text


async def test_an_action_with_a_row_is_done() -> None:
    assert await carried(Place(memory=Memory(done={"C-17"})), ActionKind.REFUND) == []


async def test_a_refund_and_a_reverse_are_asked_for_as_a_his_would() -> None:
    (refund,) = await carried(Place(), ActionKind.REFUND)
    assert isinstance(refund, Instructed)
    assert refund.asked.request == RefundRequest(
        "*C-17", 100, out_trade_no=NUMBER, operator="王", do_id="C-17"
    )
    (reverse,) = await carried(Place(), ActionKind.REVERSE)
    assert reverse.asked.request == Reverse("*C-17", "MZ1", operator="王", do_id="C-17")


ELSEWHERE = Order(NUMBER, Wallet.ALIPAY, 1000, 0, 0)


async def test_another_desk_s_order_is_refunded_but_not_reversed() -> None:
    place = Place(memory=Memory(known=False), found=ELSEWHERE)
    (refund,) = await carried(place, ActionKind.REFUND)
    assert (refund.asked.order, refund.asked.looked_up) == (ELSEWHERE, True)
    place = Place(memory=Memory(known=False), found=ELSEWHERE)
    (refused,) = await carried(place, ActionKind.REVERSE)
    assert (refused.state, refused.reason) == ("refused", "not_found")


async def test_a_paid_order_that_nobody_here_asked_for_is_a_person_s_matter() -> None:
    place = Place(memory=Memory(known=False), found=ELSEWHERE)
    (done,) = await carried(place, ActionKind.QUERY)
    assert (done.state, done.channel, done.amount_fen) == ("manual", "alipay", 1000)


async def test_an_order_that_does_not_exist_is_said_so() -> None:
    (done,) = await carried(Place(memory=Memory(known=False)), ActionKind.QUERY)
    assert isinstance(done, Concluded)
    assert (done.state, done.reason) == ("refused", "not_found")


async def test_stopping_leaves_what_is_under_way_for_later() -> None:
    center = Place().from_center()
    center.carry((Action("C-17", ActionKind.QUERY, NUMBER),))
    await center.aclose()
    assert not center._under_way


# --- lost events


def rows(*told: Callable[[Event], Event]) -> tuple[WireRow, ...]:
    """Rows of one payment, each changed in its way."""
    plain = Event(NUMBER, "payment", "paid", "MZ-03", NOON, his_id="MZ1", out_trade_no=NUMBER)
    link, made = Link("9f3c"), []
    for change in told:
        row, link = chain.append(link, change(plain))
        made.append(row)
    return tuple(made)


def state(name: str, revision: int) -> Callable[[Event], Event]:
    return lambda event: replace(event, state=name, revision=revision)


async def test_only_the_newest_row_of_a_uid_is_taken_and_then_asked_about() -> None:
    place = Place()
    await place.from_center().recall(rows(state("intended", 1), state("paid", 2)))
    taken, told = place.decided
    assert isinstance(taken, Recalled)
    assert (taken.row["state"], taken.floor) == ("paid", 2)
    assert told == SumTold(NUMBER, 0)
    assert place.wallet.asked == [NUMBER]


async def test_revisions_go_on_above_those_of_every_try() -> None:
    place = Place(memory=Memory(AttemptState.UNKNOWN))
    await place.from_center().recall(
        rows(state("failed", 1), lambda e: replace(e, uid="MZ03-MZ1-2", kind="charge", revision=4))
    )
    assert [event.floor for event in place.decided] == [4, 4]


async def test_payments_come_before_their_refunds() -> None:
    place = Place()
    refund = lambda e: replace(e, uid="R1", kind="refund", his_id="TK1")  # noqa: E731  a row's change
    await place.from_center().recall(rows(refund, state("paid", 1)))
    kinds = [event.row["kind"] for event in place.decided if isinstance(event, Recalled)]
    assert kinds == ["payment", "refund"]


async def test_a_refund_of_another_desk_s_order_is_looked_up() -> None:
    place = Place(memory=Memory(known=False), found=ELSEWHERE)
    await place.from_center().recall(
        rows(lambda e: replace(e, uid="R1", kind="refund", his_id="TK1"))
    )
    (taken,) = place.decided
    assert taken.order == ELSEWHERE


@pytest.mark.parametrize("kind", ["payment", "refund"])
async def test_what_cannot_be_asked_now_leaves_the_rows_for_the_next_time(kind: str) -> None:
    known = kind == "payment"
    place = Place(memory=Memory(known=known), wallet=Wallets(Unknown("timeout")))
    with pytest.raises(SyncError, match="lost event 1"):
        await place.from_center().recall(rows(lambda e: replace(e, kind=kind)))


async def test_a_charge_that_was_never_sent_is_not_asked_about() -> None:
    place = Place(wallet=Wallets(Missing()))
    await place.from_center().recall(
        rows(lambda e: replace(e, uid="MZ03-MZ1-1", kind="charge", out_trade_no=""))
    )
    assert len(place.decided) == 1
    assert place.wallet.asked == []
