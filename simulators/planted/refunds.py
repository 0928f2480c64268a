"""Giving back a part or the whole."""

import itertools
from dataclasses import replace
from typing import Any

from device import recovery
from device.channels.alipay import codes as alipay_codes
from device.channels.alipay.client import AlipayChannel
from device.channels.meaning import refund_failed
from device.channels.wechat import codes as wechat_codes
from device.channels.wechat.client import WechatChannel
from device.domain import numbers, refund_pursuit, verdict
from device.domain.charge import Charge, ChargeState
from device.domain.desk import give_back, reported
from device.domain.desk.events import Asked
from device.domain.desk.model import Desk
from device.domain.outcome import (
    Later,
    RefundPending,
    Unknown,
)
from device.domain.payment import (
    NO_FACTS,
    Attempt,
)
from device.domain.refund import OPEN_REFUNDS, RefundEvent, RefundState, refund_order
from device.domain.words import Reason
from device.recovery import Recovery
from simulators.planted.bug import Patch, bug


@bug("an accepted refund counts as refunded", "M3", "M24")
def _(patch: Patch) -> None:
    true = refund_pursuit.heard_refund

    def believed(*args: Any) -> Any:
        trail, event, facts = true(*args)
        done = RefundEvent.DONE if event is RefundEvent.PENDING else event
        return trail, done, facts

    patch.setattr(recovery, "heard_refund", believed)


@bug("a refund is forgotten at boot or at the first answer", "M6", "M24", "M3")
def _(patch: Patch) -> None:
    true = Recovery.pursue_refund
    seen: set[str] = set()

    def once(self: Recovery, refund: Any) -> None:
        if refund.out_refund_no[-1] in "ABCDEFGHIJKLMNOP":
            seen.add(refund.out_refund_no)
            return
        true(self, refund)

    patch.setattr(Recovery, "pursue_refund", once)


@bug("a refund that is sent again has a new number", "M2")
def _(patch: Patch) -> None:
    true = AlipayChannel.refund

    async def renumbered(self: Any, order: Any) -> Any:
        outcome = await true(self, order)
        if isinstance(outcome, Later | Unknown):
            other = order.out_refund_no[:-1] + "7"
            outcome = await true(self, replace(order, out_refund_no=other))
        return outcome

    patch.setattr(AlipayChannel, "refund", renumbered)


@bug("a refund is asked for twice the amount", "M24", "M3")
def _(patch: Patch) -> None:
    true = WechatChannel.refund

    async def more(self: Any, order: Any) -> Any:
        twice = min(order.total_fen, 2 * order.amount_fen)
        return await true(self, replace(order, amount_fen=twice))

    patch.setattr(WechatChannel, "refund", more)


@bug("an accepted refund is a refund", "M24", "M4", blind=True, stir="refund refund_processing")
def _(patch: Patch) -> None:
    true = refund_pursuit._ended

    def hasty(outcome: Any) -> Any:
        if isinstance(outcome, RefundPending):
            return RefundEvent.DONE, NO_FACTS
        return true(outcome)

    patch.setattr(refund_pursuit, "_ended", hasty)


@bug("a failed refund is counted too", "M24", "M3", "M4", blind=True)
def _(patch: Patch) -> None:
    true = reported._pay_side

    def generous(desk: Desk, event: Any, charge: Any, refund: Any, now: Any) -> Any:
        if refund.state not in OPEN_REFUNDS:
            refund = replace(refund, state=RefundState.REFUNDED)
        return true(desk, event, charge, refund, now)

    patch.setattr(reported, "_pay_side", generous)


@bug("a refund is counted twice", "M24", "M3", blind=True)
def _(patch: Patch) -> None:
    true = verdict.with_refunded

    def twice(charge: Charge, refunded_fen: int, why: Reason) -> Charge:
        return true(charge, 2 * refunded_fen - charge.refunded_fen, why)

    patch.setattr(reported, "with_refunded", twice)


@bug("a refund is sent again under a new number", "M24", "M1", "M2", blind=True)
def _(patch: Patch) -> None:
    true, count = refund_order, itertools.count()

    def fresh(refund: Any) -> Any:
        order = true(refund)
        number = f"R{next(count):05d}{order.out_refund_no[6:]}"
        return replace(order, out_refund_no=number)

    patch.setattr(recovery, "refund_order", fresh)


@bug("a refund asked again has another number", "M24", stir="card_replaced refund")
def _(patch: Patch) -> None:
    true, asked = numbers.out_refund_no, itertools.count()
    patch.setattr(
        give_back, "out_refund_no", lambda order, his_id: true(order, f"{his_id}-{next(asked)}")
    )


@bug(
    "WeChat's SYSTEMERROR ends a refund",
    *("M24", "M3"),
    blind=True,
    stir="refund refund_error",
    table="wechat refund",
)
def _(patch: Patch) -> None:
    patch.setitem(wechat_codes.REFUND, "SYSTEMERROR", refund_failed(Reason.MERCHANT_FAULT))


@bug(
    "Alipay's SYSTEM_ERROR ends a refund",
    *("M24", "M3"),
    blind=True,
    stir="refund refund_error",
    table="alipay refund",
)
def _(patch: Patch) -> None:
    patch.setitem(alipay_codes.REFUND, "SYSTEM_ERROR", refund_failed(Reason.MERCHANT_FAULT))


@bug(
    "the rest of the order is not looked at before a refund", "M24", blind=True, stir="refund_over"
)
def _(patch: Patch) -> None:
    true = give_back._refusal

    def lax(desk: Desk, asked: Asked, order: Any, amount_fen: int, now: Any) -> Any:
        return true(desk, asked, order, min(amount_fen, 1), now)

    patch.setattr(give_back, "_refusal", lax)


@bug("a reversed payment stays paid for the HIS", "M3", blind=True)
def _(patch: Patch) -> None:
    true = verdict._no_money

    def stays(charge: Charge, attempt: Attempt) -> Charge:
        return charge if charge.state is ChargeState.PAID else true(charge, attempt)

    patch.setattr(verdict, "_no_money", stays)
