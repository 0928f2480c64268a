"""The checkers: what must hold at the cut, and what must hold at the end (payment-states §4).

They are two-sided: from the journal to the providers and the HIS, and from those to the journal.
Each gives one line a violation; none is good.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from device.domain.replies import RefundResult, Reply, Result, fields
from simulators.crash.books import Books
from simulators.crash.center import sent_is_here
from simulators.crash.tape import Arrived, Fact, Shown, Told
from simulators.gateway.model import State, Trade
from simulators.gateway.provider import Provider

BEFORE_PAID = frozenset({"intended", "waiting", "unknown", "failed"})
GIVING_BACK = frozenset({"reversing", "reversed", "refund_due", "refunding", "refunded", "manual"})
NO_MONEY = frozenset({"failed", "reversed", "refunded"})

Key = tuple[str, int]
"""(id, try); a refund's try is 0."""


def at_the_cut(books: Books, facts: Sequence[Fact], *, disk_failed: bool = False) -> Iterator[str]:
    """What the world saw before the cut is in what the cut left.

    `disk_failed`: it could not be written for a time, when a reverse may run from memory (M21).
    """
    yield from sent_is_here(books, facts)
    for fact in facts:
        if isinstance(fact, Arrived):
            if not (disk_failed and fact.call == "reverse"):
                yield from _intended(books, fact)
        elif isinstance(fact, Told):
            yield from _stored(books, fact.reply)
        elif isinstance(fact, Shown):
            yield from _durable(books, fact)


def _intended(books: Books, arrived: Arrived) -> Iterator[str]:
    """M2: its durable point was on the disk before the request arrived."""
    row = books.attempts.get(arrived.out_trade_no)
    name = f"{arrived.call} of {arrived.out_trade_no}"
    if row is None and arrived.call in {"pay", "reverse", "refund"}:
        yield f"M2: {name} arrived, and the journal has no intent"
    if row and arrived.call == "reverse" and row["state"] not in GIVING_BACK:
        yield f"M2: {name} arrived, and the journal says {row['state']}"
    if arrived.call == "refund" and arrived.number not in books.refunds:
        yield f"M2: {name} arrived, and the journal has no refund {arrived.number}"


def _stored(books: Books, reply: Reply) -> Iterator[str]:
    """M14: an answer is stored before it is sent, and stays what it was."""
    if not isinstance(reply, Result | RefundResult) or _disk_failed(reply):
        return
    held = books.answers.get((reply.id, reply.revision))
    if held is None:
        yield f"acknowledged and lost: {reply.id} revision {reply.revision} {reply.status}"
    elif held != fields(reply):
        yield f"M14: {reply.id} revision {reply.revision} says {held['status']} now"


def _disk_failed(reply: Result | RefundResult) -> bool:
    """M21: while the disk fails the HIS is told so, and this answer alone is not stored."""
    return reply.revision == 0 and reply.status == "unknown" and reply.reason == "storage_failed"


def _durable(books: Books, shown: Shown) -> Iterator[str]:
    """M22: success is not on the glass before it is on the disk."""
    states = {r["state"] for r in books.attempts.values() if r["amount_fen"] == shown.amount_fen}
    if not states - BEFORE_PAID:
        yield f"M22: the glass said that {shown.amount_fen} fen are paid, the journal {states}"


# ---------------------------------------------------------------- the end


def at_the_end(books: Books, provider: Provider, facts: Sequence[Fact]) -> Iterator[str]:
    """Everything has ended: three books, compared both ways."""
    provider.book.settle()
    trades = {number: trade for (_, number), trade in provider.book.trades.items()}
    yield from at_the_cut(books, facts)
    for number, row in books.attempts.items():
        yield from _attempt(number, row["state"], books, provider, trades.get(number))
    for number in trades.keys() - books.attempts.keys():
        yield f"M5: order {number} is {trades[number].state}, and not in the journal"
    for number, refund in books.refunds.items():
        yield from _refund(number, refund["state"], trades.get(refund["out_trade_no"]))
    yield from _one_content(facts)
    yield from _told(books, provider, trades, facts)
    yield from _once(books, trades)


def held_fen(provider: Provider, trade: Trade | None) -> int:
    """What the provider holds paid of it and has not given back."""
    if trade is None or trade.state is not State.PAID:
        return 0
    return trade.order.amount_fen - trade.refunded_fen(provider.clock.now())


def _attempt(
    number: str, state: str, books: Books, provider: Provider, trade: Trade | None
) -> Iterator[str]:
    held = held_fen(provider, trade)
    refunds = (r for r in books.refunds.values() if r["out_trade_no"] == number)
    given = sum(r["amount_fen"] for r in refunds if r["state"] == "refunded")
    if state == "paid":
        paid = books.attempts[number]["amount_fen"]
        if trade is None or trade.state is State.RETURNED or held != paid - given:
            yield f"M3: {number} is paid in the journal, less {given}; the provider holds {held}"
    elif state not in NO_MONEY:
        yield f"M6: {number} never ended: {state}"
    elif held:
        yield f"M4: {number} is {state} in the journal, and the provider holds {held} fen"


def _refund(number: str, state: str, trade: Trade | None) -> Iterator[str]:
    if state not in {"refunded", "failed"}:
        yield f"refund {number} never ended: {state}"
    found = trade.refund(number) if trade else None
    back = found is not None or (trade is not None and trade.state is State.RETURNED)
    if back is not (state == "refunded"):
        yield f"refund {number} is {state}; at the provider: {found}"


def _one_content(facts: Sequence[Fact]) -> Iterator[str]:
    """M14: the same (id, revision) has the same content, over all boots."""
    seen: dict[tuple[str, int], Reply] = {}
    for fact in facts:
        if isinstance(fact, Told) and isinstance(fact.reply, Result | RefundResult):
            place = (fact.reply.id, fact.reply.revision)
            if seen.setdefault(place, fact.reply) != fact.reply:
                yield f"M14: {place} was told with two contents"


def newest(facts: Sequence[Fact]) -> dict[Key, Result | RefundResult]:
    """The newest revision that the HIS was told, by (id, try)."""
    told: dict[Key, Result | RefundResult] = {}
    for fact in facts:
        if not isinstance(fact, Told) or not isinstance(fact.reply, Result | RefundResult):
            continue
        key = (fact.reply.id, getattr(fact.reply, "try_", 0))
        if key not in told or told[key].revision <= fact.reply.revision:
            told[key] = fact.reply
    return told


def _told(
    books: Books, provider: Provider, trades: dict[str, Trade], facts: Sequence[Fact]
) -> Iterator[str]:
    """M3, M4: what the HIS believes is what the provider holds."""
    told = newest(facts)
    for (his_id, try_), answer in told.items():
        if isinstance(answer, Result):
            mine = [
                n for n, r in books.attempts.items() if (r["his_id"], r["try"]) == (his_id, try_)
            ]
            held = sum(held_fen(provider, trades.get(number)) for number in mine)
            believed = answer.amount_fen - answer.refunded_fen if answer.status == "paid" else 0
            if held != believed:
                yield f"{his_id}: the HIS believes {answer.status} {believed}, held are {held}"
    for number, row in books.attempts.items():
        key = (row["his_id"], row["try"])
        if held_fen(provider, trades.get(number)) and key not in told:
            yield f"{key}: order {number} holds money, and the HIS was told nothing"


def _once(books: Books, trades: dict[str, Trade]) -> Iterator[str]:
    """M1: at no instant two orders of one id hold money."""
    spans: dict[str, list[tuple[float, float]]] = {}
    for number, trade in trades.items():
        row = books.attempts.get(number)
        if row and trade.paid_at is not None and row["watch"] == 0:  # M9 has the others
            spans.setdefault(row["his_id"], []).append((trade.paid_at, _until(trade)))
    for his_id, held in spans.items():
        for (_, first_end), (second_begin, _) in pairwise(sorted(held)):
            if second_begin < first_end:
                yield f"M1: two orders of {his_id} held money at once"


def _until(trade: Trade) -> float:
    """When it was given back."""
    returned = [at for at, state in trade.history if state is State.RETURNED]
    whole = sum(r.amount_fen for r in trade.refunds) == trade.order.amount_fen
    refunded = [max(r.done_at for r in trade.refunds)] if whole and trade.refunds else []
    return min([*returned, *refunded], default=float("inf"))
