"""What the statistics centre asks of the box (center §4), by the rules of the HIS's own requests.

An approved refund or reverse runs through the same checks and tables as the HIS's, under the id
`*C-17`. What cannot be done is told by a row of kind `do`; what cannot be done now is not told at
all, because the centre asks again until a row with its id arrives.
"""

from device.domain.action import Action
from device.domain.desk import give_back
from device.domain.desk.effects import Commit, Step, Tell
from device.domain.desk.events import Asked, Concluded, Instructed, SumTold
from device.domain.desk.model import Desk, Settings
from device.domain.numbers import BOX_REFUND_ID
from device.domain.record import Event, Moment, PutOrder
from device.domain.replies import ErrorReply
from device.domain.requests import RefundRequest, Reverse
from device.domain.words import ErrorCode

LATER = frozenset({ErrorCode.BUSY, ErrorCode.OFFLINE, ErrorCode.STORAGE_FAILED})
"""Not now: the centre will ask again."""
REFUSED = "refused"


def id_of(action: Action) -> str:
    """The id under which an action runs; no HIS id may look like it."""
    return BOX_REFUND_ID + action.id


def on_instructed(desk: Desk, event: Instructed, now: Moment) -> Step:
    """Begin a refund or reverse, once; its rows carry the action's id from the first on."""
    asked, action = event.asked, event.action
    if asked.ticket:  # begun before: its rows tell
        return desk, ()
    if asked.order and asked.order.out_trade_no != action.out_trade_no:
        return _refused(desk, action, ErrorCode.NOT_ALLOWED, now)
    begin = give_back.on_reverse if isinstance(asked.request, Reverse) else give_back.on_refund
    told, effects = begin(desk, asked, now)
    code = next((_code(e) for e in effects if isinstance(e, Tell) and not e.connection), None)
    if code is None:
        return told, effects
    return (desk, ()) if code in LATER else _refused(desk, action, code, now)


def _code(tell: Tell) -> ErrorCode:
    assert isinstance(tell.reply, ErrorReply)
    return tell.reply.code


def _refused(desk: Desk, action: Action, code: ErrorCode, now: Moment) -> Step:
    return on_concluded(desk, Concluded(action, REFUSED, code.value), now)


def on_concluded(desk: Desk, event: Concluded, now: Moment) -> Step:
    """Tell the centre what came of an action that has no other row to tell it."""
    return desk, (Commit((_row(desk.settings, event, now),)),)


def on_sum_told(desk: Desk, event: SumTold, _: Moment) -> Step:
    """Count what others gave back, so that the sum is never passed (M3).

    Judged by the order as it stands now: a refund of ours may have begun since then.
    """
    order = event.order
    if order is None or order.open_refund_id:
        return desk, ()
    others = min(max(0, event.refunded_fen - order.refund_fen), order.amount_fen)
    if others == order.elsewhere_fen:
        return desk, ()
    row = PutOrder(order.out_trade_no, order.wallet, order.amount_fen, others)
    return desk, (Commit((row,)),)


def _row(settings: Settings, event: Concluded, now: Moment) -> Event:
    action = event.action
    return Event(
        uid=id_of(action),
        kind="do",
        state=event.state,
        desk=settings.desk,
        at=now.wall,
        reason=event.reason,
        channel=event.channel,
        operator=action.by,
        amount_fen=event.amount_fen,
        out_trade_no=action.out_trade_no,
        do_id=action.id,
    )


def asked_for(action: Action, pay_id: str, business_date: str, connection: int) -> Asked:
    """The request that a HIS would have sent: a reverse names the charge, a refund the order."""
    if pay_id:
        reverse = Reverse(
            id_of(action), pay_id, business_date=business_date, operator=action.by, do_id=action.id
        )
        return Asked(connection, 0, reverse)
    refund = RefundRequest(
        id_of(action),
        action.amount_fen,
        out_trade_no=action.out_trade_no,
        operator=action.by,
        do_id=action.id,
    )
    return Asked(connection, 0, refund, looked_up=True)
