"""Every request in every phase has a defined answer; nothing that happens breaks what is sworn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.domain.answers import standing
from device.domain.booking import BookingState
from device.domain.desk.effects import CallPay, PursueRefund, TellHello, TellStatus
from device.domain.desk.events import Acknowledged, ButtonPressed, Closing, Connection, Garbled
from device.domain.outcome import Declined, Paid, PayerConfirming, Unknown
from device.domain.payment import TABLE, AttemptEvent, AttemptState, Facts
from device.domain.refund import OPEN_REFUNDS, REFUND_TABLE, RefundEvent, RefundState
from device.domain.replies import ErrorReply, Reply, Result
from device.domain.requests import (
    Cancel,
    Confirm,
    Hello,
    Last,
    Query,
    Received,
    RefundQuery,
    RefundRequest,
    Reverse,
    Status,
)
from device.domain.words import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from device.domain.charge import ChargeKey
    from tests.domain.desk.conftest import Till

WECHAT, ALIPAY = "134567890123456789", "287634438256643940"
PAID = Paid("42", 1234)
E, R = AttemptEvent, RefundEvent


def unknown(till: Till) -> None:
    till.arm().scan().answer(Unknown("timeout"))


def reversing(till: Till) -> None:
    unknown(till)
    till.report(E.DEADLINE)


def paid(till: Till) -> None:
    till.arm().scan().answer(PAID)


def returned(till: Till) -> None:
    paid(till)
    till.ask(Reverse("R0", "A"))
    till.report(E.AGREED)


def cancelled(till: Till) -> None:
    till.arm()
    till.ask(Cancel("A"))


def refunding(till: Till) -> None:
    paid(till)
    till.ask(Reverse("R0", "A"))
    till.report(E.PAID)
    till.report(E.WINDOW_OVER)


def manual(till: Till) -> None:
    unknown(till)
    till.report(E.GIVE_UP)


def checking(till: Till) -> None:
    till.ask(till.pay())


def offered(till: Till) -> None:
    till.arm(confirm=True).scan().answer(PAID)


def held(till: Till) -> None:
    offered(till)
    till.ask(Received("A", till.charge_revision()))
    till.wait(61)


def booked(till: Till) -> None:
    offered(till)
    till.ask(Confirm("A", booked=True))


def refused(till: Till) -> None:
    offered(till)
    till.ask(Confirm("A", booked=False))


PHASES: dict[str, Callable[[Till], object]] = {
    "no ticket": lambda _: None,
    "checking": checking,
    "armed": lambda till: till.arm(),
    "intended": lambda till: till.arm().scan(),
    "waiting": lambda till: till.arm().scan().answer(PayerConfirming()),
    "unknown": unknown,
    "reversing": reversing,
    "refunding": refunding,
    "paid": paid,
    "not_paid": cancelled,
    "returned": returned,
    "manual": manual,
    "offered": offered,
    "held": held,
    "booked": booked,
    "refused": refused,
}
# phase: what each request is answered; a status of a result, an error's code, or "" for nothing yet
EXPECTED: dict[str, dict[str, str]] = {
    "no ticket": {
        "pay": "",
        "cancel": "not_found",
        "query": "not_found",
        "reverse": "not_found",
        "refund": "not_found",
        "next try": "",
    },
    **{
        phase: {
            "pay": "unknown/armed",
            "cancel": "not_paid",
            "query": "unknown/armed",
            "reverse": "not_found",
            "refund": "not_found",
            "next try": "busy",
        }
        for phase in ("checking", "armed")
    },
    **{
        phase: {
            "pay": f"unknown/{state}",
            "cancel": f"unknown/{state}",
            "query": f"unknown/{state}",
            "reverse": "busy",
            "refund": "busy",
            "next try": "busy",
        }
        for phase, state in (
            ("intended", "paying"),
            ("waiting", "password"),
            ("unknown", "querying"),
            ("refunding", "reversing"),
        )
    },
    **{
        phase: {
            "pay": f"unknown/{phase}",
            "cancel": f"unknown/{phase}",
            "query": f"unknown/{phase}",
            "reverse": "conflict",
            "refund": "conflict",
            "next try": "busy",
        }
        for phase in ("reversing", "manual")
    },
    "paid": {
        "pay": "paid",
        "cancel": "paid",
        "query": "paid",
        "reverse": "",
        "refund": "",
        "next try": "conflict",
    },
    "not_paid": {
        "pay": "not_paid",
        "cancel": "not_paid",
        "query": "not_paid",
        "reverse": "not_found",
        "refund": "not_found",
        "next try": "",
    },
    "returned": {
        "pay": "returned",
        "cancel": "returned",
        "query": "returned",
        "reverse": "over_refund",
        "refund": "over_refund",
        "next try": "",
    },
}
PLAIN = {"confirm": "not_allowed", "deny": "not_allowed"}
EXPECTED = {phase: {**answers, **PLAIN} for phase, answers in EXPECTED.items()}
EXPECTED["no ticket"] |= {"confirm": "not_found", "deny": "not_found"}
EXPECTED |= {
    "offered": EXPECTED["paid"] | {"confirm": "paid", "deny": "unknown/reversing"},
    "held": EXPECTED["paid"] | {"confirm": "paid", "deny": "unknown/reversing"},
    "booked": EXPECTED["paid"] | {"confirm": "paid", "deny": "conflict"},
    "refused": EXPECTED["reversing"]
    | {"confirm": "unknown/reversing", "deny": "unknown/reversing"},
}
AT_DESK = {"checking": "", "armed": "", "intended": "busy", "waiting": "busy", "unknown": "busy"}
"""What a superseding `pay` is answered while a charge is at the desk; a plain one is busy."""
for phase, answers in EXPECTED.items():
    answers["supersede"] = AT_DESK.get(phase, "")
    answers["another"] = "busy" if phase in AT_DESK else ""
REQUESTS: dict[str, Callable[[Till], Any]] = {
    "pay": lambda till: till.pay(),
    "cancel": lambda _: Cancel("A"),
    "query": lambda _: Query("A"),
    "reverse": lambda _: Reverse("R1", "A"),
    "refund": lambda _: RefundRequest("R1", 100, pay_id="A"),
    "next try": lambda till: till.pay(try_=2),
    "confirm": lambda _: Confirm("A", booked=True),
    "deny": lambda _: Confirm("A", booked=False),
    "another": lambda till: till.pay("B"),
    "supersede": lambda till: till.pay("B", supersede=True),
}


def said(reply: Reply | None) -> str:
    if reply is None:
        return ""
    if isinstance(reply, ErrorReply):
        return reply.code.value
    assert isinstance(reply, Result)
    return f"{reply.status}/{reply.state}" if reply.state else reply.status


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize("phase", PHASES)
def test_every_request_in_every_phase(till: Till, phase: str, request_: str) -> None:
    PHASES[phase](till)
    calls = len(till.calls)
    assert said(till.ask(REQUESTS[request_](till))) == EXPECTED[phase][request_]
    assert len(till.calls) == calls, "no request but a scan reaches a provider's pay"


@pytest.mark.parametrize("phase", PHASES)
def test_looking_has_no_side_effect(till: Till, phase: str) -> None:
    PHASES[phase](till)
    till.ask(Query("A"))
    before = (till.desk, len(till.disk.events), dict(till.disk.attempts))
    till.ask(Status())
    assert [type(e) for e in till.effects] == [TellStatus]
    till.ask(Hello())
    assert [type(e) for e in till.effects] == [TellHello]
    till.ask(Last())
    assert said(till.ask(RefundQuery("NONE"))) == "not_found"
    assert till.ask(Received("NOBODY", 7)) is None
    assert before == (till.desk, len(till.disk.events), dict(till.disk.attempts))


# ---------------------------------------------------------------- whatever happens

OUTCOMES = st.sampled_from(
    [
        PAID,
        Paid("42", 1),
        PayerConfirming(),
        Unknown("x"),
        Declined(Reason.DECLINED_CODE),
        Declined(Reason.OFFLINE),
    ]
)
IDS = st.sampled_from(["A", "B"])
TRIES = st.integers(1, 3)
CONNECTIONS = st.sampled_from([1, 2])
FEN = st.sampled_from([1, 100, 617, 1234])
REFUND_IDS = st.sampled_from(["R1", "R2", "R3"])
PICK = st.integers(0, 50)
ACTIONS = st.one_of(
    st.tuples(st.just("pay"), IDS, TRIES, CONNECTIONS, st.booleans()),
    st.tuples(st.just("serve"), IDS, TRIES, OUTCOMES),
    st.tuples(st.just("serve"), IDS, TRIES, OUTCOMES),
    st.tuples(st.just("checked")),
    st.tuples(st.just("unreachable")),
    st.tuples(st.just("drawn")),
    st.tuples(st.just("scan"), st.integers(0, 9)),
    st.tuples(st.just("answer"), OUTCOMES),
    st.tuples(st.just("report"), PICK, PICK),
    st.tuples(st.just("report_refund"), PICK, PICK),
    st.tuples(st.just("cancel"), IDS, CONNECTIONS),
    st.tuples(st.just("query"), IDS, TRIES, CONNECTIONS),
    st.tuples(st.just("reverse"), REFUND_IDS, IDS, CONNECTIONS),
    st.tuples(st.just("refund"), REFUND_IDS, IDS, FEN, CONNECTIONS),
    st.tuples(st.just("received"), IDS, st.integers(1, 12)),
    st.tuples(st.just("confirm"), IDS, st.booleans(), CONNECTIONS),
    st.tuples(st.just("acknowledged"), PICK),
    st.tuples(st.just("silent"), CONNECTIONS),
    st.tuples(st.just("connection"), CONNECTIONS, st.booleans()),
    st.tuples(st.just("button")),
    st.tuples(st.just("garbled")),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 5.0, 31.0, 200.0, 4000.0])),
    st.tuples(st.just("power_cut")),
    st.tuples(st.just("sigterm")),
)


class World:
    """A till and the hands that do to it what hypothesis says."""

    def __init__(self, till: Till) -> None:
        self.till = till
        self.booked: set[tuple[str, int]] = set()
        """What the HIS was told is booked."""

    def act(self, action: tuple[Any, ...]) -> None:
        getattr(self, "do_" + action[0])(*action[1:])
        self.check()

    def do_pay(self, his_id: str, try_: int, connection: int, supersede: bool) -> None:  # noqa: FBT001  drawn
        """B is booked in two steps."""
        pay = self.till.pay(his_id, try_=try_, confirm=his_id == "B", supersede=supersede)
        self.till.ask(pay, connection)

    def do_serve(self, his_id: str, try_: int, outcome: Any) -> None:
        """A patient from the amount to the provider's first word, if the desk is free."""
        self.do_pay(his_id, try_, 1, False)  # noqa: FBT003  as drawn
        self.do_checked()
        self.do_drawn()
        self.till.scan(f"{134567890120000000 + len(self.till.calls)}")
        self.do_answer(outcome)

    def do_checked(self) -> None:
        if self.till.desk.seat:
            self.till.checked()

    def do_unreachable(self) -> None:
        if self.till.desk.seat:
            self.till.checked(frozenset())

    def do_drawn(self) -> None:
        self.till.drawn()

    def do_scan(self, n: int) -> None:
        self.till.scan(f"13456789012345678{n}" if n % 2 else f"28763443825664394{n}")

    def do_answer(self, outcome: Any) -> None:
        if self.till.calls:
            self.till.answer(outcome)

    def do_report(self, which: int, what: int) -> None:
        """Recovery's word about an attempt in its care, as the table allows."""
        cared = [
            (n, a)
            for n, (_, a) in self.till.memory.attempts.items()
            if a.state not in {AttemptState.INTENDED, AttemptState.PAID} and TABLE[a.state]
        ]
        cared = [(n, a) for n, a in cared if a.state not in ENDED or a.watch_due]
        if not cared:
            return
        number, attempt = cared[which % len(cared)]
        legal = sorted(set(TABLE[attempt.state]) & RECOVERY_S)
        if legal:
            self.till.report(legal[what % len(legal)], Facts(detail="x"), number)

    def do_report_refund(self, which: int, what: int) -> None:
        mine = [r for r in self.till.memory.refunds.values() if self._pursued(r.out_trade_no, r)]
        if mine:
            refund = mine[which % len(mine)]
            events = sorted(REFUND_TABLE[refund.state])
            self.till.report_refund(refund.his_id, events[what % len(events)])

    def _pursued(self, number: str, refund: Any) -> bool:
        _, attempt = self.till.memory.attempts[number]
        return refund.state in OPEN_REFUNDS and attempt.state is not AttemptState.REVERSING

    def do_cancel(self, his_id: str, connection: int) -> None:
        assert self.till.ask(Cancel(his_id), connection) is not None

    def do_query(self, his_id: str, try_: int, connection: int) -> None:
        assert self.till.ask(Query(his_id, try_), connection) is not None

    def do_reverse(self, his_id: str, pay_id: str, connection: int) -> None:
        self.till.ask(Reverse(his_id, pay_id), connection)

    def do_refund(self, his_id: str, pay_id: str, fen: int, connection: int) -> None:
        self.till.ask(RefundRequest(his_id, fen, pay_id=pay_id), connection)

    def do_received(self, his_id: str, revision: int) -> None:
        self.till.ask(Received(his_id, revision))

    def do_confirm(self, his_id: str, booked: bool, connection: int) -> None:  # noqa: FBT001  drawn
        reply = self.till.ask(Confirm(his_id, booked=booked), connection)
        assert reply is not None
        if isinstance(reply, Result) and reply.status == "paid" and reply.booked:
            self.booked.add((reply.id, reply.try_))

    def do_acknowledged(self, which: int) -> None:
        results = [s.reply for s in self.till.said if isinstance(s.reply, Result)]
        if results:
            self.till.event(Acknowledged(results[which % len(results)]))

    def do_silent(self, connection: int) -> None:
        self.till.silent ^= {connection}

    def do_connection(self, connection: int, opened: bool) -> None:  # noqa: FBT001  drawn
        self.till.event(Connection(connection, opened=opened))

    def do_button(self) -> None:
        self.till.event(ButtonPressed())

    def do_garbled(self) -> None:
        self.till.event(Garbled("overrun"))

    def do_wait(self, seconds: float) -> None:
        self.till.wait(seconds)

    def do_power_cut(self) -> None:
        self.till = self.till.power_cut()
        assert self.till.desk.unbooked.keys() == self._offered()
        pursued = [e.refund for e in self.till.effects if isinstance(e, PursueRefund)]
        assert all(self._pursued(r.out_trade_no, r) for r in pursued)
        assert self.till.of(CallPay) == []

    def do_sigterm(self) -> None:
        self.till.event(Closing())
        self.till = self.till.power_cut()

    def _offered(self) -> set[ChargeKey]:
        charges = [self.till.disk.charge(k) for k in self.till.disk.charges]
        return {
            c.key for c in charges if c.booking is BookingState.OFFERED and standing(c)[0] == "paid"
        }

    def check_bookings(self) -> None:
        """Nothing is booked that is not paid; what was booked is never forgotten."""
        for charge in (self.till.disk.charge(k) for k in self.till.disk.charges):
            if charge.booking in {BookingState.BOOKED, BookingState.REFUSED}:
                assert charge.answered_paid
            if charge.booking is BookingState.REFUSED:
                assert standing(charge)[0] != "paid"
            if (charge.key.his_id, charge.key.try_) in self.booked:
                assert charge.booking is BookingState.BOOKED
        waits = {k for k in self.till.desk.unbooked if k in self.till.disk.charges}
        assert waits == self._offered()

    def check(self) -> None:
        self.check_bookings()
        attempts = list(self.till.disk.attempts.values())
        for his_id in ("A", "B"):
            held = [a for k, a in attempts if k.his_id == his_id and a.state is AttemptState.PAID]
            assert len(held) <= 1  # M1
        under_way = [k for k, a in attempts if a.state is AttemptState.INTENDED]
        assert len(under_way) <= 1  # M13
        for place, stored in self.till.disk.answers.items():  # M3
            newest = max(r for d, i, r in self.till.disk.answers if (d, i) == place[:2])
            if place[2] == newest and getattr(stored.answer, "status", "") == "paid":
                assert isinstance(stored.answer, Result)
                on_disk = self.till.disk.attempts[stored.answer.out_trade_no][1]
                assert on_disk.state is AttemptState.PAID


ENDED = {AttemptState.FAILED, AttemptState.REVERSED}
RECOVERY_S = {
    E.PAID,
    E.CLOSED,
    E.OPEN,
    E.CONFIRMING,
    E.MISSING,
    E.PAY_FAILED,
    E.CONTRADICTION,
    E.DEADLINE,
    E.AGREED,
    E.GONE,
    E.REFUSED,
    E.WINDOW_OVER,
    E.WATCHED,
    E.REVERSE_WANTED,
    E.OVERDUE,
    E.GIVE_UP,
}
assert RefundState.REQUESTED in OPEN_REFUNDS


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_nothing_that_happens_breaks_what_is_sworn(new_till: Callable[[], Till], data: Any) -> None:
    world = World(new_till())
    for action in data.draw(st.lists(ACTIONS, min_size=20, max_size=60)):
        world.act(action)
