"""A day compared and checked in every way there is: the lists, the refunds, the bank."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime

from center.ledger.models import Payment, Refund
from center.reconciliation.bank import check_bank
from center.reconciliation.compare import Break, Kind
from center.reconciliation.explain import Explained, counted
from center.reconciliation.models import BreakState, HisRow, Pair, Run
from center.reconciliation.parts import parts
from center.reconciliation.refunds import Given, Paid, suspicious
from center.reconciliation.run import keep_run, reconcile_day
from center.settings import CENTER
from center.statements.models import StatementLine


def check_day(day: date, now: datetime, today: date) -> list[Run]:
    """Compare the lists of a day, look at its refunds, and at what the bank has of it."""
    return [
        *reconcile_day(day, now, today),
        check_refunds(day, now),
        *check_bank(day, now, today),
    ]


def check_refunds(day: date, now: datetime) -> Run:
    """Look for refunds of a day that a person should see, and keep what was found."""
    given = _given(day)
    paid = _paid({one.order for one in given})
    found = list(suspicious(day, paid, given, CENTER.many_refunds))
    last = {one.order: one.operator for one in given if one.operator}
    explained = [_explained(one, last.get(one.key, one.key)) for one in found]
    named = {one.key for one in found}
    plain = [one for one in given if one.day == day and not {one.order, one.operator} & named]
    return keep_run(Pair.REFUND, day, "", explained, now, len(plain))


def _explained(found: Break, operator: str) -> Explained:
    return Explained(found, found.code.value, BreakState.OPEN, operator=operator)


def _paid(orders: set[str]) -> dict[str, Paid]:
    """What was paid, by the journal, else by the provider."""
    found: dict[str, Paid] = {}
    for part in parts(orders):
        lines = StatementLine.objects.filter(out_trade_no__in=part, kind="payment")
        for order, fen, channel in lines.values_list("out_trade_no", "amount_fen", "channel"):
            found[order] = Paid(fen, channel)
        ours = Payment.objects.filter(uid__in=part)
        for order, fen, channel in ours.values_list("uid", "amount_fen", "channel"):
            found[order] = Paid(fen, channel)
    return found


def _given(day: date) -> list[Given]:
    """All refunds up to that day of the orders of which something was given back on it.

    One number is one refund, whoever tells of it; the journal's word goes first.
    """
    orders = {one.order for one in (*_journal(day=day), *_lines(day=day), *_booked(day))}
    found: dict[str, Given] = {}
    for part in parts(orders):
        for one in (
            *_lines(out_trade_no__in=part, day__lte=day),
            *_journal(ref__in=part, day__lte=day),
        ):
            found[one.number] = one
    return [*found.values(), *_booked(day)]


def _journal(**asked: object) -> Iterator[Given]:
    names = ("ref", "uid", "amount_fen", "channel", "day", "operator")
    rows = counted(Kind.REFUND).filter(**asked)
    return (Given(*row) for row in rows.values_list(*names).iterator())


def _lines(**asked: object) -> Iterator[Given]:
    names = ("out_trade_no", "out_refund_no", "amount_fen", "channel", "day")
    rows = StatementLine.objects.filter(kind="refund", **asked)
    return (Given(*row) for row in rows.values_list(*names).iterator())


def _booked(day: date) -> list[Given]:
    """Refunds as the HIS booked them, of orders that it names or whose refund it was."""
    rows = HisRow.objects.filter(day=day, kind="refund")
    names = ("out_trade_no", "his_id", "amount_fen", "pay_type", "operator")
    told = list(rows.values_list(*names))
    orders = _orders_of({his_id for order, his_id, *_rest in told if not order})
    return [
        Given(order or orders[his_id], his_id, fen, channel, day, operator, booked_only=True)
        for order, his_id, fen, channel, operator in told
        if order or his_id in orders
    ]


def _orders_of(his_ids: Iterable[str]) -> dict[str, str]:
    """The order of each refund that the journal knows under a number of the HIS."""
    found: dict[str, str] = {}
    for part in parts(his_ids):
        found |= dict(Refund.objects.filter(his_id__in=part).values_list("his_id", "ref"))
    return found
