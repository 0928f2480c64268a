"""The invariants of payment-states §4, each a judge beside the world.

Two-sided: what the box says is looked up in the providers' book, and what a provider holds is
looked up in the journal.
"""

# ruff: noqa: D102, ARG002  `Checker` says what each hook is told; a judge takes what it needs

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, ClassVar

from device.domain.screens import PaidScreen, Screen
from simulators.gateway.clock import beijing
from simulators.gateway.model import State
from simulators.world.view import Attempt, Key, View
from simulators.world.wire import Sent

GENESIS = "0" * 64
DIGITS = re.compile(rb"[0-9]{16,}")
UNDER_WAY = frozenset({"intended", "waiting", "unknown"})
OPEN = UNDER_WAY | {"reversing", "refund_due", "refunding"}
GOING = frozenset({"reversing", "reversed", "refund_due", "refunding", "refunded", "manual"})
REVERSE_NOT_BEFORE_S = 15.0
EPSILON_S = 1e-6
SHORTEST_CODE = 16  # digits of a payer code; shorter scans are garbage that proves nothing
Fields = Mapping[str, Any]


class Checker:
    """Sees everything; says what must not be."""

    invariant: ClassVar[str]

    def __init__(self, view: View) -> None:
        self.view = view

    def blame(self, text: str) -> None:
        """Note a violation of this invariant."""
        self.view.blame(self.invariant, text)

    def on_tried(self, sent: Sent) -> None:
        """The box wants to ask; the line may be down."""

    def on_sent(self, sent: Sent) -> None:
        """Bytes left the box."""

    def on_arrival(self, sent: Sent, row: Attempt | None) -> None:
        """A request reached a provider; `row`: the journal's committed attempt at that instant."""

    def on_paid(self, number: str) -> None:
        """A provider holds this order as paid from now on."""

    def on_said(self, connection: str, message: Fields) -> None:
        """The HIS got a message."""

    def on_show(self, screen: Screen) -> None:
        """The display is told to show this."""

    def at_end(self) -> None:
        """All faults are lifted and everything has had its time."""


class AtMostOnePaid(Checker):
    """M1: for one id, over all tries, at most one order is paid and not given back."""

    invariant = "M1"

    def on_paid(self, number: str) -> None:
        view, key = self.view, self.view.keys.get(number)
        if key is None:
            return
        numbers = (n for n, k in view.keys.items() if k.his_id == key.his_id)
        held = [n for n in numbers if n not in view.met_nothing and self._held(n)]
        if len(held) > 1:
            self.blame(f"{key.his_id} is paid {len(held)} times: {', '.join(held)}")

    def _held(self, number: str) -> bool:
        trades = (t for (_, n), t in self.view.book.trades.items() if n == number)
        return any(self.view.held_fen(t) > 0 for t in trades)

    def at_end(self) -> None:
        held: Counter[str] = Counter()
        for number, trade in self.view.trades():
            key = self.view.keys.get(number)
            if key and self.view.held_fen(trade) > 0:
                held[key.his_id] += 1
        for his_id, count in held.items():
            if count > 1:
                self.blame(f"{his_id} ends paid {count} times")


class IntentFirst(Checker):
    """M2: nothing that moves money arrives before its row is on the synced disk."""

    invariant = "M2"

    def on_sent(self, sent: Sent) -> None:
        if sent.call == "reverse" and self.view.disk.failing:
            self.view.from_memory.add(sent.out_trade_no)

    def on_arrival(self, sent: Sent, row: Attempt | None) -> None:
        if not sent.moves_money or sent.probe:
            return
        if not self.view.disk.all_synced:
            self.blame(f"{sent.call} {sent.out_trade_no} arrives while a commit is not synced")
        if sent.call == "refund":
            sql = "SELECT state FROM refunds WHERE out_refund_no = ?"
            if not self.view.disk.rows(sql, sent.out_refund_no):
                self.blame(f"refund {sent.out_refund_no} arrives without a row")
        elif row is None:
            self.blame(f"{sent.call} {sent.out_trade_no} arrives without a row")
        elif sent.call == "reverse" and row.state not in GOING and not self._may(sent):
            self.blame(f"reverse of {sent.out_trade_no} arrives while it is {row.state}")

    def _may(self, sent: Sent) -> bool:
        """On a failing disk a reverse runs from memory: the one exception (M21)."""
        return sent.out_trade_no in self.view.from_memory


class PaidIsPaid(Checker):
    """M3: what is said to be paid is held by the provider, with the same fen."""

    invariant = "M3"

    def on_said(self, connection: str, message: Fields) -> None:
        if message.get("type") == "result" and message.get("status") == "paid":
            sql = "SELECT max(revision) FROM answers WHERE his_id = ?"
            newest = self.view.disk.rows(sql, message["id"])
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
        for key, answer in self.view.answers().items():
            if answer["status"] != "paid":
                continue
            self._held(answer)
            held, said = self.view.held_of(key), answer["amount_fen"] - answer["refunded_fen"]
            if held != said:
                self.blame(f"{key.his_id}/{key.try_}: {said} fen said, {held} fen held")


class NotPaidIsNotPaid(Checker):
    """M4: what ends as not paid or returned is not held by the provider."""

    invariant = "M4"

    def at_end(self) -> None:
        for key, answer in self.view.answers().items():
            held = self.view.held_of(key)
            if answer["status"] in {"not_paid", "returned"} and held:
                self.blame(f"{key.his_id}/{key.try_} is {answer['status']}, and {held} fen held")


class EveryOrderKnown(Checker):
    """M5: what a provider holds is in the journal, as money held or a person's business."""

    invariant = "M5"

    def on_paid(self, number: str) -> None:
        if self.view.attempt(number) is None:
            self.blame(f"{number} is paid and not in the journal")

    def at_end(self) -> None:
        good = {"paid", "manual", "reversing", "refund_due", "refunding"}
        for number, trade in self.view.trades():
            row = self.view.attempt(number)
            if self.view.held_fen(trade) and (row is None or row.state not in good):
                self.blame(f"{number} is paid, the journal says {row.state if row else 'nothing'}")


class UnknownEnds(Checker):
    """M6: when all is well again nothing stays open, and the HIS has heard the end."""

    invariant = "M6"

    def at_end(self) -> None:
        for row in self.view.attempts():
            if row.state in OPEN:
                self.blame(f"{row.out_trade_no} ({row.his_id}) stays {row.state}")
        for his_id, state in self.view.disk.rows("SELECT his_id, state FROM refunds"):
            if state in {"requested", "sent", "pending"}:
                self.blame(f"refund {his_id} stays {state}")
        for key, answer in self.view.answers().items():
            if answer["status"] == "unknown" and answer.get("state") != "manual":
                self.blame(f"{key.his_id}/{key.try_} ends unknown/{answer.get('state')}")

    def in_time(self, number: str, left_s: float) -> None:
        """Called when an undisturbed attempt must have ended."""
        row = self.view.attempt(number)
        calm = number not in self.view.disturbed and self.view.disturbed_s < left_s
        if calm and row and row.state in OPEN:
            self.blame(f"{number} is {row.state} though nothing went wrong")


class NeverBackToPaid(Checker):
    """M7: reversing never goes back to paid."""

    invariant = "M7"

    def at_end(self) -> None:
        went: set[str] = set()
        sql = "SELECT uid, state FROM events WHERE kind = 'payment' ORDER BY id"
        for uid, state in self.view.disk.rows(sql):
            if state == "reversing":
                went.add(uid)
            elif uid in went and state in {"paid", *UNDER_WAY}:
                self.blame(f"{uid} was reversing and became {state}")


class ReverseFollowsQuery(Checker):
    """M8: a reverse is the next request after a query; WeChat's not within 15 s of its pay."""

    invariant = "M8"

    def on_tried(self, sent: Sent) -> None:
        before = self.view.last_sent.get(sent.out_trade_no)
        if sent.call == "reverse" and before != "query":
            self.blame(f"the reverse of {sent.out_trade_no} follows {before}")

    def on_sent(self, sent: Sent) -> None:
        if sent.call != "reverse":
            return
        number = sent.out_trade_no
        paid_s = self.view.pay_left_s.get(number)
        soon = paid_s is not None and sent.at_s - paid_s < REVERSE_NOT_BEFORE_S - EPSILON_S
        if sent.wallet == "wechat" and soon:
            self.blame(f"{number} is reversed {sent.at_s - (paid_s or 0):.1f} s after its pay")


class LatePayGivenBack(Checker):
    """M9: what lands after a reverse that met nothing is found and given back."""

    invariant = "M9"

    def at_end(self) -> None:
        for number, trade in self.view.trades():
            if number in self.view.met_nothing and self.view.held_fen(trade):
                row = self.view.attempt(number)
                if row is None or row.state != "manual":
                    self.blame(f"{number} landed late and is still held")


class OneAmount(Checker):
    """M10: the amount sent is what the HIS asked and what the glass showed."""

    invariant = "M10"

    def on_arrival(self, sent: Sent, row: Attempt | None) -> None:
        if sent.call != "pay":
            return
        shown = self.view.scans.glass.get(sent.code, set())
        wanted = self.view.wanted.get(Key(row.his_id, row.try_), set()) if row else set()
        if row and sent.amount_fen != row.amount_fen:
            self.blame(f"{sent.out_trade_no}: {sent.amount_fen} fen sent, journal has another")
        if row and sent.amount_fen not in wanted:
            self.blame(f"{sent.out_trade_no}: {sent.amount_fen} fen sent, {wanted} asked")
        if shown and sent.amount_fen not in shown:
            self.blame(f"{sent.out_trade_no}: {sent.amount_fen} fen sent, the glass had {shown}")


class OnlyArmedCodes(Checker):
    """M11: a code whose first key came while nothing was armed is never used."""

    invariant = "M11"

    def on_arrival(self, sent: Sent, row: Attempt | None) -> None:
        if sent.call == "pay" and not self.view.scans.glass.get(sent.code):
            self.blame(f"{sent.out_trade_no} uses a code that was shown for no amount")


class OneAttemptPerCode(Checker):
    """M12: one code is one attempt."""

    invariant = "M12"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._numbers: dict[str, set[str]] = defaultdict(set)

    def on_arrival(self, sent: Sent, row: Attempt | None) -> None:
        if sent.call == "pay":
            numbers = self._numbers[sent.code]
            numbers.add(sent.out_trade_no)
            if len(numbers) > 1:
                self.blame(f"one code pays {' and '.join(sorted(numbers))}")


class OneAtATime(Checker):
    """M13: at most one charge under way at the desk."""

    invariant = "M13"

    def on_sent(self, sent: Sent) -> None:
        if sent.call != "pay":
            return
        for row in self.view.open_attempts():
            number = row.out_trade_no
            ours = number in self.view.of_this_life and number != sent.out_trade_no
            if ours and row.state in UNDER_WAY:
                self.blame(f"{sent.out_trade_no} is sent while {number} is {row.state}")
        self.view.of_this_life.add(sent.out_trade_no)


class StoredAnswers(Checker):
    """M14: what is told was stored before, and a revision never changes its meaning."""

    invariant = "M14"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._told: dict[tuple[str, int], Fields] = {}

    def on_said(self, connection: str, message: Fields) -> None:
        if message.get("type") not in {"result", "refund_result"}:
            return
        said = {k: v for k, v in message.items() if k != "re"}
        if not said["revision"]:  # M21: a failing disk alone lets an answer go unstored
            if (said["status"], said["reason"]) != ("unknown", "storage_failed"):
                self.blame(f"{said['id']} was told {said['status']} without a revision")
            return
        place = (said["id"], said["revision"])
        if self._told.setdefault(place, said) != said:
            self.blame(f"{place} was told with two contents")
        sql = "SELECT content FROM answers WHERE his_id = ? AND revision = ?"
        stored = self.view.disk.rows(sql, *place)
        if not stored:
            self.blame(f"{place} was told and is not stored")
        elif json.loads(stored[0][0]) != said:
            self.blame(f"{place} was told otherwise than stored")


class ChainHolds(Checker):
    """M16, M17: events are gap-free and chained; none was ever changed or lost."""

    invariant = "M17"

    def at_end(self) -> None:
        rows = self.view.disk.rows("SELECT * FROM events ORDER BY id")
        columns = [r[1] for r in self.view.disk.rows("PRAGMA table_info(events)")]
        before = GENESIS
        for seq, values in enumerate(rows, 1):
            row = dict(zip(columns, values, strict=True))
            if row["seq"] != seq or row["prev"] != before:
                self.blame(f"event {row['id']} does not follow")
            before = _hash(row)
            if row["hash"] != before:
                self.blame(f"event {row['id']} was changed")


def _hash(row: Mapping[str, Any]) -> str:
    left = {k: v for k, v in row.items() if k not in {"id", "epoch", "prev", "hash"}}
    text = json.dumps(left, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256((row["prev"] + text).encode()).hexdigest()


class NothingLeaks(Checker):
    """M19: no payer code, key, patient name or number in the journal or a log."""

    invariant = "M19"
    secrets: tuple[str, ...] = ()

    def at_end(self) -> None:
        files = sorted(self.view.disk.directory.glob("life-*/*"))
        for file in files:
            if not file.name.endswith("-shm"):
                self._search(file.name, file.read_bytes())
        self._search("the log", "\n".join(self.view.logged).encode())

    def _search(self, place: str, content: bytes) -> None:
        codes = {c for c in self.view.scans.glass if len(c) >= SHORTEST_CODE}
        lengths = {len(code) for code in codes}
        for run in set(DIGITS.findall(content)):
            parts = {run[i : i + n].decode() for n in lengths for i in range(len(run) - n + 1)}
            if parts & codes:
                self.blame(f"{place} holds a payer code")
        for text in (*self.secrets, *self.view.scans.names):
            if text.encode() in content:
                self.blame(f"{place} holds something secret ({text[:1]}..., {len(text)})")


class NoEarlySuccess(Checker):
    """M22: success is not shown before paid is durable."""

    invariant = "M22"

    def on_show(self, screen: Screen) -> None:
        if isinstance(screen, PaidScreen):
            sql = "SELECT 1 FROM attempts WHERE state = 'paid' AND amount_fen = ?"
            if not self.view.disk.rows(sql, screen.amount_fen):
                self.blame(f"the display says paid {screen.amount_fen} before it is durable")


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

    def _manual(self) -> set[str]:
        """A person's business: an item, never silent."""
        return {r.out_trade_no for r in self.view.attempts() if r.state == "manual"}

    def _provider(self) -> Counter[str]:
        days: Counter[str] = Counter()
        manual = self._manual()
        for number, trade in self.view.trades():
            held = self.view.held_fen(trade)
            if held and number not in manual:
                days[f"{beijing(trade.paid_at or 0):%Y-%m-%d}"] += held
        return days

    def _journal(self) -> Counter[str]:
        days: Counter[str] = Counter()
        sql = (
            "SELECT substr(a.paid_at, 1, 10), a.amount_fen - coalesce((SELECT sum(amount_fen)"
            " FROM refunds r WHERE r.out_trade_no = a.out_trade_no AND r.state = 'refunded'), 0)"
            " FROM attempts a WHERE state = 'paid'"
        )
        for day, fen in self.view.disk.rows(sql):
            if fen:
                days[day] += fen
        return days

    def _his(self) -> Counter[str]:
        days: Counter[str] = Counter()
        for answer in self.view.answers().values():
            if answer["status"] == "paid":
                fen = answer["amount_fen"] - answer["refunded_fen"]
                if fen:
                    days[answer.get("paid_at", "")[:10]] += fen
        return days


CHECKERS: tuple[type[Checker], ...] = (
    AtMostOnePaid,
    IntentFirst,
    PaidIsPaid,
    NotPaidIsNotPaid,
    EveryOrderKnown,
    UnknownEnds,
    NeverBackToPaid,
    ReverseFollowsQuery,
    LatePayGivenBack,
    OneAmount,
    OnlyArmedCodes,
    OneAttemptPerCode,
    OneAtATime,
    StoredAnswers,
    ChainHolds,
    NothingLeaks,
    NoEarlySuccess,
    DaysAddUp,
)
ELSEWHERE: Mapping[str, str] = {
    "M15": "judged where the HIS asks: `cashier.py`",
    "M16": "gap-free with M17; exactly once at the centre: not yet (sync)",
    "M18": "the wall clock jumps as a fault; every other judge is the check",
    "M20": "not yet (a replaced card: the young journal)",
    "M21": "disk faults are played; that nothing new is armed: not yet (whole)",
    "M23": "not here (image and updates)",
    "M25": "not yet (sync)",
}
"""Invariants without a class of their own here, and why."""
