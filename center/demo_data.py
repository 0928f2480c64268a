"""Invented transactions of a hospital, sent through the real ingest: for trying the pages.

Everything is drawn from one seed. Working days are fuller than weekends, mornings fuller than
afternoons; a few payments are declined, reversed or refunded, a few days are still open. Some
refunds are such as nobody should give: twice, too much, one cashier's many on a day.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from center.demo_traces import traces_of
from center.ledger.ingest import ingest
from center.ledger.rows import BEIJING
from center.ledger.words import Business, Department
from device.sync.wire import GENESIS, MAX_ROWS, Batch, row_hash

HOURS = (8, 8, 9, 9, 9, 10, 10, 10, 11, 11, 13, 14, 14, 15, 15, 16, 17)
OUTPATIENT = (
    (Business.OUTPATIENT_FEE, 12, (800, 45_000)),
    (Business.REGISTRATION, 6, (500, 5_000)),
    (Business.APPOINTMENT, 2, (500, 5_000)),
    (Business.OUTPATIENT_PREPAY, 1, (10_000, 100_000)),
)
INPATIENT = (
    (Business.INPATIENT_DEPOSIT, 4, (100_000, 500_000)),
    (Business.INPATIENT_PREPAY, 3, (50_000, 300_000)),
    (Business.INPATIENT_SETTLEMENT, 2, (5_000, 800_000)),
)
DECLINED = ("declined_balance", "declined_limit", "declined_code", "payer_timeout")


@dataclass(slots=True)
class _DemoBox:
    """One box: its chain of rows."""

    number: int
    random: random.Random
    seq: int = 0
    last: str = GENESIS
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def inpatient(self) -> bool:
        return self.number % 4 == 0

    @property
    def id(self) -> str:
        return f"BOX-{self.number:04d}"

    @property
    def desk(self) -> str:
        return f"{'ZY' if self.inpatient else 'MZ'}-{self.number:02d}"

    def add(self, at: datetime, **values: Any) -> None:
        """Append one row to the chain."""
        self.seq += 1
        row: dict[str, Any] = {
            "seq": self.seq,
            "uid": "",
            "kind": "payment",
            "state": "",
            "reason": "",
            "ref": "",
            "channel": "",
            "desk": self.desk,
            "business": "",
            "business_date": "",
            "department": Department.INPATIENT if self.inpatient else Department.OUTPATIENT,
            "operator": "",
            "his_id": "",
            "try": 1,
            "attempt": 1,
            "revision": 1,
            "amount_fen": 0,
            "out_trade_no": "",
            "provider_trade_no": "",
            "out_refund_no": "",
            "payer_mask": "",
            "money_at": "",
            "at": at.isoformat(),
            "do_id": "",
            **values,
        }
        row = {k: str(v) if isinstance(v, str) else v for k, v in row.items()}
        row |= {"prev": self.last, "hash": row_hash(self.last, row)}
        self.last = row["hash"]
        self.rows.append(row)

    def take(self) -> Iterator[list[dict[str, Any]]]:
        """The rows so far, in batches."""
        while self.rows:
            yield self.rows[:MAX_ROWS]
            del self.rows[:MAX_ROWS]


@dataclass(frozen=True, slots=True)
class Size:
    """How much to invent."""

    days: int
    boxes: int
    payments: int
    """About so many a box and working day."""
    seed: int = 1


def make(size: Size, today: date, progress: Callable[[int], None]) -> int:
    """Store the transactions of the days up to today; return how many rows."""
    count = 0
    for batch in batches(size, today):
        ingest(batch, datetime.now(BEIJING))
        count += len(batch.rows)
        progress(len(batch.rows))
    return count


def batches(size: Size, today: date) -> Iterator[Batch]:
    """Yield what the boxes would send, box after box."""
    for number in range(1, size.boxes + 1):
        box = _DemoBox(number, random.Random(f"{size.seed}-{number}"))  # noqa: S311  invented data
        for back in range(size.days - 1, -1, -1):
            _day(box, today - timedelta(days=back), size.payments, today)
        first, parts = 1, list(box.take())
        for rows in parts:
            traces = traces_of(rows) if rows is parts[-1] else ()
            told = (box.id, "1.0.0", f"demo{number:04d}", first, tuple(rows), _health(box))
            yield Batch(*told, traces=traces)
            first += len(rows)


PARTS = (
    ("scanner", "扫码枪已连接"),
    ("display", "已连接"),
    ("his_link", "HIS 已连接"),
    ("vpn", "wg0 已连接"),
    ("wechat", "已校验"),
    ("alipay", "已校验"),
    ("clock", "时间已校准"),
    ("disk", "剩余 5120 MB"),
    ("journal", "正常"),
)
FAULTS = {7: ("scanner", "fail", "扫码枪未连接"), 19: ("disk", "warn", "剩余 82 MB")}
"""By the number of the box."""
HASTY_BOX = 5


def _health(box: _DemoBox) -> dict[str, Any]:
    """What a box says of its parts, as real ones do; two of fifty have something the matter."""
    named, state, text = FAULTS.get(box.number, ("", "", ""))
    parts = [
        {"part": part, "state": state, "text": text}
        if part == named
        else {"part": part, "state": "ok", "text": good}
        for part, good in PARTS
    ]
    return {"parts": parts, "waiting": 0}


def _day(box: _DemoBox, day: date, payments: int, today: date) -> None:
    weekend = day.weekday() >= 5  # noqa: PLR2004  Saturday
    much = max(1, round(payments * (0.35 if weekend else 1.0) * box.random.uniform(0.8, 1.2)))
    now = datetime.now(BEIJING)
    draw = box.random
    times = (time(draw.choice(HOURS), draw.randrange(60), draw.randrange(60)) for _ in range(much))
    for at in sorted(datetime.combine(day, t, BEIJING) for t in times):
        if at < now:
            _payment(box, at, fresh=day == today, hasty=_hasty(box, day, today))


def _hasty(box: _DemoBox, day: date, today: date) -> bool:
    """A desk that gives back much, on the newest Wednesday that is over."""
    back = (today - day).days
    return box.number == HASTY_BOX and day.weekday() == 2 and 0 < back <= 7  # noqa: PLR2004  Wednesday, a week


def _payment(box: _DemoBox, at: datetime, *, fresh: bool, hasty: bool) -> None:
    draw = box.random
    kinds = INPATIENT if box.inpatient else OUTPATIENT
    business, _weight, (low, high) = draw.choices(kinds, [k[1] for k in kinds])[0]
    number = f"DM{box.number:02d}{draw.getrandbits(130):026X}"[:32]
    fen = draw.randrange(low, high, 10)
    told: dict[str, Any] = {
        "uid": number,
        "out_trade_no": number,
        "channel": draw.choices(("wechat", "alipay"), (7, 3))[0],
        "business": business,
        "operator": f"{100 + box.number * 3 + at.hour // 12:04d}",
        "his_id": f"{box.desk[:2]}{box.number:02d}{at:%Y%m%d}{box.seq:06d}",
        "amount_fen": fen,
    }
    box.add(at, **told, state="intended")
    luck = draw.random()
    later = at + timedelta(seconds=draw.randint(1, 20))
    if luck < 0.03:  # noqa: PLR2004  shares of luck, as the comment of each branch says
        box.add(later, **told, state="failed", reason=draw.choice(DECLINED), revision=2)
        return
    if luck < 0.035 or (fresh and luck < 0.045):  # noqa: PLR2004  nobody knows, then given back
        box.add(later, **told, state="unknown", revision=2)
        if not fresh:
            box.add(later, **told, state="reversing", revision=3)
            box.add(later, **told, state="reversed", reason="payer_timeout", revision=4)
        return
    provider = f"42000{at:%Y%m%d}{draw.getrandbits(50):015d}"
    mask = draw.choice(("张**", "李*", "王**", "o6***kQ", "138****0000"))
    paid = {"provider_trade_no": provider, "payer_mask": mask, "money_at": later.isoformat()}
    box.add(later, **told, **paid, state="paid", revision=2)
    if luck < 0.05:  # noqa: PLR2004  the HIS takes it back
        box.add(later, **told, **paid, state="reversing", revision=3)
        box.add(later, **told, **paid, state="reversed", revision=4)
        _refund(box, later, told, provider, fen)
    elif luck > (0.3 if hasty else 0.985):
        _give_back(box, later, told, provider, odd=12 if hasty else 4)


def _give_back(
    box: _DemoBox, paid_at: datetime, told: dict[str, Any], provider: str, *, odd: int
) -> None:
    """All of it, half of it; `odd` in a hundred the same twice, as many more than was paid."""
    paid, half = told["amount_fen"], max(1, told["amount_fen"] // 2)
    ways = ((paid,), (half,), (half, half), (paid, half))
    given = box.random.choices(ways, (66, 34 - 2 * odd, odd, odd))[0]
    for count, fen in enumerate(given):
        at = paid_at + timedelta(minutes=box.random.randint(3, 90))
        his_id = f"{count or ''}{told['his_id']}"
        _refund(box, at, told | {"his_id": his_id}, provider, fen)


def _refund(box: _DemoBox, at: datetime, told: dict[str, Any], provider: str, fen: int) -> None:
    number = "R" + f"{box.random.getrandbits(150):031X}"[:31]
    refund = {k: told[k] for k in ("channel", "business", "operator", "out_trade_no")} | {
        "uid": number,
        "out_refund_no": number,
        "ref": told["uid"],
        "amount_fen": fen,
        "his_id": f"T{told['his_id']}",
        "kind": "refund",
    }
    box.add(at, **refund, state="sent")
    box.add(
        at + timedelta(seconds=4),
        **refund,
        state="refunded",
        provider_trade_no=provider,
        money_at=(at + timedelta(seconds=4)).isoformat(),
        revision=2,
    )
