"""What must be on the disk before it is said or sent, and what is read from it at boot."""

import asyncio
from dataclasses import replace
from typing import Any

from device import desk as desk_loop
from device import keeping, probing
from device.app import board
from device.desk import DeskLoop
from device.domain import answers
from device.domain.answers import renew as true_renew
from device.domain.charge import Charge
from device.domain.desk import answering, collect, deliver, flow, give_back, rows, scan
from device.domain.desk import boot as booting
from device.domain.desk.effects import CallPay, CheckChannels, Commit, Defer, Pursue, Tell
from device.domain.desk.events import Booted, Closing
from device.domain.desk.model import Desk, Phase, Seat
from device.domain.payment import (
    GOING_BACK,
    OPEN_STATES,
    Attempt,
    AttemptState,
)
from device.domain.refund import RefundEvent
from device.domain.screens import ClockNotSet
from device.domain.words import Wallet
from device.journal import chain, connection
from device.performer import Performer
from device.recovery import Recovery
from simulators.planted.bug import Patch, bug, harmless


@bug("intent written after the send", "M2")
def _(patch: Patch) -> None:
    true = collect.advance

    def advance(*args: Any, **kwargs: Any) -> Any:
        desk, effects = true(*args, **kwargs)
        calls = [e for e in effects if isinstance(e, CallPay)]
        return desk, (*calls, *(e for e in effects if e not in calls))

    async def slow_commit(self: Performer, effect: Commit) -> None:
        await asyncio.sleep(0.2)
        await true_commit(self, effect)

    true_commit = Performer._PERFORM[Commit]
    patch.setattr(scan, "advance", advance)
    patch.setitem(Performer._PERFORM, Commit, slow_commit)


@bug("synchronous=NORMAL", "M2")
def _(patch: Patch) -> None:
    patch.setitem(connection.SETTINGS, "synchronous", 1)


@bug("the refund is sent before its row", "M2", stir="refund")
def _(patch: Patch) -> None:
    true, tell = give_back._open, Recovery._tell

    def later(*args: Any) -> Any:
        desk, effects = true(*args)
        return desk, tuple(Defer(e.change) if isinstance(e, Commit) else e for e in effects)

    async def silent(self: Recovery, refund: Any, event: RefundEvent, *more: Any) -> Any:
        return refund if event is RefundEvent.SEND else await tell(self, refund, event, *more)

    patch.setattr(give_back, "_open", later)
    patch.setattr(Recovery, "_tell", silent)


@bug("an answer is told and not stored", "M14")
def _(patch: Patch) -> None:
    def unstored(*args: Any) -> Any:
        ticket, _ = true_renew(*args)
        return ticket, ()

    patch.setattr(rows, "renew", unstored)


@bug("a revision is used twice", "M14")
def _(patch: Patch) -> None:
    true = deliver.announce

    def twice(*args: Any) -> Any:
        desk, effects = true(*args)
        return desk, tuple(_second(e) if isinstance(e, Tell) else e for e in effects)

    patch.setattr(collect, "announce", twice)


def _second(tell: Tell) -> Tell:
    reply: Any = tell.reply
    return replace(tell, reply=replace(reply, revision=2))


@bug("what was open at boot is forgotten", "M6", "M5", "M4")
def _(patch: Patch) -> None:
    true = flow.EVENTS[Booted]

    def forgetful(desk: Desk, event: Any, now: Any) -> Any:
        return true(desk, replace(event, unsettled=()), now)

    patch.setitem(flow.EVENTS, Booted, forgetful)


@bug("a failing disk ends the box", "M6", "M5", "M21", stir="commit_error_before disk_full")
def _(patch: Patch) -> None:
    async def once(self: Performer, effect: Commit) -> None:
        try:
            await self._ports.journal.commit(effect.change)
        except Exception as error:
            raise SystemError from error

    patch.setitem(Performer._PERFORM, Commit, once)


@bug("the hash of an event forgets the amount", "M17")
def _(patch: Patch) -> None:
    true = chain.row_hash
    patch.setattr(chain, "row_hash", lambda prev, row: true(prev, {**row, "amount_fen": 0}))


@bug("the pay call goes out before its intent is written", "M2", "M5", blind=True)
def _(patch: Patch) -> None:
    true = collect.advance

    def hasty(*args: Any, **kwargs: Any) -> Any:
        desk, effects = true(*args, **kwargs)
        return desk, tuple(sorted(effects, key=lambda e: not isinstance(e, CallPay)))

    patch.setattr(scan, "advance", hasty)


@bug(
    "recovery goes on before its arrow is written",
    "M2",
    blind=True,
    stir="reverse commit_error_before disk_full",
)
def _(patch: Patch) -> None:
    true = give_back._reverse

    def hasty(*args: Any) -> Any:
        desk, effects = true(*args)
        return desk, tuple(sorted(effects, key=lambda e: not isinstance(e, Pursue)))

    patch.setattr(give_back, "_reverse", hasty)


@bug("an answer goes out before it is written", "M14", "M22", "M14", blind=True)
def _(patch: Patch) -> None:
    async def tell_first(self: Any, event: Any) -> None:
        state, effects = flow.step(self.state, event, self.moment())
        for effect in sorted(effects, key=lambda e: not isinstance(e, Tell)):
            await self._perform(effect)
        self.state = state
        self._present()

    patch.setattr(DeskLoop, "_handle", tell_first)


@bug("the screen changes before the commit", "M22", "M22", blind=True)
def _(patch: Patch) -> None:
    async def show_first(self: Any, event: Any) -> None:
        self.state, effects = flow.step(self.state, event, self.moment())
        self._present()
        for effect in effects:
            await self._perform(effect)

    patch.setattr(DeskLoop, "_handle", show_first)


@bug("a second answer of a charge keeps its revision", "M14", "M6", blind=True)
def _(patch: Patch) -> None:
    true = answers.renew

    def same(ticket: Any, now: Any, charge: Any = None) -> Any:
        renewed, put = true(ticket, now, charge)
        if not put or ticket.revision < 1:
            return renewed, put
        answer = replace(put[0].answer, revision=ticket.revision)
        assert renewed.stored
        stored = replace(renewed.stored, answer=answer)
        return replace(renewed, stored=stored), (replace(put[0], answer=answer),)

    for module in (answering, rows):
        patch.setattr(module, "renew", same)


@bug(
    "what happened while the disk failed is forgotten",
    "M5",
    "M14",
    "M21",
    "M6",
    blind=True,
    stir="commit_error_before",
)
def _(patch: Patch) -> None:
    patch.setattr(keeping.Keeping, "_keep", lambda *_: None)


@harmless(
    "amounts are armed on a failing disk",
    why="what cannot be written is not armed all the same: `_defer` refuses it",
)
def _(patch: Patch) -> None:
    patch.setattr(desk_loop, "_begins", lambda _: False)


@bug("on a failing disk the HIS is told what is not written", "M21", "M14", "M14", blind=True)
def _(patch: Patch) -> None:
    patch.setattr(keeping.Keeping, "sayable", lambda _, reply: reply)


@bug("an event's hash leaves the one before out", "M17", "M17", blind=True)
def _(patch: Patch) -> None:
    true = chain.row_hash
    patch.setattr(chain, "row_hash", lambda _, row: true(chain.GENESIS, row))


@bug("after a boot what was under way is not paid", "M1", "M4", "M5", "M6", "M6", blind=True)
def _(patch: Patch) -> None:
    patch.setattr(booting, "OPEN_STATES", GOING_BACK)


@bug("a cancel wish is lost over a boot", "M7", blind=True, stir="cancels lost_answer power_cut")
def _(patch: Patch) -> None:
    true = booting._boot_charge

    def forgetful(desk: Desk, ticket: Any, charge: Charge, now: Any) -> Any:
        plain = tuple(replace(a, cancel_wish=False) for a in charge.attempts)
        return true(desk, ticket, replace(charge, attempts=plain), now)

    patch.setattr(booting, "_boot_charge", forgetful)


@bug("a charge of before the boot is armed again", "M13", "M4", "M14", blind=True, stir="power_cut")
def _(patch: Patch) -> None:
    true = flow.EVENTS[Booted]

    def rearm(desk: Desk, event: Booted, now: Any) -> Any:
        booted, effects = true(desk, event, now)
        bare = [t for t in event.unsettled if t.charges and not t.charges[-1].attempts]
        if not bare:
            return booted, effects
        seat = Seat(bare[0], Phase.CHECKING, None, now.mono_s, 90.0)
        check = CheckChannels(seat.charge.key, booted.health.configured or frozenset(Wallet))
        return replace(booted, seat=seat), (*effects, check)

    patch.setitem(flow.EVENTS, Booted, rearm)


@bug(
    "open refunds are not taken up after a boot",
    "M24",
    "M6",
    "M6",
    blind=True,
    stir="refund refund_processing power_cut_after_commit sigterm",
)
def _(patch: Patch) -> None:
    patch.setattr(booting, "_boot_refunds", lambda _: ())


@bug("what is reversing is not taken up after a boot", "M4", "M6", blind=True)
def _(patch: Patch) -> None:
    fewer = OPEN_STATES - {AttemptState.REVERSING}
    true = collect.pursue

    def some(charge: Charge, attempt: Attempt) -> Any:
        return true(charge, attempt) if attempt.state in fewer else ()

    def boot(desk: Desk, ticket: Any, charge: Charge, now: Any) -> Any:
        with Patch() as inner:
            inner.setattr(collect, "pursue", some)
            return boot_charge(desk, ticket, charge, now)

    boot_charge = booting._boot_charge
    patch.setattr(booting, "_boot_charge", boot)


@bug(
    "undelivered answers are not offered after a boot",
    "OFFERS",
    blind=True,
    stir="gives_up power_cut_after_commit",
)
def _(patch: Patch) -> None:
    patch.setattr(deliver, "restore", lambda desk, *_: desk)


@bug("a replaced card does not ask first", "M1", "M20", blind=True, stir="card_replaced")
def _(patch: Patch) -> None:
    for module in (collect, flow):
        patch.setattr(module, "wanted", lambda _: None)


@bug(
    "an amount that nobody named is believed at once",
    "M3",
    "M24",
    stir="card_replaced other_amount",
)
def _(patch: Patch) -> None:
    async def once(channel: Any, out_trade_no: str, _: int = 0) -> Any:
        return await probing.query_with_sum(channel, out_trade_no, None)

    patch.setattr(probing, "query_agreeing", once)


# ---------------------------------------------------------------- a card, a disk, an end


@bug("a card on another board is not noticed", "M20", stir="other_board")
def _(patch: Patch) -> None:
    patch.setattr(board, "board_of", lambda _: "")


@bug("the glass does not say that the disk fails", "M21", stir="commit_error_before disk_full")
def _(patch: Patch) -> None:
    patch.setattr(desk_loop, "StorageFailed", ClockNotSet)


@bug("a code is taken while the disk fails", "M21", "M2", stir="commit_error_before disk_full")
def _(patch: Patch) -> None:
    async def sent(self: Performer, effect: CallPay) -> None:
        self._questions.pay(effect, None)

    patch.setitem(Performer._PERFORM, CallPay, sent)


@bug("after SIGTERM the next amount is armed", "SIGTERM", stir="sigterm")
def _(patch: Patch) -> None:
    patch.setitem(flow.EVENTS, Closing, lambda desk, *_: (desk, ()))


@bug("after SIGTERM the running payment is not waited for", "SIGTERM", stir="sigterm password")
def _(patch: Patch) -> None:
    patch.setattr(DeskLoop, "idle", lambda _: True)
