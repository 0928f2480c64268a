"""A list taken in, from a page or a program: read whole, stored whole, compared at once."""

from collections.abc import Sequence
from datetime import UTC, datetime

from center.accounts.models import User
from center.reconciliation import bank_list, his_list, table
from center.reconciliation.bank import check_bank
from center.reconciliation.daily import check_day
from center.reconciliation.his_list import Mapped
from center.reconciliation.models import BankReceipt, ColumnMapping, HisList
from center.reports.scope import beijing_today

MOST_DAYS = 62  # compared again at once


def take(name: str, body: bytes, mapped: Mapped | None, user: User) -> HisList:
    """Store a list and compare its days; BadList, and nothing is stored.

    `mapped` None: the headings say themselves which column is which.
    """
    head, rows = table.rows_of(name, body)
    found = his_list.read(head, rows, mapped or guess(head))
    now = datetime.now(UTC)
    given = his_list.store(name, body, found, user.username, now)
    for day in sorted({row.day for row in found})[:MOST_DAYS]:
        check_day(day, now, beijing_today())
    return given


def take_receipts(name: str, body: bytes, user: User) -> int:
    """Store the bank's receipts, compare their days; how many. BadList, and nothing is stored."""
    return keep_receipts(bank_list.read(*table.rows_of(name, body)), user)


def keep_receipts(receipts: Sequence[BankReceipt], user: User) -> int:
    """The same of receipts that were read."""
    now = datetime.now(UTC)
    days = bank_list.store(receipts, user.username, now)
    for day in sorted(days)[:MOST_DAYS]:
        check_bank(day, now, beijing_today())
    return len(receipts)


def guess(head: Sequence[str]) -> Mapped:
    """Return what the headings say."""
    return Mapped(his_list.guessed(head))


def saved_mapping(name: str) -> Mapped | None:
    """Return the mapping saved under a name, None for no name; BadList if there is none such."""
    if not name:
        return None
    found = ColumnMapping.objects.filter(name=name).first()
    if found is None:
        raise table.BadList(f"没有名为“{name[:60]}”的列对应")
    return Mapped(found.columns, found.words)
