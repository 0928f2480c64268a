"""A fetched statement into the tables: raw always, lines only if they add up."""

import hashlib
from collections.abc import Callable
from datetime import date, datetime

from django.db import transaction

from center.ledger.words import Channel
from center.statements.models import FileState, StatementFile, StatementLine
from device.channels.alipay import bill as alipay_bill
from device.channels.bill_text import BadBill
from device.channels.wechat import bill as wechat_bill
from device.channels.wechat.bill import NoBill
from device.domain.bill import Bill, BillLine, fault, sums

READERS: dict[str, Callable[[bytes], Bill | NoBill]] = {
    Channel.WECHAT: wechat_bill.read,
    Channel.ALIPAY: alipay_bill.read,
}
NO_BILL = {
    NoBill.EMPTY_DAY: FileState.EMPTY,
    NoBill.NOT_READY: FileState.NOT_READY,
    NoBill.AGAIN: FileState.NOT_READY,
    NoBill.REFUSED: FileState.FAILED,
}
AT_ONCE = 2_000  # lines a statement of the database


def keep(channel: str, day: date, raw: bytes, now: datetime) -> StatementFile:
    """Read and store one day's statement; what was there of that day is replaced whole."""
    bill: Bill | None = None
    why = ""
    try:
        read = READERS[channel](raw) if not raw.startswith(b"<") else wechat_bill.read(raw)
    except BadBill as error:
        state, why = FileState.BROKEN, str(error)
    else:
        if isinstance(read, NoBill):
            state, why = NO_BILL[read], read.value if read is NoBill.REFUSED else ""
        else:
            bill, why = read, _why_not(read, day)
            state = FileState.BROKEN if why else FileState.GOOD if read.lines else FileState.EMPTY
    return _store(channel, day, raw, now, state, why, bill if not why else None)


def no_answer(channel: str, day: date, why: str, now: datetime) -> StatementFile:
    """Write down that the provider could not be asked, unless the day is here already."""
    found = StatementFile.objects.filter(channel=channel, day=day).first()
    if found and found.state in {FileState.GOOD, FileState.EMPTY}:
        return found
    return _store(channel, day, b"", now, FileState.FAILED, why, None)


def _why_not(bill: Bill, day: date) -> str:
    """Why these lines are not believed, '' if they are."""
    wrong = fault(bill)
    if wrong:
        return wrong
    other = next((line for line in bill.lines if line.at.date() != day), None)
    return f"other day: {other.at.date()}" if other else ""


def _store(  # noqa: PLR0913  one statement's parts
    channel: str,
    day: date,
    raw: bytes,
    now: datetime,
    state: FileState,
    why: str,
    bill: Bill | None,
) -> StatementFile:
    found = sums(bill.lines if bill else ())
    with transaction.atomic():
        StatementFile.objects.filter(channel=channel, day=day).delete()
        file = StatementFile.objects.create(
            channel=channel,
            day=day,
            state=state,
            why=why[:200],
            raw=raw,
            sha256=hashlib.sha256(raw).hexdigest(),
            fetched_at=now,
            payments=found.payments or 0,
            paid_fen=found.paid_fen or 0,
            refunds=found.refunds or 0,
            refunded_fen=found.refunded_fen or 0,
            settled_fen=(found.settled_paid_fen or 0) - (found.settled_back_fen or 0),
            fee_e5=found.fee_e5 or 0,
        )
        lines = (_line(file, line) for line in (bill.lines if bill else ()))
        StatementLine.objects.bulk_create(lines, batch_size=AT_ONCE)
    return file


def _line(file: StatementFile, line: BillLine) -> StatementLine:
    return StatementLine(
        file=file,
        channel=file.channel,
        day=file.day,
        kind=line.kind.value,
        out_trade_no=line.out_trade_no[:64],
        provider_trade_no=line.provider_trade_no[:64],
        out_refund_no=line.out_refund_no[:64],
        provider_refund_no=line.provider_refund_no[:64],
        amount_fen=line.amount_fen,
        settled_fen=line.settled_fen,
        fee_e5=line.fee_e5,
        at=line.at,
        state=line.state[:16],
        terminal=line.terminal[:32],
    )
