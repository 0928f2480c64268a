"""A till: the desk's `step` driven by hand, with a journal made of dictionaries.

After every step the till checks what must hold whatever happens: nothing leaves for a provider
before its intent is on the synced disk (M2), no answer is sent that is not stored (M14), the same
(id, revision) is the same content, and success is not on the glass before it is on disk (M22).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from device.clock import BEIJING
from device.domain.answers import answers
from device.domain.charge import Charge, ChargeKey, ChargeState
from device.domain.desk.due import wake_at
from device.domain.desk.effects import (
    CallPay,
    Commit,
    Defer,
    Effect,
    Pursue,
    PursueRefund,
    Remind,
    TakeHisCode,
    Tell,
    TellStored,
)
from device.domain.desk.events import (
    Asked,
    BookingOverdue,
    Booted,
    Checked,
    Connection,
    DeskEvent,
    Drawn,
    PayAnswered,
    RefundReported,
    Reported,
    Scanned,
    Tick,
)
from device.domain.desk.flow import step
from device.domain.desk.model import Desk, Health, Settings
from device.domain.desk.rows import paid_number
from device.domain.desk.scan import code_hash
from device.domain.desk.view import screen_of
from device.domain.payment import NO_FACTS, OPEN_STATES, Attempt, AttemptEvent, AttemptState, Facts
from device.domain.record import (
    Change,
    Delivered,
    Event,
    Moment,
    Order,
    PutAnswer,
    PutAttempt,
    PutCharge,
    PutOrder,
    PutRefund,
    Stored,
    Ticket,
)
from device.domain.refund import OPEN_REFUNDS, Refund, RefundEvent, RefundState
from device.domain.replies import ErrorReply, RefundResult, Reply, Result
from device.domain.requests import (
    Confirm,
    Hello,
    Last,
    Pay,
    Query,
    RefundQuery,
    RefundRequest,
    Request,
    Reverse,
    Show,
    Status,
    Summary,
)
from device.domain.screens import PaidScreen, Screen
from device.domain.verdict import is_unbooked, paid_attempt
from device.domain.words import Business, Department, Wallet

if TYPE_CHECKING:
    from device.domain.outcome import PayOutcome

BOTH = frozenset(Wallet)
WECHAT_CODE = "134567890123456789"
ALIPAY_CODE = "287634438256643940"
GOOD = Health(configured=BOTH, verified=BOTH, reachable=BOTH)
SETTINGS = Settings("BOX-0001", "MZ-03", "MZ03", "市一医院", b"k" * 32)


class Books:
    """A journal in dictionaries. It refuses what the real one refuses."""

    def __init__(self) -> None:
        self.charges: dict[ChargeKey, Charge] = {}
        self.attempts: dict[str, tuple[ChargeKey, Attempt]] = {}
        self.orders: dict[str, PutOrder] = {}
        self.refunds: dict[str, Refund] = {}
        self.asked_at: dict[str, datetime] = {}
        """When each refund was put first."""
        self.answers: dict[tuple[str, str, int], Stored] = {}
        self.events: list[Event] = []
        self.lost = False
        """Events were lost, and with them revisions that the HIS was told (M25)."""

    def apply(self, change: Change, mono_s: float) -> None:
        for write in change:
            if isinstance(write, PutCharge):
                self.charges[write.charge.key] = replace(write.charge, attempts=())
            elif isinstance(write, PutAttempt):
                self.attempts[write.attempt.out_trade_no] = (write.key, write.attempt)
            elif isinstance(write, PutOrder):
                self.orders[write.out_trade_no] = write
            elif isinstance(write, PutRefund):
                self.refunds[write.refund.his_id] = write.refund
                self.asked_at.setdefault(write.refund.his_id, wall(mono_s))
            elif isinstance(write, Event):
                self.events.append(write)
            elif isinstance(write, PutAnswer):
                self._answer(write, mono_s)
            elif isinstance(write, Delivered):
                self._delivered(write)
        for order in map(self.order, self.orders):
            assert order
            assert order.refund_fen + order.elsewhere_fen <= order.amount_fen

    def _answer(self, write: PutAnswer, mono_s: float) -> None:
        place = (write.business_date, write.answer.id, write.answer.revision)
        held = self.answers.get(place)
        assert held is None or held.answer == write.answer, f"{place} has another meaning"
        newest = max((k[2] for k in self.answers if k[:2] == place[:2]), default=0)
        rises = write.answer.revision - newest
        assert held or rises == 1 or (rises > 1 and self.lost)
        self.answers[place] = Stored(
            write.business_date,
            write.answer,
            write.at,
            write.offer,
            delivered=False,
            this_boot=True,
            mono_s=mono_s,
        )

    def _delivered(self, write: Delivered) -> None:
        place = (write.business_date, write.id, write.revision)
        if place in self.answers:
            self.answers[place] = replace(self.answers[place], delivered=True)

    def charge(self, key: ChargeKey) -> Charge:
        own = [a for k, a in self.attempts.values() if k == key]
        return replace(self.charges[key], attempts=tuple(sorted(own, key=lambda a: a.number)))

    def ticket(self, date: str, his_id: str) -> Ticket | None:
        keys = [k for k in self.charges if (k.business_date, k.his_id) == (date, his_id)]
        charges = tuple(self.charge(k) for k in sorted(keys, key=lambda k: k.try_))
        refund = self.refunds.get(his_id) if not date else None
        if not charges and not refund:
            return None
        newest: dict[int | None, Stored] = {}
        for place in sorted(k for k in self.answers if k[:2] == (date, his_id)):
            newest[getattr(self.answers[place].answer, "try_", None)] = self.answers[place]
        stored = sorted(newest.values(), key=lambda s: s.answer.revision)
        last = stored[-1] if stored else None
        return Ticket(date, his_id, charges, refund, last, tuple(stored[:-1]))

    def order(self, number: str) -> Order | None:
        row = self.orders.get(number)
        if not row:
            return None
        own = [r for r in self.refunds.values() if r.out_trade_no == number]
        key = self.attempts[number][0] if number in self.attempts else None
        open_ = next((r for r in own if r.state in OPEN_REFUNDS), None)
        return Order(
            number,
            row.wallet,
            row.amount_fen,
            sum(r.amount_fen for r in own if r.state is not RefundState.FAILED),
            row.elsewhere_fen,
            key,
            open_.his_id if open_ else "",
            self.asked_at.get(open_.his_id) if open_ else None,
        )

    def tickets(self) -> list[Ticket]:
        places = {(k.business_date, k.his_id): None for k in self.charges}
        places |= {("", r): None for r in self.refunds}
        return [t for t in (self.ticket(*p) for p in places) if t]

    def unsettled(self) -> tuple[Ticket, ...]:
        def is_open(ticket: Ticket) -> bool:
            attempts = [a for c in ticket.charges for a in c.attempts]
            return (
                any(c.state is ChargeState.OPEN for c in ticket.charges)
                or any(a.state in OPEN_STATES or a.watch_due for a in attempts)
                or any(is_unbooked(c) for c in ticket.charges)
                or bool(ticket.refund and ticket.refund.state in OPEN_REFUNDS)
            )

        return tuple(t for t in self.tickets() if is_open(t))

    def undelivered(self) -> tuple[Stored, ...]:
        newest = [s for t in self.tickets() for s in answers(t)]
        return tuple(s for s in newest if s.offer and not s.delivered)

    def code_used(self, stored_hash: str) -> bool:
        return any(a.code_hash == stored_hash for _, a in self.attempts.values())


@dataclass
class Said:
    """A message that went out."""

    connection: int
    reply: Reply
    re: int | None


def wall(now_s: float) -> datetime:
    return datetime(2026, 11, 22, 9, 0, tzinfo=BEIJING) + timedelta(seconds=now_s - 1000.0)


@dataclass
class Till:
    """The desk with everything around it held still."""

    settings: Settings = SETTINGS
    now_s: float = 1000.0
    disk: Books = field(default_factory=Books)
    memory: Books = field(default_factory=Books)
    said: list[Said] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    """Of the last event."""
    calls: list[CallPay] = field(default_factory=list)
    """Every pay call ever made."""
    deferred: list[Change] = field(default_factory=list)
    due: list[DeskEvent] = field(default_factory=list)
    """What the shell would post next."""
    silent: set[int | None] = field(default_factory=set)
    """Connections that leave ENQ unanswered."""
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        self._re = count(1)
        self.desk = Desk(self.settings, GOOD)
        self.event(Connection(1, opened=True))

    # ------------------------------------------------------------ one event

    def event(self, event: DeskEvent) -> list[Said]:
        """Take one event and return what was said because of it."""
        mark = len(self.said)
        self.desk, effects = step(self.desk, event, self.moment())
        self.effects = list(effects)
        for effect in effects:
            self._perform(effect)
        self._check_glass()
        while self.due:
            self.event(self.due.pop())
        return self.said[mark:]

    def moment(self) -> Moment:
        return Moment(self.now_s, wall(self.now_s))

    def _perform(self, effect: Effect) -> None:
        if isinstance(effect, Defer):
            self.deferred.append(effect.change)
            self.memory.apply(effect.change, self.now_s)
        elif isinstance(effect, Commit):
            for change in [*self.deferred, effect.change]:
                self.disk.apply(change, self.now_s)
            self.memory.apply(effect.change, self.now_s)
            self.deferred.clear()
        elif isinstance(effect, CallPay):
            _, on_disk = self.disk.attempts[effect.attempt.out_trade_no]
            assert on_disk == effect.attempt  # M2
            assert on_disk.state is AttemptState.INTENDED
            self.calls.append(effect)
        elif isinstance(effect, Pursue):
            assert self.disk.attempts[effect.attempt.out_trade_no][1] == effect.attempt  # M2
        elif isinstance(effect, PursueRefund):
            assert self.disk.refunds[effect.refund.his_id] == effect.refund  # M2
        elif isinstance(effect, Tell):
            self._tell(effect)
        elif isinstance(effect, Remind):
            key = effect.key
            self.due.append(BookingOverdue(key, self.ticket(key.his_id, key.business_date)))
        elif isinstance(effect, TellStored):
            ticket = self.memory.ticket(*effect.id)
            assert ticket
            assert ticket.stored
            self._tell(Tell(effect.connection, ticket.stored.answer, effect.re))

    def _tell(self, tell: Tell) -> None:
        if isinstance(tell.reply, (Result, RefundResult)):  # M14
            date = getattr(tell.reply, "business_date", "")
            held = self.disk.answers[date, tell.reply.id, tell.reply.revision]
            assert held.answer == tell.reply
        self.said.append(Said(tell.connection, tell.reply, tell.re))

    def _check_glass(self) -> None:
        if isinstance(self.screen, PaidScreen):  # M22
            assert any(a.state is AttemptState.PAID for _, a in self.disk.attempts.values())

    # ------------------------------------------------------------ the HIS

    def ask(self, request: Request, connection: int = 1) -> Reply | None:
        """Send a request; return what answers it at once, if anything does."""
        re = next(self._re) % 255 + 1
        self.event(self._asked(Asked(connection, re, request)))
        answers = [s.reply for s in self.said if (s.connection, s.re) == (connection, re)]
        assert len(answers) <= 1
        return answers[0] if answers else None

    def again(self, asked: Asked) -> list[Said]:
        """Ask the desk again, after a look-up."""
        return self.event(self._asked(asked))

    def _asked(self, asked: Asked) -> Asked:
        request = asked.request
        asked = replace(asked, owner_silent=self.desk.owner in self.silent)
        if isinstance(request, (Hello, Status, Summary, Show)):
            return asked
        if isinstance(request, Last):
            newest = [s for s in self.memory.answers.values() if isinstance(s.answer, Result)]
            return replace(asked, last=newest[-1] if newest else None)
        if isinstance(request, (RefundRequest, Reverse)):
            return self._with_order(asked, request)
        date = "" if isinstance(request, RefundQuery) else request.business_date
        own = self.ticket(request.id, date)
        if isinstance(request, Confirm):
            order = self.memory.order(paid_number(own, request.try_))
            return replace(asked, ticket=own, order=order)
        return replace(asked, ticket=own)

    def _with_order(self, asked: Asked, request: RefundRequest | Reverse) -> Asked:
        number = getattr(request, "out_trade_no", "")
        pay = self.ticket(request.pay_id, request.business_date) if request.pay_id else None
        if pay:
            attempts = [a for c in pay.charges for a in c.attempts]
            paid = [a for a in map(paid_attempt, pay.charges) if a]
            number = next((a.out_trade_no for a in (*paid[-1:], *attempts[-1:])), "")
        order = self.memory.order(number) or asked.order
        if order and order.key and not pay:
            pay = self.ticket(order.key.his_id, order.key.business_date)
        return replace(asked, ticket=self.ticket(request.id), pay_ticket=pay, order=order)

    def ticket(self, his_id: str, date: str = "") -> Ticket | None:
        seat = self.desk.seat
        if seat and (seat.ticket.business_date, seat.ticket.his_id) == (date, his_id):
            return seat.ticket
        return self.memory.ticket(date, his_id)

    def result(self, his_id: str = "A", date: str = "", connection: int = 1) -> Result:
        """Query an id."""
        reply = self.ask(Query(his_id, business_date=date), connection)
        assert isinstance(reply, Result), reply
        return reply

    def error(self, request: Request, connection: int = 1) -> str:
        """Ask what must be answered with an error; return its code."""
        reply = self.ask(request, connection)
        assert isinstance(reply, ErrorReply), reply
        return reply.code.value

    # ------------------------------------------------------------ the story of a charge

    @staticmethod
    def pay(his_id: str = "A", fen: int = 1234, **more: Any) -> Pay:
        """A `pay` like the desk's hundred others, but for what is named."""
        plain = Pay(his_id, fen, Business.OUTPATIENT_FEE, Department.OUTPATIENT)
        return replace(plain, **more)

    def arm(self, his_id: str = "A", fen: int = 1234, **more: Any) -> Till:
        """`pay`, channels checked, amount drawn."""
        assert self.ask(self.pay(his_id, fen, **more)) is None
        return self.checked().drawn()

    def checked(self, wallets: frozenset[Wallet] = BOTH) -> Till:
        assert self.desk.seat
        charge = self.desk.seat.charge
        asked = frozenset({charge.wallet}) if charge.wallet else BOTH
        self.event(Checked(charge.key, wallets & asked))
        for effect in self.effects:
            if isinstance(effect, TakeHisCode):
                used = self._used(effect.code)
                self.event(Scanned(effect.code, used=used, by_his=effect.key))
        return self

    def drawn(self) -> Till:
        if self.desk.seat:
            self.event(Drawn(self.desk.seat.charge.key, self.now_s))
        return self

    def scan(self, text: str = WECHAT_CODE, first_key_s: float | None = None) -> Till:
        at_s = self.now_s if first_key_s is None else first_key_s
        self.event(Scanned(text, at_s, used=self._used(text)))
        return self

    def _used(self, text: str) -> bool:
        return self.memory.code_used(code_hash(self.desk, text))

    def answer(self, outcome: PayOutcome) -> list[Said]:
        """The provider answers the newest pay call."""
        return self.event(PayAnswered(self.calls[-1].attempt.out_trade_no, outcome))

    def report(
        self, event: AttemptEvent, facts: Facts = NO_FACTS, number: str | None = None
    ) -> list[Said]:
        """Recovery learned something; of the newest attempt unless told."""
        number = number or self.calls[-1].attempt.out_trade_no
        key, _ = self.memory.attempts[number]
        ticket = self.ticket(key.his_id, key.business_date)
        assert ticket
        order = self.memory.order(number)
        refund = self.memory.ticket("", order.open_refund_id) if order else None
        return self.event(Reported(ticket, number, event, facts, order, refund))

    def report_refund(
        self, his_id: str, event: RefundEvent, facts: Facts = NO_FACTS, number: str = ""
    ) -> list[Said]:
        ticket = self.memory.ticket("", his_id)
        assert ticket
        assert ticket.refund
        order = self.memory.order(ticket.refund.out_trade_no)
        assert order
        pay_id, date = ticket.refund.pay_id, ticket.refund.pay_date
        pay_ticket = self.ticket(pay_id, date) if pay_id else None
        return self.event(RefundReported(ticket, pay_ticket, order, event, facts, number))

    # ------------------------------------------------------------ time and power

    def wait(self, seconds: float) -> list[Said]:
        """Let time pass; every tick that the desk asked for comes."""
        mark, until = len(self.said), self.now_s + seconds
        for _ in range(1000):
            due = wake_at(self.desk, self.now_s)
            if due is None or due > until:
                break
            self.now_s = max(self.now_s, due)
            self.event(Tick())
        else:
            raise AssertionError("the desk never sleeps")
        self.now_s = until
        return self.said[mark:]

    def power_cut(self) -> Till:
        """Start again with what is on the synced disk, and nothing else."""
        after = Till(self.settings, 0.0, self.disk, copy.deepcopy(self.disk))
        after.desk = replace(after.desk, owner=None)
        for books in (after.disk, after.memory):
            books.answers = {
                k: replace(s, this_boot=False, mono_s=0.0) for k, s in books.answers.items()
            }
        after.calls = self.calls
        after.now_s = 0.0
        after.event(Booted(after.disk.unsettled(), after.disk.undelivered()))
        return after

    # ------------------------------------------------------------ what stands

    @property
    def screen(self) -> Screen:
        return screen_of(self.desk, self.now_s)

    def shows(self, kind: type[Screen]) -> bool:
        return isinstance(self.screen, kind)

    @property
    def number(self) -> str:
        """The newest order number."""
        return self.calls[-1].attempt.out_trade_no

    def attempt(self, number: str | None = None) -> Attempt:
        return self.disk.attempts[number or self.number][1]

    def charge(self, his_id: str = "A") -> Charge:
        ticket = self.disk.ticket("", his_id)
        assert ticket
        return ticket.charges[-1]

    def charge_revision(self, his_id: str = "A") -> int:
        ticket = self.ticket(his_id)
        assert ticket
        return ticket.revision

    def of(self, kind: type[Effect]) -> list[Effect]:
        """The effects of this kind of the last event."""
        return [e for e in self.effects if type(e) is kind]


@pytest.fixture
def till() -> Till:
    return Till()


@pytest.fixture(scope="session")
def new_till() -> type[Till]:
    """For hypothesis, which wants a new one for each example."""
    return Till
