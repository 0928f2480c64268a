"""What the bank shows of the bills, changed from a seed. Knows neither box nor centre."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from simulators.differences import PAYMENT, Difference, Entry
from simulators.gateway.bills import fee_fen

PAIR = "bank"
DAY = timedelta(days=1)
LONG_AGO = timedelta(days=5)
"""A day of which no statement is fetched any more."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Money of one wallet that arrived, for the days that it settles."""

    wallet: str
    batch: str
    first: date
    last: date
    fen: int

    def record(self) -> dict[str, object]:
        """As a line of the bank's list."""
        return {
            "渠道": {"wechat": "微信", "alipay": "支付宝"}[self.wallet],
            "批次号": self.batch,
            "到账日期": (self.last + DAY).isoformat(),
            "金额（分）": str(self.fen),
            "结算起": self.first.isoformat(),
            "结算止": self.last.isoformat(),
        }


def net(wallet: str, bill: Iterable[Entry]) -> int:
    """What a wallet settles: WeChat gives the fee of a refund back, Alipay keeps it."""
    return sum(
        e.signed_fen - fee_fen(e.fen) if e.kind == PAYMENT
        else -e.fen + (fee_fen(e.fen) if wallet == "wechat" else 0)
        for e in bill
    )  # fmt: skip


def receipts(wallet: str, bills: Mapping[date, Sequence[Entry]]) -> list[Receipt]:
    """The true ones: WeChat day by day and two days in two parts, Alipay two days at once."""
    nets = {day: net(wallet, bill) for day, bill in sorted(bills.items())}
    days = list(nets)
    if wallet == "alipay" and len(days) > 2:  # noqa: PLR2004  so that one stays single
        both = Receipt(wallet, "A0", days[0], days[1], nets.pop(days[0]) + nets.pop(days[1]))
        return [both, *(Receipt(wallet, f"A{d}", d, d, fen) for d, fen in nets.items())]
    first = Receipt(wallet, f"{wallet}-half", days[0], days[0], nets[days[0]] // 2)
    rest = replace(first, batch=f"{wallet}-rest", fen=nets.pop(days[0]) - first.fen)
    return [first, rest, *(Receipt(wallet, f"{wallet}{d}", d, d, fen) for d, fen in nets.items())]


def plant(seed: int, true: Sequence[Receipt]) -> tuple[list[Receipt], list[Difference]]:
    """Change one, leave one of a single day out, invent one; how they must be named."""
    draw = random.Random(seed)  # noqa: S311  a replayable choice
    single = [one for one in true if [r.last for r in true].count(one.last) == 1]
    missing = draw.choice([one for one in single if one.first == one.last])
    other = draw.choice([one for one in single if one != missing])
    more = draw.choice((-1, 1)) * draw.randint(1, 9_999)
    changed = [
        replace(one, fen=one.fen + more) if one == other else one for one in true if one != missing
    ]
    early = min(one.first for one in true) - LONG_AGO
    invented = Receipt(other.wallet, f"{other.wallet}-odd", early, early, draw.randint(1, 9_999))
    return [*changed, invented], [
        _named("amount", other, more),
        _named("only_journal", missing, -missing.fen),
        _named("only_other", invented, invented.fen),
    ]


def _named(code: str, receipt: Receipt, fen: int) -> Difference:
    first, last = receipt.first, receipt.last
    key = f"{first}" if first == last else f"{first} – {last}"
    return Difference(code, receipt.wallet, PAYMENT, key, fen)
