"""The provider's book: every trade, refund, payer code and arrival, in memory.

Nothing here runs by itself. Time passes when somebody looks: `find` first lets everything
happen that was due by then (a payer's answer, a timeout, a pay still on its way).
"""

import hashlib
import json
from typing import TYPE_CHECKING, Any

from simulators.gateway.clock import Clock, compact
from simulators.gateway.model import (
    Arrival,
    Comment,
    LatePay,
    PayerCode,
    PayerPlan,
    PayOrder,
    Refund,
    State,
    Trade,
    Wallet,
)
from simulators.gateway.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from simulators.differences import Entry

Change = dict[str, Any]
# A gateway that runs for days in a demo must not fill the memory with polls.
MAX_ARRIVALS = 200_000
NUMBER_DIGITS = 28  # of a provider's own numbers, in all samples
DATE_DIGITS = 8


class Book:
    """Trades by (wallet, out_trade_no). ``listeners`` are told of each change as a dict."""

    def __init__(self, clock: Clock, rules: Rules) -> None:
        self.clock = clock
        self.rules = rules
        self.trades: dict[tuple[Wallet, str], Trade] = {}
        self.codes: dict[str, PayerCode] = {}
        self.arrivals: list[Arrival] = []
        self.late: list[LatePay] = []
        self.comments: list[Comment] = []
        self.changed_bills: dict[tuple[Wallet, date], list[Entry]] = {}
        self.bill_links: dict[str, tuple[date, float]] = {}  # token to day and end of its life
        self.listeners: list[Callable[[Change], None]] = []
        self._numbers: dict[tuple[Wallet, str], str] = {}  # any other number to out_trade_no
        self._sequence = 0

    def clear(self) -> None:
        """Forget everything but the listeners."""
        tables = (self.trades, self.codes, self._numbers, self.changed_bills, self.bill_links)
        for table in tables:
            table.clear()
        for found in (self.arrivals, self.late, self.comments):
            found.clear()

    def next_no(self, prefix: str) -> str:
        """A provider's own number, 28 digits: prefix, Beijing date, digits that never repeat."""
        self._sequence += 1
        begins = prefix + compact(self.clock.now())[:DATE_DIGITS]
        return f"{begins}{self._sequence:0{NUMBER_DIGITS - len(begins)}d}"

    def arrived(self, wallet: Wallet, call: str, out_trade_no: str) -> None:
        """Write down that a request came, before anything else is decided about it."""
        sequence = self.arrivals[-1].sequence + 1 if self.arrivals else 1
        one = Arrival(sequence, self.clock.now(), wallet, call, out_trade_no)
        self.arrivals.append(one)
        del self.arrivals[:-MAX_ARRIVALS]
        self._tell("call", wallet=wallet, out_trade_no=out_trade_no, call=call)

    def find(self, wallet: Wallet, out_trade_no: str) -> Trade | None:
        """The trade as it is now."""
        self._land()
        trade = self.trades.get((wallet, out_trade_no))
        if trade is not None:
            self._age(trade)
        return trade

    def number_of(self, wallet: Wallet, number: str) -> str:
        """The out_trade_no of a provider's trade or refund number or a refund's own; or empty."""
        return self._numbers.get((wallet, number), "")

    def open(self, order: PayOrder, plan: PayerPlan | None = None) -> Trade:
        """Write a new trade, PAYING; it uses up the payer code."""
        now = self.clock.now()
        trade = Trade(
            order=order,
            trade_no=self.next_no("4200" if order.wallet is Wallet.WECHAT else ""),
            created_at=now,
            closes_at=now + self._life_s(order),
            plan=plan,
        )
        trade.history.append((now, trade.state))
        self.trades[order.wallet, order.out_trade_no] = trade
        self._numbers[order.wallet, trade.trade_no] = order.out_trade_no
        self.use_code(order)
        self._tell_state(trade)
        return trade

    def use_code(self, order: PayOrder) -> None:
        """From now on the code belongs to this order."""
        code = self.codes.setdefault(order.code, PayerCode(order.wallet))
        code.used_by = order.out_trade_no

    def move(self, trade: Trade, state: State, by: str = "", at: float | None = None) -> None:
        """One step of the state table, told to the listeners."""
        trade.become(state, self.clock.now() if at is None else at, by)
        self._tell_state(trade)

    def add_refund(self, trade: Trade, refund: Refund) -> None:
        """Accept a refund; the limits were checked by the cashier."""
        order = trade.order
        trade.refunds.append(refund)
        for number in (refund.number, refund.provider_no):
            self._numbers.setdefault((order.wallet, number), order.out_trade_no)
        self._tell(
            "refund",
            wallet=order.wallet,
            out_trade_no=order.out_trade_no,
            number=refund.number,
            amount_fen=refund.amount_fen,
        )

    def comment(self, trade: Trade, stars: int, text: str) -> Comment:
        """The payer says something; places rise, by steps that nobody can foresee."""
        self._sequence += 1
        step = 1 + int(fingerprint({"place": self._sequence})[:3], 16)
        place = (self.comments[-1].place if self.comments else 0) + step
        one = Comment(place, self.clock.now(), trade.trade_no, stars, text)
        self.comments.append(one)
        return one

    def reversed_nothing(self, wallet: Wallet, out_trade_no: str) -> None:
        """A reverse met no such order: a pay waiting for exactly that sets out now."""
        for late in self.late:
            if (late.order.wallet, late.order.out_trade_no) != (wallet, out_trade_no):
                continue
            if late.lands_at is None and late.after_reverse_s is not None:
                late.lands_at = self.clock.now() + late.after_reverse_s

    def settle(self) -> None:
        """Let everything happen that was due by now."""
        self._land()
        for trade in self.trades.values():
            self._age(trade)

    def _life_s(self, order: PayOrder) -> float:
        if order.wallet is Wallet.WECHAT:
            return self.rules.wechat_revoke_s
        return self.rules.alipay_timeout_s if order.timeout_s is None else order.timeout_s

    def _land(self) -> None:
        now = self.clock.now()
        due = [one for one in self.late if one.lands_at is not None and one.lands_at <= now]
        for late in due:  # all at first: who is told of one may look, and come here again
            self.late.remove(late)
        for late in due:
            if not self._can_land(late.order):
                continue
            trade = self.open(late.order, late.plan)
            if late.plan is None:
                self.move(trade, State.PAID)

    def _can_land(self, order: PayOrder) -> bool:
        code = self.codes.get(order.code)
        used = code is not None and code.used_by is not None
        return not used and (order.wallet, order.out_trade_no) not in self.trades

    def _age(self, trade: Trade) -> None:
        """The payer's answer or the timeout, whichever came first and is due."""
        now = self.clock.now()
        plan = trade.plan
        answers_at = plan.at if plan else None
        if (
            trade.state is State.PAYING
            and plan is not None
            and answers_at is not None
            and answers_at <= min(now, trade.closes_at)
        ):
            self.move(trade, State.PAID if plan.agrees else State.FAILED, "payer", answers_at)
        may_close = trade.state is State.PAYING or (
            trade.state is State.FAILED and trade.ended_by == "payer"
        )
        if may_close and trade.closes_at <= now:
            self.move(trade, State.CLOSED, "timeout", trade.closes_at)

    def _tell_state(self, trade: Trade) -> None:
        order = trade.order
        self._tell(
            "trade",
            wallet=order.wallet,
            out_trade_no=order.out_trade_no,
            amount_fen=order.amount_fen,
            state=trade.state,
            by=trade.ended_by,
        )

    def _tell(self, change: str, **facts: Any) -> None:
        if self.listeners:
            line = {"at": self.clock.now(), "change": change, **facts}
            for listener in self.listeners:
                listener(line)


def fingerprint(facts: dict[str, Any]) -> str:
    """Equal for equal facts: tells a repeated request from another one with the same number."""
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
