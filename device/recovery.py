"""Recovery: re-asks about everything that is not at an answered end, at boot and on a timer.

One task per attempt or refund. Each asks the pure pursuit what is due, sleeps until then, makes the
one call, and reports what was heard; the desk commits it and gives back the attempt as it stands on
disk. Nothing is forgotten: a task ends only when the pursuit says so, and a fault in a task starts
it again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from device.clock import Clock
from device.domain.charge import ChargeKey
from device.domain.desk.rows import attempt_of
from device.domain.outcome import (
    Closed,
    Missing,
    Paid,
    Refunded,
    RefundOutcome,
    RefundSum,
    Returned,
)
from device.domain.payment import Attempt, AttemptEvent, AttemptState, Facts
from device.domain.ports import Channel
from device.domain.pursuit import (
    ALARM_AFTER_S,
    Call,
    Heard,
    Times,
    Trail,
    heard_query,
    heard_reverse,
    next_call,
)
from device.domain.record import Order, Ticket
from device.domain.refund import OPEN_REFUNDS, Refund, RefundEvent, refund_order
from device.domain.refund_pursuit import (
    RefundCall,
    RefundTrail,
    heard_refund,
    next_refund_call,
    sent,
)
from device.domain.replies import ErrorReply
from device.domain.words import ErrorCode, Reason, Wallet
from device.errors import CommitRefused, ConfigError, StorageError
from device.probing import query_agreeing, query_with_sum

T = TypeVar("T")

log = logging.getLogger(__name__)

PAYS_KEPT = 256  # three quarters of an hour of a desk that serves somebody every ten seconds
DISK_PAUSE_S = 2.0  # while the disk takes nothing: it is tried as often
FAULT_PAUSES_S = (2.0, 10.0, 60.0, 300.0)
"""After a change that the journal refuses, or a fault of ours: the same again will hardly help, and
a provider is not to be asked every two seconds for it. The last repeats."""

Report = Callable[[ChargeKey, str, AttemptEvent, Facts], Awaitable[Attempt]]
ReportRefund = Callable[[Refund, RefundEvent, Facts, str], Awaitable[Refund]]
ReportElsewhere = Callable[[Order, int], Awaitable[None]]
FindOrder = Callable[[str], Awaitable[Order | None]]
FindTicket = Callable[[str, str], Awaitable[Ticket | None]]


@dataclass(frozen=True, slots=True)
class Reports:
    """The ways back to the desk, which alone writes to the journal, and what that holds."""

    attempt: Report
    refund: ReportRefund
    elsewhere: ReportElsewhere
    order: FindOrder
    ticket: FindTicket


@dataclass(slots=True)
class Case:
    """An attempt in recovery's care; the newest state of it, and what wakes its task."""

    key: ChargeKey
    attempt: Attempt
    trail: Trail
    changed: asyncio.Event
    in_doubt: bool = False
    """A word was sent and not answered: a desk whose disk fails may have taken it all the same."""
    alarmed: bool = False


@dataclass(slots=True)
class Faults:
    """How often in a row a task met something that time alone does not mend."""

    count: int = 0

    def pause_s(self) -> float:
        """Count one more; return how long to wait before the same again."""
        self.count += 1
        return FAULT_PAUSES_S[min(self.count, len(FAULT_PAUSES_S)) - 1]


class Recovery:
    """Owns the tasks. `pursue` may be called again: it brings news to the task that is there."""

    def __init__(
        self,
        channels: Mapping[Wallet, Channel],
        times: Mapping[Wallet, Times],
        clock: Clock,
        reports: Reports,
    ) -> None:
        self._channels = channels
        self._times = times
        self._clock = clock
        self._reports = reports
        self._cases: dict[str, Case] = {}
        self._refunds: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._pays: dict[str, tuple[float, float]] = {}
        """When each of the newest pay calls began, and ended as far as it has."""

    def sent(self, out_trade_no: str) -> None:
        """Note when the pay call begins, and once more when it has ended: its bytes left between.

        The waits count from the first, what may not come too soon after the bytes from the second.
        """
        now_s = self._clock.monotonic()
        began_s, _ = self._pays.pop(out_trade_no, (now_s, now_s))
        self._pays[out_trade_no] = began_s, now_s  # put at the end: the oldest stands first
        if len(self._pays) > PAYS_KEPT:  # of one forgotten here the waits count from its pursuit
            del self._pays[next(iter(self._pays))]

    def pursue(self, key: ChargeKey, attempt: Attempt) -> None:
        """Take care of an attempt, or bring its news to the task that has it."""
        case = self._cases.get(attempt.out_trade_no)
        if case:
            case.attempt = attempt
            case.changed.set()
            return
        now_s = self._clock.monotonic()
        trail = Trail(*self._pays.pop(attempt.out_trade_no, (now_s, now_s)))
        case = Case(key, attempt, trail, asyncio.Event())
        self._cases[attempt.out_trade_no] = case
        self._spawn(self._care(case))

    def pursue_refund(self, refund: Refund) -> None:
        """Take care of a refund; one task per number."""
        if refund.out_refund_no not in self._refunds:
            task = self._spawn(self._care_refund(refund))
            self._refunds[refund.out_refund_no] = task

    def open_cases(self) -> int:
        """How many attempts are not at an answered end."""
        ended = {AttemptState.FAILED, AttemptState.REVERSED}  # those are only watched
        return sum(c.attempt.state not in ended for c in self._cases.values())

    async def aclose(self) -> None:
        """Stop asking; the journal knows what is left for the next boot."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # ------------------------------------------------------------ attempts

    async def _care(self, case: Case) -> None:
        number = case.attempt.out_trade_no
        faults = Faults()
        while await self._safely(self._next(case), faults, otherwise=True):
            pass
        del self._cases[number]

    async def _next(self, case: Case) -> bool:
        """Make the next call when it is due; False when nothing is left to ask."""
        if case.in_doubt:
            case.attempt, case.in_doubt = await self._standing(case), False
        call, due_s = next_call(case.attempt, case.trail, self._times[case.attempt.wallet])
        if call is Call.NOTHING:
            return False
        case.changed.clear()
        wait_s = due_s - self._clock.monotonic()
        if wait_s > 0:
            await _until(case.changed, wait_s)
            return True  # news may have changed the plan
        await self._hear(case, await self._call(case, call))
        await self._watch_long_reversal(case)
        return True

    async def _call(self, case: Case, call: Call) -> Heard:
        attempt, channel = case.attempt, self._channel(case.attempt.wallet)
        if call is Call.REVERSE:
            outcome = await channel.reverse(attempt.out_trade_no)
            heard = heard_reverse(case.trail, outcome, self._clock.monotonic())
            case.trail, _ = heard  # even if the word is lost: a query comes before the next (M8)
            return heard
        asked = await query_with_sum(channel, attempt.out_trade_no, attempt.amount_fen)
        return heard_query(case.attempt, case.trail, call, asked, self._clock.monotonic())

    async def _hear(self, case: Case, heard: Heard) -> None:
        trail, events = heard
        for event, facts in events:
            await self._tell_attempt(case, event, facts)
        case.trail = trail  # not before: what a lost word said has to be asked again

    async def _tell_attempt(self, case: Case, event: AttemptEvent, facts: Facts) -> None:
        case.in_doubt = True
        number = case.attempt.out_trade_no
        case.attempt = await self._reports.attempt(case.key, number, event, facts)
        case.in_doubt = False

    async def _standing(self, case: Case) -> Attempt:
        key = case.key
        ticket = await self._reports.ticket(key.business_date, key.his_id)
        attempt = attempt_of(ticket, case.attempt.out_trade_no) if ticket else None
        assert attempt
        return attempt

    async def _watch_long_reversal(self, case: Case) -> None:
        age, number = self._clock.monotonic() - case.trail.started_s, case.attempt.out_trade_no
        going = case.attempt.state is AttemptState.REVERSING
        if going and age > ALARM_AFTER_S and not case.alarmed:
            await self._tell_attempt(case, AttemptEvent.OVERDUE, Facts())
            case.alarmed = True
            log.error("order %s is being reversed for five minutes", number)

    # ------------------------------------------------------------ refunds

    async def _care_refund(self, refund: Refund) -> None:
        trail = RefundTrail(self._clock.monotonic())
        here: tuple[Refund, RefundTrail] | None = (refund, trail)
        faults = Faults()
        while here:
            here = await self._safely(self._next_refund(*here), faults, otherwise=here)
        del self._refunds[refund.out_refund_no]

    async def _next_refund(
        self, refund: Refund, trail: RefundTrail
    ) -> tuple[Refund, RefundTrail] | None:
        call, due_s = next_refund_call(refund, trail, self._clock.monotonic())
        if call is RefundCall.NOTHING or await self._ended(refund):
            return None
        await asyncio.sleep(max(0.0, due_s - self._clock.monotonic()))
        if call is RefundCall.LOOK:
            return await self._look(refund, trail)
        if call is RefundCall.GIVE_UP:
            return await self._tell(refund, RefundEvent.STUCK), trail
        return await self._ask(refund, trail, call)

    async def _ended(self, refund: Refund) -> bool:
        """A word that was not answered may have been taken all the same."""
        ticket = await self._reports.ticket("", refund.his_id)
        assert ticket
        assert ticket.refund
        return ticket.refund.state not in OPEN_REFUNDS

    async def _ask(
        self, refund: Refund, trail: RefundTrail, call: RefundCall
    ) -> tuple[Refund, RefundTrail]:
        channel, order = self._channel(refund.wallet), refund_order(refund)
        if call is RefundCall.SEND:
            refund, trail = await self._tell(refund, RefundEvent.SEND), sent(trail)
            outcome: RefundOutcome = await channel.refund(order)
        else:
            outcome = await channel.query_refund(order)
        trail, event, facts = heard_refund(trail, outcome, self._clock.monotonic())
        number = getattr(outcome, "provider_refund_no", "")
        return (await self._tell(refund, event, facts, number) if event else refund), trail

    async def _tell(
        self, refund: Refund, event: RefundEvent, facts: Facts | None = None, number: str = ""
    ) -> Refund:
        return await self._reports.refund(refund, event, facts or Facts(), number)

    async def _look(self, refund: Refund, trail: RefundTrail) -> tuple[Refund, RefundTrail]:
        """Count what other desks gave back before a byte of ours leaves (§1, M3).

        Among it may be this very refund, given before the card was replaced or though its answer
        was lost: its number is a function (§1.8).
        """
        told = await self._channel(refund.wallet).refunded_sum(refund.out_trade_no)
        order = await self._reports.order(refund.out_trade_no)
        assert order
        looked = replace(trail, looked=True)
        if not isinstance(told, RefundSum):
            return refund, looked  # the provider refuses what passes the sum
        given = order.refund_fen - refund.amount_fen  # ours, without this one
        elsewhere = max(0, told.refunded_fen - given)
        ours: RefundOutcome = Missing()
        if elsewhere >= refund.amount_fen:
            ours = await self._channel(refund.wallet).query_refund(refund_order(refund))
        if not isinstance(ours, (Refunded, Missing)):
            return refund, looked  # whether it is this very refund that was given is not known
        done = ours if isinstance(ours, Refunded) else None
        elsewhere -= refund.amount_fen if done else 0
        if not done and elsewhere + order.refund_fen > order.amount_fen:
            over = Facts(reason=Reason.OVER_REFUND)
            refund = await self._tell(refund, RefundEvent.FAILED, over)
        await self._reports.elsewhere(order, min(elsewhere, order.amount_fen))
        if done:  # last: whoever hears of it may ask for the rest at once
            facts = Facts(paid_at=done.refunded_at)
            refund = await self._tell(refund, RefundEvent.DONE, facts, done.provider_refund_no)
        return refund, looked

    async def look_up(self, out_trade_no: str) -> Order | ErrorReply:
        """Find an order of another desk: every wallet is asked (his-link §3.10)."""
        answers = {w: await query_agreeing(c, out_trade_no) for w, c in self._channels.items()}
        for wallet, answer in answers.items():
            paid = answer.paid if isinstance(answer, Returned) else answer
            back = answer.refunded_fen if isinstance(answer, Returned) else 0
            if isinstance(paid, Paid) and back is not None:  # an untold sum is no sum of nought
                return Order(out_trade_no, wallet, paid.amount_fen, 0, back)
        if all(isinstance(a, (Missing, Closed)) for a in answers.values()):
            return ErrorReply(code=ErrorCode.NOT_FOUND, message="没有这笔收款")
        return ErrorReply(code=ErrorCode.OFFLINE, message="暂时无法核实该订单", reason="wallet")

    def _channel(self, wallet: Wallet) -> Channel:
        """Return the wallet's channel; ConfigError if its keys were taken away meanwhile."""
        if wallet not in self._channels:
            raise ConfigError(f"[{wallet}]: not configured any more, and an order of it is open")
        return self._channels[wallet]

    async def _safely(self, work: Awaitable[T], faults: Faults, *, otherwise: T) -> T:
        """Nothing is given up for a failing disk or a fault of ours: pause, then the same again."""
        pause_s = DISK_PAUSE_S
        try:
            done = await work
        except CommitRefused:
            pause_s = faults.pause_s()
            log.error("recovery: the journal refuses what was heard")  # noqa: TRY400  the desk told why
        except StorageError:
            log.warning("recovery waits for the disk")
        except ConfigError as missing:
            pause_s = faults.pause_s()
            log.error("recovery waits for a wallet: %s", missing)  # noqa: TRY400  the line says it all
        except Exception:
            pause_s = faults.pause_s()
            log.exception("recovery goes on after a fault")
        else:
            faults.count = 0
            return done
        await asyncio.sleep(pause_s)
        return otherwise


async def _until(changed: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await changed.wait()
    except TimeoutError:
        return
