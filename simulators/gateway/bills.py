"""A provider's record of one day: from the book, or changed on purpose. Common to both wallets.

A bill is of one day, Beijing time, by when the money moved. It is there from ten the next morning.
What was paid and then reversed stands in it twice: paid, and given back under a number that is not
the merchant's (wechat §2.6). `plant` changes the bills of a day and says how.
"""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from simulators.differences import PAYMENT, REFUND, Difference, Entry, plant
from simulators.gateway.book import Book
from simulators.gateway.clock import BEIJING, beijing
from simulators.gateway.model import RefundStatus, State, Trade, Wallet

READY_HOUR = 10  # wechat §2.6: generated from nine, to be fetched after ten
FEE_PER_MILLE = 6


def ready(book: Book, day: date) -> bool:
    """Whether the bill of that day is there."""
    at = datetime.combine(day + timedelta(days=1), time(READY_HOUR), BEIJING)
    return book.clock.now() >= at.timestamp()


def entries(book: Book, wallet: Wallet, day: date) -> list[Entry]:
    """The bill of that day, in the order of time."""
    changed = book.changed_bills.get((wallet, day))
    return sorted(_true(book, wallet, day) if changed is None else changed, key=lambda e: e.at)


def change(book: Book, day: date, seed: int, each: int) -> tuple[Difference, ...]:
    """Plant differences into the bills of that day; they replace what stood there before."""
    lists = {wallet.value: _true(book, wallet, day) for wallet in Wallet}
    planted = plant(seed, lists, each, _unpaid(book, day))
    for wallet in Wallet:
        book.changed_bills[wallet, day] = planted.lists[wallet.value]
    return planted.differences


def fee_fen(fen: int) -> int:
    """What the provider keeps of an amount, rounded half up to a fen."""
    return (fen * FEE_PER_MILLE + 500) // 1000


def _true(book: Book, wallet: Wallet, day: date) -> list[Entry]:
    book.settle()
    now = book.clock.now()
    trades = [trade for (of, _), trade in book.trades.items() if of is wallet]
    every = [entry for trade in trades for entry in _of_trade(trade, now)]
    return [entry for entry in every if beijing(entry.at).date() == day]


def _of_trade(trade: Trade, now: float) -> Iterable[Entry]:
    if trade.paid_at is None:
        return
    returned = trade.state is State.RETURNED
    yield _payment(trade, trade.paid_at, plain=not returned)
    for one in trade.refunds:
        if one.status(now) is RefundStatus.SUCCESS:
            yield _refund(trade, one.number, one.provider_no, one.amount_fen, one.done_at)
    if returned:
        at = next(at for at, state in trade.history if state is State.RETURNED)
        number = f"50{trade.trade_no}"[:32]
        yield _refund(trade, number, number, trade.order.amount_fen, at, plain=False)


def _payment(trade: Trade, at: float, *, plain: bool = True) -> Entry:
    order = trade.order
    return Entry(
        wallet=order.wallet.value,
        kind=PAYMENT,
        key=order.out_trade_no,
        order=order.out_trade_no,
        fen=order.amount_fen,
        at=at,
        theirs=trade.trade_no,
        device=order.device,
        subject=order.subject,
        plain=plain,
    )


def _refund(  # noqa: PLR0913  the facts of a refund
    trade: Trade, number: str, theirs: str, fen: int, at: float, *, plain: bool = True
) -> Entry:
    order = trade.order
    return Entry(
        wallet=order.wallet.value,
        kind=REFUND,
        key=number,
        order=order.out_trade_no,
        fen=fen,
        at=at,
        theirs=trade.trade_no,
        their_refund=theirs,
        device=order.device,
        subject=order.subject,
        plain=plain,
    )


def _unpaid(book: Book, day: date) -> list[Entry]:
    """Orders of that day that ended without ever being paid, as if they had been."""
    return [
        _payment(trade, trade.created_at)
        for trade in book.trades.values()
        if trade.paid_at is None
        and trade.state in (State.CLOSED, State.FAILED)
        and beijing(trade.created_at).date() == day
    ]
