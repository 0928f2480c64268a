"""The desk's shell: takes one event at a time, asks the domain, performs the effects it returns.

The state is adopted only after every effect before it was performed, so nothing is shown or told
that is not on disk. On a failing disk every change is kept, because a commit that raises may be
there all the same, and the desk goes on from memory (`keeping`): what has happened goes on, what
was only planned waits for the disk, and a payment that was to be asked for is called off.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from device import known
from device.desk_ports import Ports
from device.domain.answers import answer_for
from device.domain.charge import ChargeKey
from device.domain.desk.due import wake_at
from device.domain.desk.effects import (
    CallPay,
    Effect,
    Pursue,
    PursueRefund,
)
from device.domain.desk.events import (
    Asked,
    Booted,
    Checked,
    Concluded,
    DeskEvent,
    DiskGood,
    Drawn,
    Instructed,
    Recalled,
    Scanned,
    SumTold,
    Tick,
)
from device.domain.desk.flow import step
from device.domain.desk.model import Asker, Desk, Settings, Subject
from device.domain.desk.rows import attempt_of
from device.domain.desk.view import screen_of, signal_of
from device.domain.payment import Attempt, AttemptEvent, Facts
from device.domain.record import Moment, Stored
from device.domain.refund import OPEN_REFUNDS, Refund, RefundEvent
from device.domain.replies import ErrorReply
from device.domain.requests import (
    Confirm,
    Pay,
    Received,
    RefundRequest,
    Reverse,
    Show,
    Status,
)
from device.domain.screens import AmountDue, DeclinedScreen, Screen, StorageFailed
from device.domain.words import ErrorCode
from device.errors import CommitRefused, StorageError
from device.keeping import Keeping
from device.known import AttemptWord, RefundWord
from device.performer import Performer
from device.stopwatch import PaymentTimer

__all__ = ["DeskLoop", "Ports"]

log = logging.getLogger(__name__)

LEAVES_WITHIN_S = 0.02
"""The request for the money leaves first: panel and lamp cost it half a millisecond, and drawing
takes the interpreter while it is signed. People see 20 ms later that it has gone."""
DISK_RETRY_S = 2.0  # between tries whether a failing disk takes a write again
FromCenter = Instructed | Concluded | Recalled | SumTold


class DeskLoop:
    """One inbox, one consumer: nothing else changes the desk or writes to the journal."""

    def __init__(self, settings: Settings, ports: Ports) -> None:
        self.state = Desk(settings)
        self._ports = ports
        self._inbox: asyncio.Queue[tuple[Any, asyncio.Future[Any] | None]] = asyncio.Queue()
        self._timer: asyncio.TimerHandle | None = None
        self._shown: Screen | None = None
        self._keeping = Keeping(ports.journal)
        self._timing = PaymentTimer(ports.clock.monotonic)
        self._disk_timer: asyncio.TimerHandle | None = None
        self._performer = Performer(
            ports, self._keeping, self._timing, lambda: self.state, self.post
        )

    # ------------------------------------------------------------ the inbox

    def post(self, event: DeskEvent) -> None:
        """Queue an event; safe from callbacks on the loop."""
        self._inbox.put_nowait((event, None))

    async def report(
        self, key: ChargeKey, out_trade_no: str, event: AttemptEvent, facts: Facts
    ) -> Attempt:
        """Recovery's word about an attempt; returns it as it then stands on disk."""
        found: Attempt = await self._ask(AttemptWord(key, out_trade_no, event, facts))
        return found

    async def report_refund(
        self, refund: Refund, event: RefundEvent, facts: Facts, provider_refund_no: str
    ) -> Refund:
        """Recovery's word about a refund; returns it as it then stands on disk."""
        found: Refund = await self._ask(RefundWord(refund, event, facts, provider_refund_no))
        return found

    async def decide(self, event: FromCenter) -> None:
        """Take what the centre brings and return when it is on disk; StorageError if it is not."""
        await self._ask(event)

    async def _ask(self, word: object) -> Any:
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._inbox.put_nowait((word, done))
        return await done

    async def boot(self) -> None:
        """Read the journal and give every open end a task."""
        journal = self._ports.journal
        unsettled = tuple(await journal.unsettled())
        undelivered = tuple(await journal.undelivered())
        last = await journal.last()
        await self._handle(Booted(unsettled, undelivered, last))

    async def run(self) -> None:
        """Take events for ever; cancel to end."""
        while True:
            event, done = await self._inbox.get()
            try:
                result = await self._take(event)
            except StorageError as error:
                self._storage_failed(event, error)
                result = error
            except Exception as error:  # a bug in one event must not stop the desk
                log.exception("event %s failed", type(event).__name__)
                result = error
            if done and not done.done():
                _answer(done, result)

    async def _take(self, event: Any) -> Any:
        if isinstance(event, AttemptWord):
            return await self._attempt_word(event)
        if isinstance(event, RefundWord):
            return await self._refund_word(event)
        if isinstance(event, _TryDisk):
            await self._try_disk()
        elif self._keeping.failed and isinstance(event, Scanned):
            return None  # the amount is not on the glass now
        elif self._keeping.failed and _begins(event):
            self._refuse(event)
        elif self._keeping.failed and isinstance(event, FromCenter):
            raise StorageError("journal: the centre waits until it can be written")
        else:
            young = self._ports.probe is not None and self._ports.journal.young
            if isinstance(event, Asked):
                event = replace(event, young=young, owner_silent=self._owner_silent())
            if isinstance(event, Scanned):
                self._timing.scanned(event)
            facts = await known.with_facts(self._ports.journal, self.state, event)
            await self._handle(facts)
        return None

    def _owner_silent(self) -> bool:
        owner = self.state.owner
        return owner is not None and self._ports.link.silent(owner)

    def idle(self) -> bool:
        """Nothing at the desk and nothing waiting to be decided."""
        return self.state.seat is None and self._inbox.empty()

    # ------------------------------------------------------------ one event

    async def _handle(self, event: DeskEvent) -> None:
        state, effects = step(self.state, event, self.moment())
        for effect in effects:
            await self._perform(effect)
        self.state = state
        if any(isinstance(effect, CallPay) for effect in effects):
            asyncio.get_running_loop().call_later(LEAVES_WITHIN_S, self._present)
        else:
            self._present()

    async def _perform(self, effect: Effect) -> None:
        before = self._keeping.failed
        try:
            await self._performer.perform(effect)
        finally:
            self._disk_news(before=before)

    def moment(self) -> Moment:
        """Now, once per event."""
        clock = self._ports.clock
        return Moment(clock.monotonic(), clock.wall(), clock.sane())

    # ------------------------------------------------------------ recovery's words

    async def _attempt_word(self, word: AttemptWord) -> Attempt:
        journal, key = self._ports.journal, word.key
        await self._handle(await known.reported(journal, self.state, word))
        after = await known.ticket(journal, self.state, key.business_date, key.his_id)
        attempt = attempt_of(after, word.out_trade_no) if after else None
        assert attempt
        return attempt

    async def _refund_word(self, word: RefundWord) -> Refund:
        journal = self._ports.journal
        await self._handle(await known.refund_reported(journal, self.state, word))
        if self._keeping.failed and word.event is RefundEvent.SEND:
            raise StorageError("journal: a refund is not sent before that is on disk")
        after = await journal.ticket("", word.refund.his_id)
        assert after
        assert after.refund
        return after.refund

    # ------------------------------------------------------------ what people see

    def _present(self) -> None:
        """Show what the state says, if it is not on the glass already; wake for what is next."""
        now_s = self._ports.clock.monotonic()
        screen = StorageFailed() if self._keeping.failed else screen_of(self.state, now_s)
        if screen != self._shown:
            self._shown = screen
            self._ports.panel.show(screen, self._on_drawn(screen))
            self._ports.lamp.signal(signal_of(screen))
        self._wake(now_s)

    def _on_drawn(self, screen: Screen) -> Callable[[float], None] | None:
        """The panel's report that this charge's amount is on the glass."""
        seat = self.state.seat
        shows_amount = isinstance(screen, (AmountDue, DeclinedScreen))
        if not seat or seat.drawn_s is not None or not shows_amount:
            return None
        key = seat.charge.key
        return lambda at_s: self.post(Drawn(key, at_s))

    def _wake(self, now_s: float) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        due = wake_at(self.state, now_s)
        if due is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, due - now_s), self.post, Tick())

    # ------------------------------------------------------------ a failing disk

    def _storage_failed(self, event: object, error: StorageError) -> None:
        """The journal could not be read, or refused a change; whoever asked is told."""
        before = self._keeping.failed
        if not isinstance(error, CommitRefused):
            self._keeping.fail(error)
        self._disk_news(before=before)
        if isinstance(event, Asked):
            self._refuse(event)
        seat = self.state.seat
        if isinstance(event, Checked) and seat and seat.charge.key == event.key:
            self.state = replace(self.state, seat=None)
            if seat.asker:
                self._say_storage_failed(seat.asker, seat.ticket.his_id)

    def _refuse(self, asked: Asked) -> None:
        """Answer from memory alone."""
        if isinstance(asked.request, Status):
            self._performer.send(asked.connection, self._performer.status(), asked.re)
        elif not isinstance(asked.request, (Received, Show)):  # which are never answered
            asker = Asker(asked.connection, asked.re)
            self._say_storage_failed(asker, getattr(asked.request, "id", ""))

    def _say_storage_failed(self, asker: Asker, his_id: str) -> None:
        text = "存储故障，暂不能收款"
        reply = ErrorReply(code=ErrorCode.STORAGE_FAILED, message=text, id=his_id)
        self._ports.link.send(asker.connection, reply, asker.re)

    def _disk_news(self, *, before: bool) -> None:
        """The disk has just failed: say so and try again soon. It is good again: go on."""
        failed = self._keeping.failed
        if failed and not before:
            self._present()
            self._try_disk_soon()
        elif before and not failed:
            self._inbox.put_nowait((_TryDisk(), None))

    def _try_disk_soon(self) -> None:
        if self._disk_timer:
            self._disk_timer.cancel()
        loop, trial = asyncio.get_running_loop(), (_TryDisk(), None)
        self._disk_timer = loop.call_later(DISK_RETRY_S, self._inbox.put_nowait, trial)

    async def _try_disk(self) -> None:
        """Write what was kept; once that is durable, tell and show it."""
        if self._keeping.failed:
            await self._keeping.flush()
        if self._keeping.failed:
            self._try_disk_soon()
            return
        newest = [await self._newest(about) for about in self._keeping.concerned()]
        self._keeping.all_good()
        await self._handle(DiskGood(tuple(s for s in newest if s)))
        for effect in self._keeping.released():
            await self._go_on(effect)

    async def _go_on(self, effect: Pursue | PursueRefund) -> None:
        """Pursue what waited for the disk as it stands now: its task may have gone on meanwhile."""
        journal = self._ports.journal
        if isinstance(effect, PursueRefund):
            held = await journal.ticket("", effect.refund.his_id)
            if held and held.refund and held.refund.state in OPEN_REFUNDS:
                await self._perform(PursueRefund(held.refund))
            return
        date, his_id = effect.key.business_date, effect.key.his_id
        ticket = await known.ticket(journal, self.state, date, his_id)
        attempt = attempt_of(ticket, effect.attempt.out_trade_no) if ticket else None
        if attempt:
            await self._perform(replace(effect, attempt=attempt))

    async def _newest(self, about: Subject) -> Stored | None:
        business_date, his_id, try_ = about
        ticket = await self._ports.journal.ticket(business_date, his_id)
        return answer_for(ticket, try_ or None) if ticket else None


@dataclass(frozen=True, slots=True)
class _TryDisk:
    """The disk failed: see whether it takes a write again."""


def _begins(event: object) -> bool:
    """Whether it would begin something: an amount, a refund, a booking (M21)."""
    kinds = (Pay, RefundRequest, Reverse, Confirm)
    return isinstance(event, Asked) and isinstance(event.request, kinds)


def _answer(done: asyncio.Future[Any], result: Any) -> None:
    if isinstance(result, BaseException):
        done.set_exception(result)
    else:
        done.set_result(result)
