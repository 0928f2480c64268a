"""What the statistics centre brings to the desk: approved actions, and events that were lost.

The desk decides and writes; this asks the wallets. An action is carried out in the background and
once: the centre repeats it until it has a row with its id, and a row in the journal ends it here.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from device.domain.action import Action, ActionKind
from device.domain.chain import WireRow
from device.domain.charge import ChargeKey
from device.domain.desk.events import Concluded, Instructed, Recalled, SumTold
from device.domain.desk.instruct import REFUSED, asked_for
from device.domain.desk.model import NOBODY
from device.domain.desk.rows import attempt_of
from device.domain.desk.scan import paid_facts
from device.domain.outcome import Closed, Paid, QueryOutcome, Returned, Unknown
from device.domain.payment import OPEN_STATES, Attempt, AttemptEvent, AttemptState, Facts
from device.domain.ports import Channel
from device.domain.record import Order, Ticket
from device.domain.replies import ErrorReply
from device.domain.words import ErrorCode, Wallet
from device.errors import PayboxError, SyncError
from device.probing import query_with_sum

log = logging.getLogger(__name__)

KINDS_IN_TURN = ("payment", "charge", "refund", "do", "digest")  # payments before their refunds
ENDED_WITHOUT = frozenset({AttemptState.FAILED, AttemptState.REVERSED})


class Memory(Protocol):
    """What is asked of the journal."""

    async def acted(self, do_id: str) -> bool:
        """Whether a row of this action was ever written."""
        ...

    async def order(self, out_trade_no: str) -> Order | None:
        """One order number."""
        ...

    async def ticket(self, business_date: str, his_id: str) -> Ticket | None:
        """Everything under one id."""
        ...


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways to the desk and to the wallets."""

    journal: Memory
    channels: Mapping[Wallet, Channel]
    decide: Callable[[Instructed | Concluded | Recalled | SumTold], Awaitable[None]]
    report: Callable[[ChargeKey, str, AttemptEvent, Facts], Awaitable[Attempt]]
    look_up: Callable[[str], Awaitable[Order | ErrorReply]]
    """Asks every wallet for an order number that this journal does not hold."""


class NotNow(PayboxError):
    """A wallet gave no answer that decides: the centre will ask again."""


class FromCenter:
    """Carries out actions and takes lost events back."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def aclose(self) -> None:
        """Stop; what was begun stands in the journal, the rest comes again."""
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    # ------------------------------------------------------------ actions

    def carry(self, actions: Sequence[Action]) -> None:
        """Carry out what is not under way yet."""
        for action in actions:
            if action.id not in self._under_way:
                self._spawn(action.id, self._safely(action))

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._under_way[name] = task
        task.add_done_callback(lambda _: self._under_way.pop(name))

    async def _safely(self, action: Action) -> None:
        try:
            if not await self._ways.journal.acted(action.id):
                await self._carry(action)
        except PayboxError as error:
            log.warning("action %s of the centre waits: %s", action.id, error)
        except Exception:  # a fault of ours in one action must not stop the others
            log.exception("action %s of the centre failed", action.id)

    async def _carry(self, action: Action) -> None:
        order = await self._ways.journal.order(action.out_trade_no)
        if order is None or order.key is None:
            await self._carry_foreign(action, order)
        elif action.kind is ActionKind.QUERY:
            attempt = await self._ask_again(order)
            if attempt.state in OPEN_STATES:
                raise NotNow("it is being asked about")
            told = Concluded(action, attempt.state, "", order.wallet, order.amount_fen)
            await self._ways.decide(told)
        else:
            key = order.key if action.kind is ActionKind.REVERSE else None
            place = (key.his_id, key.business_date) if key else ("", "")
            await self._ways.decide(Instructed(action, asked_for(action, *place, NOBODY)))

    async def _carry_foreign(self, action: Action, order: Order | None) -> None:
        """An order that no payment of this journal made: another desk's, or an unknown one."""
        found = order or await self._ways.look_up(action.out_trade_no)
        if isinstance(found, ErrorReply):
            if found.code is ErrorCode.OFFLINE:
                raise NotNow("no wallet says whether the order exists")
            await self._ways.decide(Concluded(action, REFUSED, found.code.value))
        elif action.kind is ActionKind.REFUND:
            asked = replace(asked_for(action, "", "", NOBODY), order=found)
            await self._ways.decide(Instructed(action, asked))
        elif action.kind is ActionKind.QUERY:  # paid, and not a payment of ours: a person's matter
            state = AttemptState.MANUAL.value
            await self._ways.decide(Concluded(action, state, "", found.wallet, found.amount_fen))
        else:
            await self._ways.decide(Concluded(action, REFUSED, ErrorCode.NOT_FOUND.value))

    # ------------------------------------------------------------ asking about an order again

    async def _ask_again(self, order: Order) -> Attempt:
        """Ask the wallet about an own order and go by its answer; NotNow if it does not say."""
        assert order.key
        ticket = await self._ways.journal.ticket(order.key.business_date, order.key.his_id)
        attempt = attempt_of(ticket, order.out_trade_no) if ticket else None
        assert attempt
        if attempt.state in OPEN_STATES:  # recovery asks
            return attempt
        channel = self._ways.channels.get(order.wallet)
        if channel is None:
            raise NotNow("this wallet is off")
        outcome = await query_with_sum(channel, order.out_trade_no, order.amount_fen)
        if isinstance(outcome, Unknown):
            raise NotNow("the wallet does not say")
        arrow = _arrow(attempt, order, outcome)
        if arrow:
            return await self._ways.report(order.key, order.out_trade_no, *arrow)
        if isinstance(outcome, Closed):  # which tells no sum
            return attempt
        told = outcome.refunded_fen if isinstance(outcome, Returned) else 0
        if attempt.state is AttemptState.PAID and told is not None:
            await self._ways.decide(SumTold(order.out_trade_no, told))
        return attempt

    # ------------------------------------------------------------ lost events

    async def recall(self, rows: Sequence[WireRow]) -> None:
        """Take the newest row of each uid back and ask about its order; SyncError if not now."""
        newest = {row["uid"]: row for row in rows}
        told = _told(rows)
        for row in sorted(newest.values(), key=lambda r: KINDS_IN_TURN.index(str(r["kind"]))):
            try:
                await self._recall(row, told[_place(row)])
            except NotNow as error:
                raise SyncError(f"lost event {row['seq']}: {error}") from error

    async def _recall(self, row: WireRow, floor: int) -> None:
        number = str(row["out_trade_no"])
        order = await self._ways.journal.order(number) if number else None
        if row["kind"] == "refund" and order is None:
            order = await self._foreign(number)
        await self._ways.decide(Recalled(row, floor, order=order))
        own = await self._ways.journal.order(number) if row["kind"] == "payment" else None
        if own:
            await self._ask_again(own)

    async def _foreign(self, number: str) -> Order:
        found = await self._ways.look_up(number)
        if isinstance(found, ErrorReply):
            raise NotNow("no wallet knows the order of a lost refund")
        return found


def _place(row: WireRow) -> tuple[str, str]:
    """The id that a row's revision counts for: of a refund it has no date."""
    date = "" if row["kind"] == "refund" else str(row["business_date"])
    return date, str(row["his_id"])


def _told(rows: Sequence[WireRow]) -> dict[tuple[str, str], int]:
    """The newest revision of each id, over all its tries."""
    told: dict[tuple[str, str], int] = {}
    for row in rows:
        told[_place(row)] = max(told.get(_place(row), 0), int(row["revision"]))
    return told


def _arrow(
    attempt: Attempt, order: Order, outcome: QueryOutcome
) -> tuple[AttemptEvent, Facts] | None:
    """What an answer means for an attempt that had ended; an open one is recovery's.

    Alipay closes an order that was given back whole: nobody needs to look at that.
    """
    paid = outcome.paid if isinstance(outcome, Returned) else outcome
    whole = isinstance(outcome, Returned) and outcome.refunded_fen == outcome.paid.amount_fen
    if attempt.state in ENDED_WITHOUT and isinstance(paid, Paid) and not whole:
        return AttemptEvent.REVERSE_WANTED, replace(paid_facts(paid), detail="late")
    if attempt.state is AttemptState.PAID and isinstance(outcome, Closed) and order.rest_fen:
        return AttemptEvent.GIVE_UP, Facts(detail="closed")
    return None
