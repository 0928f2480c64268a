# ruff: noqa: D102, ARG002  `Checker` says what each hook is told; a judge takes what it needs
"""Who holds what: the providers' books beside the journal's and the HIS's (M1, M3-M5, M9, M24)."""

from collections import Counter

from simulators.gateway.clock import beijing
from simulators.gateway.model import State, Wallet
from simulators.world.bill import landed_unheard
from simulators.world.checkers.checker import Checker, Fields
from simulators.world.view import NAME
from simulators.world.wire import Sent

NOT_PAID = (
    f"SELECT 1 FROM answers WHERE {NAME} = ? AND try = ? AND type = 'result'"  # noqa: S608  a constant
    " AND status = 'not_paid' LIMIT 1"
)
STILL_OPEN = (
    "SELECT (SELECT max(revision) FROM answers n WHERE n.his_id = a.his_id AND n.business_date ="  # noqa: S608  a constant
    f" a.business_date), state FROM attempts a WHERE {NAME} = ? AND try = ? AND state IN"
    " ('intended','waiting','unknown','reversing','refund_due','refunding') LIMIT 1"
)


class AtMostOnePaid(Checker):
    """M1: for one id, over all tries, at most one order is paid and not given back."""

    invariant = "M1"

    def on_paid(self, number: str) -> None:
        view, key = self.view, self.view.keys.get(number)
        if key is None:
            return
        numbers = sorted(view.numbers[key.his_id] - view.met_nothing)
        held = [n for n in numbers if self._held(n)]
        if len(held) > 1:
            self.blame(f"{key.his_id} is paid {len(held)} times: {', '.join(held)}")

    def _held(self, number: str) -> bool:
        trades = (self.view.book.find(wallet, number) for wallet in Wallet)
        return any(self.view.held_fen(t) > 0 for t in trades if t)

    def at_end(self) -> None:
        held: Counter[str] = Counter()
        answers = self.view.answers()
        told = {n for n, key in self.view.with_a_person().items() if answers[key]["attention"]}
        apart = landed_unheard(self.view).keys() | told
        for number, trade in self.view.trades():
            key = self.view.keys.get(number)
            if key and number not in apart and self.view.held_fen(trade) > 0:
                held[key.his_id] += 1
        for his_id, count in held.items():
            if count > 1:
                self.blame(f"{his_id} ends paid {count} times")


class PaidIsPaid(Checker):
    """M3: what is said to be paid is held by the provider, with the same fen."""

    invariant = "M3"

    def on_said(self, connection: str, message: Fields) -> None:
        if message.get("type") == "result" and message.get("status") == "paid":
            sql = "SELECT max(revision) FROM answers WHERE his_id = ? AND business_date = ?"
            date = message.get("business_date", "")
            newest = self.view.disk.rows(sql, message["id"], date)
            if newest and newest[0][0] == message["revision"]:
                self._held(message)

    def _held(self, message: Fields) -> None:
        trade = self.view.trade(message["out_trade_no"])
        if trade is None or trade.state is not State.PAID:
            state = trade.state if trade else "no order"
            self.blame(f"{message['id']} is said to be paid, the provider has {state}")
        elif trade.order.amount_fen != message["amount_fen"]:
            self.blame(f"{message['id']}: paid {trade.order.amount_fen} fen, said otherwise")

    def at_end(self) -> None:
        all_held, elsewhere = self.view.held(), self.view.given_elsewhere()
        for key, answer in self.view.answers().items():
            if answer["status"] != "paid":
                continue
            self._held(answer)
            held, said = all_held[key], answer["amount_fen"] - answer["refunded_fen"]
            if held != said and key not in elsewhere:
                self.blame(f"{key.his_id}/{key.try_}: {said} fen said, {held} fen held")


class NotPaidIsNotPaid(Checker):
    """M4: what is said to be not paid or returned is not held, and never paid any more."""

    invariant = "M4"

    def on_sent(self, sent: Sent) -> None:
        if sent.call != "pay":
            return
        key = self.view.keys.get(sent.out_trade_no)
        if key and self.view.disk.rows(NOT_PAID, key.his_id, key.try_):
            self.blame(f"{key.his_id}/{key.try_} was answered not_paid, and is collected")

    def on_said(self, connection: str, message: Fields) -> None:
        if message.get("type") != "result" or message["status"] != "not_paid":
            return
        name = f"{message.get('business_date', '')} {message['id']}".strip()
        rows = self.view.disk.rows(STILL_OPEN, name, message["try"])
        if rows and rows[0][0] == message["revision"]:
            self.blame(f"{name}/{message['try']} is told not_paid while it is {rows[0][1]}")

    def at_end(self) -> None:
        all_held = self.view.held()
        for key, answer in self.view.answers().items():
            held = all_held[key]
            if answer["status"] in {"not_paid", "returned"} and held:
                self.blame(f"{key.his_id}/{key.try_} is {answer['status']}, and {held} fen held")


class EveryOrderKnown(Checker):
    """M5: what a provider holds is in the journal, as money held or a person's business."""

    invariant = "M5"

    def on_paid(self, number: str) -> None:
        lost = self.view.lost | self.view.unasked
        if self.view.attempt(number) is None and number not in lost:
            self.blame(f"{number} is paid and not in the journal")

    def at_end(self) -> None:
        good = {"paid", "reversing", "refund_due", "refunding"}
        a_persons = self.view.with_a_person()
        for number, trade in self.view.trades():
            row = self.view.attempt(number)
            if number in a_persons or (row is None and number in self.view.lost):
                continue  # M20
            if self.view.held_fen(trade) and (row is None or row.state not in good):
                self.blame(f"{number} is paid, the journal says {row.state if row else 'nothing'}")


class LatePayGivenBack(Checker):
    """M9: what lands after a reverse that met nothing is found and given back."""

    invariant = "M9"

    def at_end(self) -> None:
        late = self.view.met_nothing - self.view.lost - self.view.with_a_person().keys()
        for number, trade in self.view.trades():
            if number in late and self.view.held_fen(trade):
                self.blame(f"{number} landed late and is still held")


class DaysAddUp(Checker):
    """M24: per Beijing day, paid less refunds is the same for provider, journal and HIS."""

    invariant = "M24"

    def at_end(self) -> None:
        provider, journal = self._provider(), self._journal()
        if provider != journal:
            self.blame(f"the provider has {dict(provider)}, the journal {dict(journal)}")
        his = self._his()
        if his != journal:
            self.blame(f"the journal has {dict(journal)}, the HIS was told {dict(his)}")

    def _apart(self) -> set[str]:
        """Items, never silent: a person's business, what another desk gave back, what M20 names."""
        unheard = landed_unheard(self.view).keys()
        return self.view.elsewhere | self.view.with_a_person().keys() | unheard

    def _provider(self) -> Counter[str]:
        days: Counter[str] = Counter()
        apart = self._apart()
        for number, trade in self.view.trades():
            held = self.view.held_fen(trade)
            if held and number not in apart:
                days[f"{beijing(trade.paid_at or 0):%Y-%m-%d}"] += held
        return days

    def _journal(self) -> Counter[str]:
        days: Counter[str] = Counter()
        sql = (
            "SELECT out_trade_no, substr(a.paid_at, 1, 10), a.amount_fen - o.elsewhere_fen"
            " - coalesce((SELECT sum(amount_fen) FROM refunds r WHERE"
            " r.out_trade_no = a.out_trade_no AND r.state = 'refunded'), 0)"
            " FROM attempts a JOIN orders o USING (out_trade_no) WHERE a.state = 'paid'"
        )
        apart = self._apart()
        for number, day, fen in self.view.disk.rows(sql):
            if fen and number not in apart:
                days[day] += fen
        return days

    def _his(self) -> Counter[str]:
        days: Counter[str] = Counter()
        apart = self._apart()
        for answer in self.view.answers().values():
            if answer["status"] == "paid" and answer["out_trade_no"] not in apart:
                fen = answer["amount_fen"] - answer["refunded_fen"]
                if fen:
                    days[answer.get("paid_at", "")[:10]] += fen
        return days
