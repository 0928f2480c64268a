"""What the desk asks outside while it goes on: each question is a task, its answer an event.

No question is ever left without an answer: a fault of ours is one as well, and never tells more
than that nothing is known.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from device.desk_ports import Ports
from device.domain.desk.effects import CallPay, CheckChannels, Recognise
from device.domain.desk.events import Asked, Checked, DeskEvent, PayAnswered
from device.domain.desk.model import Desk
from device.domain.desk.young import number_of_attempt
from device.domain.found import OFFLINE, Found, Wanted
from device.domain.outcome import PayOrder, PayOutcome, RefundOutcome, Unknown
from device.domain.replies import ErrorReply
from device.domain.requests import Pay, RefundRequest
from device.domain.trace import Mark
from device.domain.words import Wallet
from device.stopwatch import RUNNING, Stopwatch, note

log = logging.getLogger(__name__)


class Questions:
    """Asks the wallets and tells the desk."""

    def __init__(
        self, ports: Ports, desk: Callable[[], Desk], post: Callable[[DeskEvent], None]
    ) -> None:
        self._ports = ports
        self._desk = desk
        self._post = post
        self._tasks: set[asyncio.Task[None]] = set()
        self._probing = asyncio.Lock()

    def check(self, effect: CheckChannels) -> None:
        """Ask whether the channels can take money now."""
        self._spawn(self._check(effect))

    def pay(self, effect: CallPay, watch: Stopwatch | None) -> None:
        """Ask for the money; the intent is on disk."""
        self._spawn(self._pay(effect, watch))

    def recognise(self, effect: Recognise) -> None:
        """Ask whether a card that is gone gave this refund."""
        self._spawn(self._recognise(effect))

    def look_up(self, asked: Asked) -> None:
        """Ask for the order number of another desk."""
        self._spawn(self._look_up(asked))

    def probe(self, asked: Asked, wanted: Wanted) -> None:
        """Ask what the wallets hold of an id that a young journal lacks."""
        self._spawn(self._probe(asked, wanted))

    async def _check(self, effect: CheckChannels) -> None:
        ready = frozenset[Wallet]()
        try:
            ready = await self._ports.ready_wallets(effect.wallets)
        except Exception:  # a fault of ours must not leave the desk waiting for ever
            log.exception("the channels could not be checked")
        self._post(Checked(effect.key, ready))

    async def _pay(self, effect: CallPay, watch: Stopwatch | None) -> None:
        RUNNING.set(watch)
        settings, attempt = self._desk().settings, effect.attempt
        order = PayOrder(
            out_trade_no=attempt.out_trade_no,
            amount_fen=attempt.amount_fen,
            payer_code=effect.code,
            subject=f"{settings.hospital}-{effect.charge.title}",
            operator=effect.charge.operator,
            wait_s=settings.waits_s[attempt.wallet],
        )
        self._ports.sent(attempt.out_trade_no)
        outcome: PayOutcome
        try:
            outcome = await self._ports.channels[attempt.wallet].pay(order)
        except Exception as error:  # noqa: BLE001  whatever it is: doubt, never silence
            name = type(error).__name__  # its text and traceback might hold the code (M19)
            log.error("pay failed inside the box: %s", name)  # noqa: TRY400  for the same reason
            outcome = Unknown("fault")
        note(Mark.VERIFIED)
        self._ports.sent(attempt.out_trade_no)
        self._post(PayAnswered(attempt.out_trade_no, outcome))

    async def _recognise(self, effect: Recognise) -> None:
        given: RefundOutcome = Unknown("fault")
        try:
            given = await self._ports.channels[effect.wallet].query_refund(effect.refund)
        except Exception:  # a fault of ours must not leave the HIS waiting for ever
            log.exception("the wallet could not be asked about a refund")
        self._post(replace(effect.asked, recognised=given))

    async def _look_up(self, asked: Asked) -> None:
        assert isinstance(asked.request, RefundRequest)
        found = await self._ports.look_up(asked.request.out_trade_no)
        if isinstance(found, ErrorReply):
            reply = replace(found, id=asked.request.id)
            self._ports.link.send(asked.connection, reply, asked.re)
        else:
            self._post(replace(asked, order=found, looked_up=True))

    async def _probe(self, asked: Asked, wanted: Wanted) -> None:
        """One request at a time, in their order: a `cancel` is judged after the `pay` it is about.

        Who is gone meanwhile is not answered, and nothing was begun for him.
        """
        async with self._probing:
            found = await self._found(asked, wanted)
            if asked.connection in self._ports.link.connections():
                self._post(replace(asked, found=found))

    async def _found(self, asked: Asked, wanted: Wanted) -> Found:
        """What the wallets hold; beside a `pay`'s questions the connections are warmed."""
        assert self._ports.probe
        warming = self._desk().health.configured if isinstance(asked.request, Pay) else frozenset()
        number = partial(number_of_attempt, self._desk().settings, wanted)
        try:
            asking = self._ports.probe(wanted, number), self._ports.ready_wallets(warming)
            found, _ = await asyncio.gather(*asking)
        except Exception:  # a fault of ours must not leave the HIS waiting for ever
            log.exception("the wallets could not be asked")
            return OFFLINE
        return found

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
