"""Asking every wallet about an id that a young journal does not know (payment-states §1.9).

A new card has forgotten what was collected, but an order number is a function of box key, desk, id,
try and attempt, so the wallets can be asked. As many attempts as a charge has codes are asked at
once, because a declined code leaves no order; tries one after the other. If one wallet cannot be
asked, nothing is known. A question without an answer is put once more: ten stand behind each id,
and the id is asked for anew if one of them has none.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from device.domain.found import (
    EVERY_TRY,
    MISSING_ATTEMPTS,
    MISSING_TRIES,
    OFFLINE,
    Found,
    FoundOrder,
    Wanted,
)
from device.domain.outcome import (
    Closed,
    Missing,
    Open,
    Paid,
    PayFailed,
    QueryOutcome,
    Returned,
    Unknown,
)
from device.domain.ports import Channel
from device.domain.words import Wallet

log = logging.getLogger(__name__)

PROBE_LIMIT_S = 10.0
"""For one id, all its tries: a query is answered in well under a second. A HIS that waits longer
asks again, and `offline` is a true answer then."""
MAX_ATTEMPTS_ASKED = 20  # of one try; a charge has five, so more is a fault of somebody

Number = Callable[[int, int], str]
"""(try, attempt) -> out_trade_no."""


class NotAsked(Exception):
    """A wallet gave no answer that says whether the number exists."""


class Prober:
    """Asks every wallet that these key files open.

    A wallet whose keys are missing or refused is not asked: with the same files no card ever took
    money in it (payment-states §1.7), and a wrong key must not stop the other wallet.
    """

    def __init__(
        self,
        channels: Mapping[Wallet, Channel],
        refused: Callable[[Wallet], Awaitable[bool]] | None = None,
    ) -> None:
        self._channels = channels
        self._refused = refused or _never

    async def probe(self, wanted: Wanted, number: Number) -> Found:
        """Return what exists; never raises for anything a provider or a network can do."""
        try:
            async with asyncio.timeout(PROBE_LIMIT_S):
                return Found(tuple(await self._tries(wanted, number)))
        except (NotAsked, TimeoutError):
            log.warning("a wallet could not be asked about an id that the new journal lacks")
            return OFFLINE

    async def _tries(self, wanted: Wanted, number: Number) -> list[FoundOrder]:
        found: list[FoundOrder] = []
        empty = 0
        for try_ in wanted.tries or EVERY_TRY:
            orders = await self._attempts(try_, number, wanted.amount_fen)
            found += orders
            empty = 0 if orders else empty + 1
            if not wanted.tries and empty == MISSING_TRIES:
                break
        return found

    async def _attempts(self, try_: int, number: Number, named_fen: int) -> list[FoundOrder]:
        found: list[FoundOrder] = []
        last = 0  # the highest attempt that exists
        asked = 0
        while asked - last < MISSING_ATTEMPTS and asked < MAX_ATTEMPTS_ASKED:
            batch = range(asked + 1, last + MISSING_ATTEMPTS + 1)
            asks = (self._ask(try_, n, number(try_, n), named_fen) for n in batch)
            for told in await asyncio.gather(*asks, return_exceptions=True):
                if isinstance(told, BaseException):
                    raise told  # all have ended: none is left to fail unheard
                found += told
            last = max((o.number for o in found), default=0)
            asked = batch[-1]
        return found

    async def _ask(
        self, try_: int, attempt: int, trade_no: str, named_fen: int
    ) -> list[FoundOrder]:
        """Ask every wallet: the number is the same in all of them."""
        asked = (query_agreeing(c, trade_no, named_fen) for c in self._channels.values())
        answers = dict(zip(self._channels, await asyncio.gather(*asked), strict=True))
        told = {w: a for w, a in answers.items() if not await self._closed(w, a)}
        found = ((w, held) for w, a in told.items() if (held := _exists(a)) is not None)
        return [FoundOrder(try_, attempt, w, trade_no, held) for w, held in found]

    async def _closed(self, wallet: Wallet, answer: QueryOutcome) -> bool:
        return isinstance(answer, Unknown) and await self._refused(wallet)


async def _never(_: Wallet) -> bool:
    return False


def _exists(answer: QueryOutcome) -> Paid | Returned | Open | PayFailed | Closed | None:
    if isinstance(answer, Missing):
        return None
    if isinstance(answer, Returned) and answer.refunded_fen is None:
        raise NotAsked  # how much of it is still with us was not told
    if isinstance(answer, Paid | Returned | Open | PayFailed | Closed):
        return answer
    raise NotAsked


async def query_agreeing(channel: Channel, out_trade_no: str, named_fen: int = 0) -> QueryOutcome:
    """Query an order of which the journal does not know the amount.

    One signed answer may be wrong, and there is nothing here to hold it against. So an amount (and
    what was given back of it) is believed if it is the one that the HIS named, else if two answers
    agree; if they do not, the outcome is `Unknown`. `named_fen`: 0 = nobody named one.
    """
    first = await _answered(channel, out_trade_no)
    if _sums(first) in {None, (named_fen, 0)}:
        return first
    second = await _answered(channel, out_trade_no)
    agree = _sums(second) in {_sums(first), (named_fen, 0)}
    return second if agree else Unknown("two answers that do not agree")


async def _answered(channel: Channel, out_trade_no: str) -> QueryOutcome:
    """Query; once more if nothing was said."""
    outcome = await query_with_sum(channel, out_trade_no, None)
    if isinstance(outcome, Unknown):
        return await query_with_sum(channel, out_trade_no, None)
    return outcome


def _sums(outcome: QueryOutcome) -> tuple[int, int | None] | None:
    """The amount and what was given back of it, in fen, where an answer tells an amount."""
    if isinstance(outcome, Returned):
        return outcome.paid.amount_fen, outcome.refunded_fen
    if isinstance(outcome, Paid):
        return outcome.amount_fen, 0
    if isinstance(outcome, Open) and outcome.amount_fen is not None:
        return outcome.amount_fen, 0
    return None


async def query_with_sum(
    channel: Channel, out_trade_no: str, amount_fen: int | None
) -> QueryOutcome:
    """Query, and for an order that gave money back ask how much."""
    outcome = await channel.query(out_trade_no, amount_fen)
    if not isinstance(outcome, Returned) or outcome.refunded_fen is not None:
        return outcome
    told = await channel.refunded_sum(out_trade_no)
    return (
        outcome if isinstance(told, Unknown) else replace(outcome, refunded_fen=told.refunded_fen)
    )


Probe = Callable[[Wanted, Number], Awaitable[Found]]
