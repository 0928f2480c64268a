"""Asking every wallet about an id that a young journal does not know (payment-states §1.9).

A new card has forgotten what was collected, but an order number is a function of box key, desk, id,
try and attempt, so the wallets can be asked. Attempts are asked in pairs, because two that do not
exist end a try; tries one after the other. If one wallet cannot be asked, nothing is known.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
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
    """Asks; `off` are configured wallets that cannot be asked (a key file is missing)."""

    def __init__(self, channels: Mapping[Wallet, Channel], off: Iterable[Wallet] = ()) -> None:
        self._channels = channels
        self._off = frozenset(off)

    async def probe(self, wanted: Wanted, number: Number) -> Found:
        """Return what exists; never raises for anything a provider or a network can do."""
        if self._off:
            return OFFLINE
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
            orders = await self._attempts(try_, number)
            found += orders
            empty = 0 if orders else empty + 1
            if not wanted.tries and empty == MISSING_TRIES:
                break
        return found

    async def _attempts(self, try_: int, number: Number) -> list[FoundOrder]:
        found: list[FoundOrder] = []
        last = 0  # the highest attempt that exists
        asked = 0
        while asked - last < MISSING_ATTEMPTS and asked < MAX_ATTEMPTS_ASKED:
            batch = range(asked + 1, last + MISSING_ATTEMPTS + 1)
            for orders in await asyncio.gather(*(self._ask(try_, n, number) for n in batch)):
                found += orders
            last = max((o.number for o in found), default=0)
            asked = batch[-1]
        return found

    async def _ask(self, try_: int, attempt: int, number: Number) -> list[FoundOrder]:
        """Ask every wallet: the number is the same in all of them."""
        trade_no = number(try_, attempt)
        asked = (query_with_sum(c, trade_no, None) for c in self._channels.values())
        answers = await asyncio.gather(*asked)
        pairs = zip(self._channels, answers, strict=True)
        found = ((w, held) for w, a in pairs if (held := _exists(a)) is not None)
        return [FoundOrder(try_, attempt, w, trade_no, held) for w, held in found]


def _exists(answer: QueryOutcome) -> Paid | Returned | Open | PayFailed | Closed | None:
    if isinstance(answer, Missing):
        return None
    if isinstance(answer, Returned) and answer.refunded_fen is None:
        raise NotAsked  # how much of it is still with us was not told
    if isinstance(answer, Paid | Returned | Open | PayFailed | Closed):
        return answer
    raise NotAsked


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
