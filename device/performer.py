"""Performs what the domain decided: writes, tells, asks, and puts recovery to work.

On a failing disk nothing begins: what was only planned waits in `keeping` until the disk is good.
"""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from device.desk_ports import Ports
from device.domain.answers import answer_for
from device.domain.desk.deliver import hello_ok
from device.domain.desk.effects import (
    Ask,
    CallPay,
    CheckChannels,
    Commit,
    Defer,
    Effect,
    LookUp,
    Probe,
    Pursue,
    PursueRefund,
    Recognise,
    Remind,
    TakeHisCode,
    Tell,
    TellHello,
    TellStatus,
    TellStored,
    TellSummary,
)
from device.domain.desk.events import Asked, BookingOverdue, DeskEvent, PayAnswered, Scanned
from device.domain.desk.model import NOBODY, Desk, Subject
from device.domain.outcome import Declined
from device.domain.record import Delivered, PutTrace
from device.domain.replies import Progress, Reply, StatusResult, SummaryResult
from device.domain.words import Reason
from device.errors import StorageError
from device.keeping import Keeping
from device.questions import Questions
from device.stopwatch import PaymentTimer


class Performer:
    """The hands of the desk: one method an effect."""

    def __init__(
        self,
        ports: Ports,
        keeping: Keeping,
        timing: PaymentTimer,
        desk: Callable[[], Desk],
        post: Callable[[DeskEvent], None],
    ) -> None:
        self._ports = ports
        self._keeping = keeping
        self._timing = timing
        self._desk = desk
        self._post = post
        self._questions = Questions(ports, desk, post)

    async def perform(self, effect: Effect) -> None:
        """Do it; StorageError if it had to be on disk and is not."""
        await self._PERFORM[type(effect)](self, effect)

    def send(self, connection: int, reply: Reply, re: int | None) -> None:
        """Tell a HIS what may be said while the disk is as it is."""
        self._ports.link.send(connection, self._keeping.sayable(reply), re)

    def status(self) -> StatusResult:
        """Return how the parts are, the disk as the desk knows it."""
        return StatusResult(self._keeping.parts(self._ports.parts()))

    async def _commit(self, effect: Commit) -> None:
        await self._keeping.commit(effect.change, told=self._told)
        self._keep_trace(self._timing.committed(effect.change))

    def _keep_trace(self, trace: PutTrace | None) -> None:
        """It goes to disk with the next commit: no money depends on it."""
        if trace and not self._keeping.failed:
            self._ports.journal.defer((trace,))

    def _told(self, about: Subject) -> str:
        """The `state` of the newest durable answer of a try, if the desk has it at hand."""
        desk = self._desk()
        seat, offer = desk.seat, desk.offers.get(about)
        here = seat and (seat.ticket.business_date, seat.ticket.his_id) == about[:2]
        stored = answer_for(seat.ticket, about[2]) if seat and here else None
        answer = stored.answer if stored else offer.answer if offer else None
        return getattr(answer, "state", "")

    async def _defer(self, effect: Defer) -> None:
        if not self._keeping.failed:
            self._ports.journal.defer(effect.change)
        elif not all(isinstance(w, Delivered) for w in effect.change):  # what was told was a hint
            raise StorageError("journal: nothing is armed on a failing disk")

    async def _tell(self, effect: Tell) -> None:
        if not (self._keeping.failed and isinstance(effect.reply, Progress)):
            self.send(effect.connection, effect.reply, effect.re)
            self._keep_trace(self._timing.told(effect.reply))

    async def _tell_stored(self, effect: TellStored) -> None:
        ticket = await self._ports.journal.ticket(*effect.id)
        if ticket and ticket.stored:
            self.send(effect.connection, ticket.stored.answer, effect.re)

    async def _tell_hello(self, effect: TellHello) -> None:
        journal, settings = self._ports.journal, self._desk().settings
        unsettled, undelivered = await journal.unsettled(), await journal.undelivered()
        reply = hello_ok(settings, unsettled, undelivered, self._ports.clock.wall())
        self._ports.link.send(effect.connection, reply, effect.re)

    async def _tell_summary(self, effect: TellSummary) -> None:
        asked = effect.summary
        rows = await self._ports.journal.summary(asked.date, asked.operator)
        self.send(effect.connection, SummaryResult(asked.date, tuple(rows)), effect.re)

    async def _remind(self, effect: Remind) -> None:
        self._post(BookingOverdue(effect.key))

    async def _tell_status(self, effect: TellStatus) -> None:
        self.send(effect.connection, self.status(), effect.re)

    async def _check_channels(self, effect: CheckChannels) -> None:
        self._questions.check(effect)

    async def _take_his_code(self, effect: TakeHisCode) -> None:
        self._post(Scanned(effect.code, by_his=effect.key))

    async def _ask_itself(self, effect: Ask) -> None:
        self._post(Asked(NOBODY, 0, effect.request))

    async def _call_pay(self, effect: CallPay) -> None:
        if self._keeping.failed:  # the intent may or may not be on disk: not a byte is sent (M2)
            never_sent = Declined(Reason.STORAGE_FAILED)
            self._post(PayAnswered(effect.attempt.out_trade_no, never_sent))
        else:
            self._timing.called(effect)
            self._questions.pay(effect, self._timing.running)

    async def _pursue(self, effect: Pursue) -> None:
        if self._keeping.failed and effect.begins:
            self._keeping.held.append(effect)
        else:  # a reversal that is under way may run from memory (M21)
            self._ports.pursue(effect.key, effect.attempt)

    async def _pursue_refund(self, effect: PursueRefund) -> None:
        if self._keeping.failed:  # its first byte waits for the disk (M2)
            self._keeping.held.append(effect)
        else:
            self._ports.pursue_refund(effect.refund)

    async def _recognise(self, effect: Recognise) -> None:
        self._questions.recognise(effect)

    async def _look_up(self, effect: LookUp) -> None:
        self._questions.look_up(effect.asked)

    async def _probe(self, effect: Probe) -> None:
        self._questions.probe(effect.asked, effect.wanted)

    _PERFORM: ClassVar[dict[type[Any], Callable[..., Awaitable[None]]]] = {
        Commit: _commit,
        Defer: _defer,
        Tell: _tell,
        TellStored: _tell_stored,
        TellHello: _tell_hello,
        TellStatus: _tell_status,
        TellSummary: _tell_summary,
        Remind: _remind,
        Recognise: _recognise,
        LookUp: _look_up,
        Probe: _probe,
        CheckChannels: _check_channels,
        TakeHisCode: _take_his_code,
        Ask: _ask_itself,
        CallPay: _call_pay,
        Pursue: _pursue,
        PursueRefund: _pursue_refund,
    }
