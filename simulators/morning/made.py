"""A hospital's days, invented from a seed: the journals of its boxes and what others wrote of them.

The rows are those of the sync wire, the bills and the HIS's lists are entries of
`simulators.differences`: both tell of the same money, as long as nothing is planted. Besides what
is plain there is what must not be called a break: reverses, a number that is collected again after
it was given back, a payment that the provider dates a day later, money that nobody paid.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from device.sync.wire import GENESIS, MAX_ROWS, Batch, row_hash
from simulators.differences import PAYMENT, REFUND, Entry
from simulators.gateway.clock import BEIJING
from simulators.morning.center import MANY
from simulators.morning.refunds import Refund

WALLETS = ("wechat", "alipay")
FIRST_DAY = date(2026, 3, 2)
BOXES = 3
BUSY = "9999"
"""A cashier who gives back more often than others."""
BLANK: Mapping[str, Any] = {
    **dict.fromkeys(("uid", "reason", "ref", "business_date", "out_trade_no", "do_id"), ""),
    **dict.fromkeys(("provider_trade_no", "out_refund_no", "payer_mask", "money_at"), ""),
    "kind": "payment",
    "department": "outpatient",
    "business": "outpatient_fee",
    "try": 1,
    "attempt": 1,
    "revision": 1,
}


@dataclass(frozen=True, slots=True)
class Size:
    """How much to invent, of each wallet and day."""

    days: int = 4
    plain: int = 60
    refunded: int = 40
    """Of the plain payments, in part."""
    odd: int = 9
    """Of each thing that looks like a difference and is none."""


Lists = defaultdict[tuple[str, date], list[Entry]]


@dataclass(slots=True)
class Made:
    """The invented days."""

    days: list[date]
    journals: list["Journal"]
    bills: Lists = field(default_factory=lambda: defaultdict(list))
    his: Lists = field(default_factory=lambda: defaultdict(list))
    unpaid: Lists = field(default_factory=lambda: defaultdict(list))
    """Orders that nobody paid, as a bill would have them."""
    payments: dict[str, Entry] = field(default_factory=dict)
    """Every order of the journals, by its number."""
    refunds: defaultdict[date, list[Refund]] = field(default_factory=lambda: defaultdict(list))
    """What the journals gave back, by days."""
    unpaid_his: Lists = field(default_factory=lambda: defaultdict(list))
    """The same, as a HIS would."""


@dataclass(slots=True)
class Journal:
    """One box: its chain of rows."""

    number: int
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def box(self) -> str:
        """Its name."""
        return f"BOX-{self.number:04d}"

    def add(self, at: datetime, **values: Any) -> None:
        """Append one row."""
        seq = len(self.rows) + 1
        prev = self.rows[-1]["hash"] if self.rows else GENESIS
        desk = {"desk": f"MZ-{self.number:02d}", "operator": f"{self.number:04d}"}
        row = {**BLANK, **desk, "seq": seq, "at": at.isoformat(), **values}
        self.rows.append(row | {"prev": prev, "hash": row_hash(prev, row)})

    def batches(self) -> Iterator[Batch]:
        """What the box sends."""
        for start in range(0, len(self.rows), MAX_ROWS):
            rows = tuple(self.rows[start : start + MAX_ROWS])
            yield Batch(self.box, "1.0.0", f"made{self.number}", start + 1, rows, {})


def make(seed: int, size: Size) -> Made:
    """Invent; the same seed and size give the same days."""
    draw = random.Random(seed)  # noqa: S311  a replayable choice
    days = [FIRST_DAY + timedelta(days=n) for n in range(size.days)]
    made = Made(days, [Journal(n + 1) for n in range(BOXES)])
    for day in days:
        for wallet in WALLETS:
            _Till(made, draw, day, wallet).work(size)
    return made


@dataclass(slots=True)
class _Till:
    """One wallet on one day, at all boxes."""

    made: Made
    draw: random.Random
    day: date
    wallet: str

    def work(self, size: Size) -> None:
        """Take what the size says, in one order for every seed."""
        for number in range(size.plain):
            paid = self._pay(self._his_id(), self.draw.randint(200, 90_000))
            if number < size.refunded:
                busy = number <= MANY and self.wallet == WALLETS[0] and self._odd_day
                operator = BUSY if busy else f"{number:04d}"
                self._refund(paid, self.draw.randint(1, paid.fen - 1), operator=operator)
        for number in range(size.odd):
            self._reversed(asked_by_his=number % 2 == 0)
            self._again()
            self._unpaid()
            if self._odd_day:
                self._after_midnight()
                self._given_back_twice()
                self._given_back_too_much()

    @property
    def _odd_day(self) -> bool:
        """The last day has nothing that a person must see."""
        return self.day != self.made.days[-1]

    def _his_id(self) -> str:
        return f"MZ{self.draw.getrandbits(48):015d}"

    def _at(self) -> datetime:
        seconds = self.draw.randrange(8 * 3600, 17 * 3600)
        return datetime.combine(self.day, time(), BEIJING) + timedelta(seconds=seconds)

    def _row(self, entry: Entry, his_id: str, state: str, **values: Any) -> None:
        """Write it down at the box that its number names."""
        at = datetime.fromtimestamp(entry.at, BEIJING)
        money = {"money_at": at.isoformat()} if state in {"paid", "refunded"} else {}
        told = {
            "out_trade_no": entry.order,
            "channel": self.wallet,
            "provider_trade_no": entry.theirs,
        }
        self.made.journals[int(entry.order[3]) - 1].add(
            at, uid=entry.key, amount_fen=entry.fen, his_id=his_id, state=state,
            **told, **money, **values,
        )  # fmt: skip

    def _order(self, fen: int, at: datetime | None = None) -> Entry:
        """A new order of some box."""
        box = self.draw.randint(1, BOXES)
        number = f"MZ0{box}{self.draw.getrandbits(136):028X}"[:32]
        theirs = f"4200{self.draw.getrandbits(70):022d}"
        moment = (at or self._at()).timestamp()
        made = Entry(self.wallet, PAYMENT, number, number, fen, moment, theirs)
        self.made.payments[number] = made
        return made

    def _pay(self, his_id: str, fen: int, *, plain: bool = True) -> Entry:
        """A payment that all three know."""
        entry = replace(self._order(fen), plain=plain)
        self._row(entry, his_id, "intended")
        self._row(entry, his_id, "paid", revision=2)
        self._told(entry, his_id)
        return entry

    def _told(self, entry: Entry, his_id: str, day: date | None = None) -> None:
        """Provider and HIS have it too; the provider perhaps under another day."""
        self.made.bills[self.wallet, day or self.day].append(entry)
        self.made.his[self.wallet, self.day].append(replace(entry, key=his_id))

    def _refund(self, paid: Entry, fen: int, *, plain: bool = True, operator: str = "") -> None:
        """A refund that all three know."""
        number, his_id = f"R{self.draw.getrandbits(150):031X}"[:32], f"T{self._his_id()}"
        back = replace(
            paid, kind=REFUND, key=number, fen=fen, plain=plain, their_refund=f"50{number}"[:32]
        )
        who = operator or f"T{self.draw.randrange(200):03d}"
        told = {"kind": "refund", "out_refund_no": number, "ref": paid.order, "operator": who}
        self.made.refunds[self.day].append(Refund(back, who))
        self._row(back, his_id, "sent", **told)
        self._row(back, his_id, "refunded", revision=2, **told)
        self._told(back, his_id)

    def _reversed(self, *, asked_by_his: bool) -> None:
        """Paid, then undone: the provider's own number stands for what was given back."""
        his_id, undo_id = self._his_id(), f"V{self._his_id()}"
        entry = replace(self._order(self.draw.randint(200, 90_000)), plain=False)
        for revision, state in enumerate(("intended", "unknown", "reversing", "reversed"), 1):
            self._row(entry, his_id, state, revision=revision)
        own = f"50{entry.theirs}"[:32]
        back = replace(entry, kind=REFUND, key=own, their_refund=own)
        self.made.bills[self.wallet, self.day] += [entry, back]
        if asked_by_his:
            undo = replace(back, key=f"R{self.draw.getrandbits(150):031X}"[:32])
            told = {"kind": "refund", "out_refund_no": undo.key, "ref": entry.order}
            self._row(undo, undo_id, "refunded", **told)
            booked = [replace(entry, key=his_id), replace(back, key=undo_id)]
            self.made.his[self.wallet, self.day] += booked

    def _again(self) -> None:
        """One number of the HIS: collected, given back whole, collected again."""
        his_id = self._his_id()
        first = self._pay(his_id, self.draw.randint(200, 90_000), plain=True)
        self._refund(first, first.fen, plain=False)
        self._pay(his_id, first.fen + 1)

    def _given_back_twice(self) -> None:
        """The same amount under two numbers, and everybody knows of both."""
        paid = self._pay(self._his_id(), self.draw.randint(400, 90_000), plain=False)
        fen = self.draw.randint(1, paid.fen // 2)
        for _ in range(2):
            self._refund(paid, fen, plain=False)

    def _given_back_too_much(self) -> None:
        """More than was paid, which no provider allows and a list must still not hide."""
        paid = self._pay(self._his_id(), self.draw.randint(400, 90_000), plain=False)
        for fen in (paid.fen, self.draw.randint(1, 300)):
            self._refund(paid, fen, plain=False)

    def _unpaid(self) -> None:
        his_id = self._his_id()
        entry = self._order(self.draw.randint(200, 90_000))
        for revision, state in enumerate(("intended", "failed"), 1):
            self._row(entry, his_id, state, revision=revision)
        self.made.unpaid[self.wallet, self.day].append(entry)
        self.made.unpaid_his[self.wallet, self.day].append(replace(entry, key=his_id))

    def _after_midnight(self) -> None:
        """Paid a second before midnight; the provider writes it down two seconds later."""
        his_id, midnight = self._his_id(), datetime.combine(self.day, time(), BEIJING)
        at = midnight + timedelta(days=1, seconds=-1)
        entry = replace(self._order(self.draw.randint(200, 90_000), at), plain=False)
        self._row(entry, his_id, "paid")
        later = replace(entry, at=entry.at + 2)
        self.made.bills[self.wallet, self.day + timedelta(days=1)].append(later)
        self.made.his[self.wallet, self.day].append(replace(entry, key=his_id))
