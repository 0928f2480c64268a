"""What the HIS is told about a charge or refund, derived from its state (his-link §2, §3).

An answer is stored under the next revision before it is sent; the same state gives the same
content, so nothing is stored twice and no revision ever changes its meaning (M14).
"""

from dataclasses import replace
from datetime import datetime

from device.domain.booking import BookingState
from device.domain.charge import Charge, ChargeState
from device.domain.payment import GOING_BACK, AttemptState
from device.domain.record import Moment, PutAnswer, Stored, Ticket
from device.domain.refund import Refund, RefundState
from device.domain.replies import Answer, RefundResult, Result
from device.domain.verdict import current_attempt, paid_attempt
from device.domain.words import Reason

NEXT_CHECK_S = 3  # how soon the HIS may ask again while unknown; the box resolves it by itself
NEXT_CHECKS_S = {"reversing": 10, "manual": 60}  # which take longer, the last a person

STATE_WORDS = {
    AttemptState.INTENDED: "paying",
    AttemptState.WAITING: "password",
    AttemptState.UNKNOWN: "querying",
    AttemptState.REVERSING: "reversing",
    AttemptState.REFUND_DUE: "reversing",
    AttemptState.REFUNDING: "reversing",
    AttemptState.MANUAL: "manual",
}
STATUS_TEXTS = {
    "paid": "支付成功",
    "returned": "款项已退回",
    "armed": "等待顾客出示付款码",
    "paying": "正在支付",
    "password": "等待顾客输入密码",
    "querying": "结果确认中，请勿重复收款",
    "reversing": "正在撤销，款项将自动退回，可改用其他方式",
    "manual": "需要人工核查，请联系财务",
}
PAID_TEXTS = {
    BookingState.OFFERED: "支付成功，请确认入账",
    BookingState.HELD: "已付款，尚未确认入账，请核对",
}
REASON_TEXTS = {
    Reason.CANCELLED: "已取消",
    Reason.CANCELLED_AT_BOX: "已在扫码墩上取消",
    Reason.SUPERSEDED: "已被新的收款替换",
    Reason.EXPIRED: "超时未出示付款码",
    Reason.RESTARTED: "扫码墩重启，本次收款未进行",
    Reason.OFFLINE: "网络不通，未付款",
    Reason.DECLINED_BALANCE: "余额不足",
    Reason.DECLINED_LIMIT: "超出付款限额",
    Reason.DECLINED_CODE: "付款码无效或已过期",
    Reason.DECLINED_ACCOUNT: "付款账户受限",
    Reason.DECLINED_OTHER: "付款被拒绝",
    Reason.PAYER_TIMEOUT: "顾客未完成付款",
    Reason.REVERSED: "已撤销",
    Reason.NOT_BOOKED: "未入账，已退回",
    Reason.LATE_PAYMENT_RETURNED: "迟到的付款已退回",
    Reason.MERCHANT_FAULT: "商户配置有误，请联系技术人员",
    Reason.STORAGE_FAILED: "存储故障",
    Reason.MANUAL: "已退款",
    Reason.WINDOW_CLOSED: "已超过退款期限",
    Reason.OVER_REFUND: "退款金额超过可退金额",
    Reason.PAYER_ACCOUNT: "付款账户异常，请线下退款",
    Reason.BALANCE_SHORT: "商户余额不足，将自动重试",
    Reason.PROVIDER_BUSY: "退款处理中",
}
REFUND_STATUS = {
    RefundState.REQUESTED: "pending",
    RefundState.SENT: "pending",
    RefundState.PENDING: "pending",
    RefundState.REFUNDED: "refunded",
    RefundState.FAILED: "failed",
    RefundState.MANUAL: "unknown",
}
REFUND_TEXTS = {
    "pending": "退款处理中",
    "refunded": "退款成功",
    "failed": "退款失败",
    "unknown": "需要人工核查，请联系财务",
}


def standing(charge: Charge) -> tuple[str, str]:
    """Return (status, state) of a charge; state only with `unknown`."""
    states = {a.state for a in charge.attempts}
    if AttemptState.MANUAL in states:
        return "unknown", "manual"
    if charge.state is ChargeState.PAID and paid_attempt(charge):
        return "paid", ""
    if charge.state is not ChargeState.OPEN and not states & GOING_BACK:
        return charge.state.value, ""
    attempt = current_attempt(charge)
    return "unknown", STATE_WORDS.get(attempt.state, "armed") if attempt else "armed"


def result_of(charge: Charge, revision: int) -> Result:
    """Return the charge's `result` as it stands."""
    status, state = standing(charge)
    attempt = current_attempt(charge)
    reason = charge.reason if status in {"not_paid", "returned"} else Reason.NONE
    paid = status in {"paid", "returned"}
    return Result(
        id=charge.key.his_id,
        try_=charge.key.try_,
        business_date=charge.key.business_date,
        revision=revision,
        status=status,
        state=state,
        reason=reason.value,
        message=REASON_TEXTS.get(reason) or _text(charge, status, state),
        wallet=attempt.wallet.value if attempt else "",
        amount_fen=charge.amount_fen,
        refunded_fen=charge.amount_fen if status == "returned" else charge.refunded_fen,
        out_trade_no=attempt.out_trade_no if attempt else "",
        provider_trade_no=attempt.provider_trade_no if attempt else "",
        paid_at=iso(attempt.paid_at) if attempt and paid else "",
        payer_mask=attempt.payer_mask if attempt and paid else "",
        booked=charge.booking is BookingState.BOOKED,
        attention=charge.attention or state == "manual" or _held(charge, status),
        next_check_s=NEXT_CHECKS_S.get(state, NEXT_CHECK_S) if status == "unknown" else 0,
        form=charge.form,
    )


def _text(charge: Charge, status: str, state: str) -> str:
    unbooked = PAID_TEXTS.get(charge.booking) if status == "paid" else None
    return unbooked or STATUS_TEXTS[state or status]


def _held(charge: Charge, status: str) -> bool:
    return status == "paid" and charge.booking is BookingState.HELD


def refund_result_of(refund: Refund, revision: int) -> RefundResult:
    """Return the refund's `refund_result` as it stands."""
    status = REFUND_STATUS[refund.state]
    reason = Reason.MANUAL if refund.state is RefundState.MANUAL else refund.reason
    said = REASON_TEXTS.get(reason) if status in {"failed", "pending"} else None
    return RefundResult(
        id=refund.his_id,
        revision=revision,
        status=status,
        pay_id=refund.pay_id,
        reason=reason.value,
        message=said or REFUND_TEXTS[status],
        amount_fen=refund.amount_fen,
        out_trade_no=refund.out_trade_no,
        out_refund_no=refund.out_refund_no,
        provider_refund_no=refund.provider_refund_no,
        refunded_at=iso(refund.refunded_at),
        attention=refund.state is RefundState.MANUAL,
        form=refund.form,
    )


def storage_failed(answer: Answer, state: str) -> Answer:
    """Return what the HIS hears of this id while the journal cannot be written (M21).

    `unknown`, reason `storage_failed`, with the state that was last durable and nothing that is not
    on disk. It alone is not stored, so it has no revision of its own: it says 0, which is below
    every stored one, is never delivered, and never stands in the way of the answer that follows.
    """
    reason = Reason.STORAGE_FAILED.value
    told = REASON_TEXTS[Reason.STORAGE_FAILED] + "，" + STATUS_TEXTS["querying"]
    if isinstance(answer, RefundResult):
        return RefundResult(
            id=answer.id,
            revision=0,
            status="unknown",
            pay_id=answer.pay_id,
            reason=reason,
            message=told,
            amount_fen=answer.amount_fen,
            out_trade_no=answer.out_trade_no,
            out_refund_no=answer.out_refund_no,
            form=answer.form,
        )
    return Result(
        id=answer.id,
        try_=answer.try_,
        revision=0,
        status="unknown",
        business_date=answer.business_date,
        reason=reason,
        message=told,
        wallet=answer.wallet,
        amount_fen=answer.amount_fen,
        out_trade_no=answer.out_trade_no,
        state=state,
        next_check_s=NEXT_CHECK_S,
        form=answer.form,
    )


def iso(moment: datetime | None) -> str:
    """ISO 8601 with offset, seconds; empty for none."""
    return moment.isoformat(timespec="seconds") if moment else ""


OFFERED_STATES = frozenset({"querying", "reversing", "manual"})
"""An `unknown` is pushed on entering doubt and on entering reversing, not for progress."""


def offered(answer: Answer) -> bool:
    """Whether this answer is sent without being asked, until it is known to be delivered."""
    if isinstance(answer, RefundResult):
        return answer.status != "pending"
    return answer.status != "unknown" or answer.state in OFFERED_STATES


def renew(
    ticket: Ticket, now: Moment, charge: Charge | None = None
) -> tuple[Ticket, tuple[PutAnswer, ...]]:
    """Return the ticket with its newest answer, and the write that stores it if it changed.

    `charge`: the try to speak of; None = the newest, or the refund.
    """
    fresh = _fresh(ticket, charge)
    before = answer_for(ticket, fresh.try_ if isinstance(fresh, Result) else None)
    same = before and replace(before.answer, revision=0) == fresh
    if before and same and ticket.floor < before.answer.revision:
        return ticket, ()
    answer = replace(fresh, revision=ticket.revision + 1)
    stored = Stored(
        business_date=ticket.business_date,
        answer=answer,
        at=now.wall,
        offer=offered(answer),
        delivered=False,
        this_boot=True,
        mono_s=now.mono_s,
    )
    put = PutAnswer(ticket.business_date, answer, now.wall, stored.offer)
    older = tuple(s for s in answers(ticket) if s is not before)
    return replace(ticket, stored=stored, older=older), (put,)


def _fresh(ticket: Ticket, charge: Charge | None) -> Answer:
    if ticket.refund:
        return refund_result_of(ticket.refund, 0)
    return result_of(charge or ticket.charges[-1], 0)


def answers(ticket: Ticket) -> tuple[Stored, ...]:
    """The newest stored answer of every try."""
    return (*ticket.older, ticket.stored) if ticket.stored else ticket.older


def answer_for(ticket: Ticket, try_: int | None) -> Stored | None:
    """The newest stored answer of one try; of a refund with None."""
    return next((s for s in answers(ticket) if getattr(s.answer, "try_", None) == try_), None)
