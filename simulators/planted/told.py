"""What the HIS hears, what the glass shows, what a log keeps."""

import logging
from dataclasses import replace
from typing import Any

from device.domain import answers
from device.domain.charge import Charge
from device.domain.desk import answering, collect, deliver, give_back, scan, view
from device.domain.desk.effects import Tell
from device.domain.desk.events import Asked
from device.domain.desk.model import Desk
from device.domain.payment import AttemptState
from device.domain.requests import Pay
from device.domain.screens import PaidScreen
from device.journal import SqliteJournal
from device.performer import Performer
from simulators.planted.bug import Patch, bug


@bug("the answer goes to another connection", "M13", "M6")
def _(patch: Patch) -> None:
    async def astray(self: Performer, effect: Tell) -> None:
        self._ports.link.send(effect.connection + 1, effect.reply, effect.re)

    patch.setitem(Performer._PERFORM, Tell, astray)


@bug("the answer is about another id", "M13", "M14")
def _(patch: Patch) -> None:
    async def mixed(self: Performer, effect: Tell) -> None:
        reply: Any = effect.reply
        if getattr(reply, "id", ""):
            reply = replace(reply, id="MZ000001")
        self._ports.link.send(effect.connection, reply, effect.re)

    patch.setitem(Performer._PERFORM, Tell, mixed)


@bug("success is shown before it is durable", "M22")
def _(patch: Patch) -> None:
    true = view._under_way_screen

    def hopeful(attempt: Any, left_s: int | None) -> Any:
        paying = attempt.state is AttemptState.INTENDED
        return PaidScreen(attempt.amount_fen, attempt.wallet) if paying else true(attempt, left_s)

    patch.setattr(view, "_under_way_screen", hopeful)


@bug("the payer code is logged", "M19")
def _(patch: Patch) -> None:
    true = scan._take

    def talkative(desk: Desk, seat: Any, text: str, *args: Any, **kwargs: Any) -> Any:
        logging.getLogger("device.desk").warning("code %s", text)
        return true(desk, seat, text, *args, **kwargs)

    patch.setattr(scan, "_take", talkative)


@bug("a revision that is told is the next one", "M14")
def _(patch: Patch) -> None:
    async def ahead(self: Performer, effect: Tell) -> None:
        reply: Any = effect.reply
        if getattr(reply, "revision", 0):
            reply = replace(reply, revision=reply.revision + 1)
        self._ports.link.send(effect.connection, reply, effect.re)

    patch.setitem(Performer._PERFORM, Tell, ahead)


@bug("a patient's number is stored as it is", "M19")
def _(patch: Patch) -> None:
    patch.setattr(collect, "_patient", lambda _, pay: pay.patient_id)


@bug("a result carries the id that is at the desk", "M13", "M3", "M4", "M14", blind=True)
def _(patch: Patch) -> None:
    true = deliver.offer_due

    def mixed(desk: Desk, now: Any) -> Any:
        patch.setattr(deliver, "_may_speak", lambda *_: True)
        told, effects = true(desk, now)
        seat = desk.seat
        if not seat:
            return told, effects
        return told, tuple(_named(e, seat.ticket.his_id) for e in effects)

    patch.setattr(deliver, "offer_due", mixed)


def _named(effect: Any, his_id: str) -> Any:
    return replace(effect, reply=replace(effect.reply, id=his_id))


@bug(
    "old results are sent unasked while another charge is at the desk",
    "M13",
    blind=True,
    stir="gives_up reconnects",
)
def _(patch: Patch) -> None:
    patch.setattr(deliver, "_may_speak", lambda *_: True)


@bug(
    "every answer goes to who came last",
    "M13",
    "M6",
    blind=True,
    stir="second_connection reconnects",
)
def _(patch: Patch) -> None:
    true = deliver.answer_with
    seen: list[int] = []

    def last(desk: Desk, asked: Asked, ticket: Any, answer: Any) -> Any:
        if isinstance(asked.request, Pay):
            seen[:] = [asked.connection]
        if seen:
            asked = replace(asked, connection=seen[0])
        return true(desk, asked, ticket, answer)

    for module in (answering, give_back):
        patch.setattr(module, "answer_with", last)


@bug("once paid is always told as paid", "M3", blind=True)
def _(patch: Patch) -> None:
    true = answers.standing

    def firm(charge: Charge) -> tuple[str, str]:
        return ("paid", "") if charge.answered_paid else true(charge)

    patch.setattr(answers, "standing", firm)


@bug("what is in doubt is told as not paid", "M4", "M1", blind=True, stir="system_error password")
def _(patch: Patch) -> None:
    true = answers.standing

    def simple(charge: Charge) -> tuple[str, str]:
        status, state = true(charge)
        return ("not_paid", "") if state == "querying" else (status, state)

    patch.setattr(answers, "standing", simple)
    patch.setitem(answers.STATUS_TEXTS, "not_paid", "未支付")


@bug("while reversing the HIS hears not_paid already", "M4", blind=True, stir="password_never")
def _(patch: Patch) -> None:
    true = answers.standing

    def simple(charge: Charge) -> tuple[str, str]:
        status, state = true(charge)
        return ("not_paid", "") if state == "reversing" else (status, state)

    patch.setattr(answers, "standing", simple)
    patch.setitem(answers.STATUS_TEXTS, "not_paid", "未支付")


@bug("the patient's name is logged", "M19", "M19", blind=True)
def _(patch: Patch) -> None:
    true = collect._seat

    def talkative(desk: Desk, asked: Asked, now: Any) -> Any:
        pay = asked.request
        assert isinstance(pay, Pay)
        logging.getLogger("device.desk").warning("pay for %s %s", pay.patient_name, pay.patient_id)
        return true(desk, asked, now)

    patch.setattr(collect, "_seat", talkative)


@bug("a summary counts a payment twice", "SUMMARY")
def _(patch: Patch) -> None:
    true = SqliteJournal.summary

    async def doubled(self: SqliteJournal, date: str, operator: str) -> Any:
        rows = await true(self, date, operator)
        return [replace(row, paid_fen=2 * row.paid_fen) for row in rows]

    patch.setattr(SqliteJournal, "summary", doubled)
