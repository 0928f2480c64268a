"""What the providers owe for a day or a batch of days, beside what arrived at the bank.

Owed is what the statement settles less its fee. Days without a receipt wait three days; several
receipts of the same days are one sum. A batch is named on its last day.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from center.ledger.words import Channel
from center.reconciliation.compare import Break, Code, Kind
from center.reconciliation.explain import BELIEVED, WAIT, Explained
from center.reconciliation.models import BankReceipt, BreakState, Pair, Run
from center.reconciliation.run import keep_run
from center.statements.models import StatementFile

CAUSES = {
    Code.ONLY_JOURNAL: "not_arrived_yet",
    Code.ONLY_OTHER: "no_statement_of_these_days",
    Code.AMOUNT: "other_amount_arrived",
}


@dataclass(frozen=True, slots=True)
class Settlement:
    """Days that are settled together."""

    channel: str
    first: date
    last: date

    @property
    def name(self) -> str:
        """E.g. `2026-11-20 – 2026-11-22`."""
        return f"{self.first}" if self.first == self.last else f"{self.first} – {self.last}"


def check_bank(day: date, now: datetime, today: date) -> list[Run]:
    """Compare the batches that a day is in, of each wallet of which anything is known."""
    runs = []
    for channel in Channel.values:
        batch = _batch_of(channel, day)
        owed, arrived = _owed(batch), _arrived(batch)
        if arrived is None and (owed is None or not _kept(channel)):
            continue
        if batch.first != batch.last:
            _forget_single_days(batch, now)
        found = list(_compared(batch, owed, arrived, today))
        agreed = 0 if found else owed or 0
        runs.append(keep_run(Pair.BANK, batch.last, channel, found, now, int(not found), agreed))
    return runs


def _batch_of(channel: str, day: date) -> Settlement:
    receipt = BankReceipt.objects.filter(
        channel=channel, first_day__lte=day, last_day__gte=day
    ).first()
    return (
        Settlement(channel, receipt.first_day, receipt.last_day)
        if receipt
        else Settlement(channel, day, day)
    )


def _kept(channel: str) -> bool:
    """Whether this site writes receipts down at all."""
    return BankReceipt.objects.filter(channel=channel).exists()


def _owed(batch: Settlement) -> int | None:
    """What the statements of these days settle; None if there is none, or one is not believed."""
    files = StatementFile.objects.filter(
        channel=batch.channel, day__gte=batch.first, day__lte=batch.last, state__in=BELIEVED
    )
    found = {file.day: file.net_fen for file in files.defer("raw")}
    days = (batch.last - batch.first).days + 1
    return sum(found.values()) if len(found) == days else None


def _arrived(batch: Settlement) -> int | None:
    receipts = BankReceipt.objects.filter(
        channel=batch.channel, first_day=batch.first, last_day=batch.last
    )
    amounts = list(receipts.values_list("amount_fen", flat=True))
    return sum(amounts) if amounts else None


def _compared(
    batch: Settlement, owed: int | None, arrived: int | None, today: date
) -> Iterator[Explained]:
    difference = (arrived or 0) - (owed or 0)
    if difference == 0 and (owed is not None or arrived == 0):
        return
    code = (
        Code.ONLY_OTHER if owed is None else Code.ONLY_JOURNAL if arrived is None else Code.AMOUNT
    )
    waits = code is not Code.AMOUNT and today <= batch.last + WAIT
    found = Break(code, Kind.PAYMENT, batch.name, batch.channel, owed, arrived, difference)
    yield Explained(
        found, code.value, BreakState.WAITING if waits else BreakState.OPEN, CAUSES[code]
    )


def _forget_single_days(batch: Settlement, now: datetime) -> None:
    """What a day of a batch lacked by itself has come with the batch."""
    day = batch.first
    while day < batch.last:
        keep_run(Pair.BANK, day, batch.channel, [], now, 0)
        day += timedelta(days=1)
