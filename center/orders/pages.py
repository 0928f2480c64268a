"""One order: what it is, what happened to it, what may be done with it (center §1, §4)."""

import re
from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from center.accounts import audit
from center.accounts.access import needs, require
from center.accounts.models import User
from center.accounts.roles import Permission
from center.ledger.models import Action, ActionKind, ActionState, Event, Payment, Refund, Trace
from center.orders import timeline
from center.orders.catalog import ORDERS, PAYMENT_BADGES, REFUND_BADGES, REFUNDS
from center.reports.cells import shown
from center.reports.scope import seen_by

_YUAN = re.compile(r"([0-9]{1,8})(?:\.([0-9]{1,2}))?")
GIVEN_BACK = frozenset({"reversed", "refunded", "failed"})


def find_payment(user: User, uid: str) -> Payment:
    """Return the newest payment of that number; Http404 if this user sees none."""
    found = seen_by(user, Payment.objects.filter(uid=uid)).order_by("-at").first()
    if found is None:
        raise Http404
    return found


@needs(Permission.ORDERS)
def order(request: HttpRequest, uid: str) -> HttpResponse:
    """The page of one order."""
    user = require(request.user, Permission.ORDERS)
    payment = find_payment(user, uid)
    refunds = list(Refund.objects.filter(ref=uid).order_by("first_at"))
    uids = [uid, *(r.uid for r in refunds)]
    events = Event.objects.filter(
        uid__in=uids, box_id__in={payment.box_id, *(r.box_id for r in refunds)}
    )
    context = {
        "payment": payment,
        "badge": PAYMENT_BADGES.get(payment.state, "none"),
        "facts": [(c.title, shown(c, payment)) for c in ORDERS.columns],
        "refunds": [
            (r, REFUND_BADGES[r.state], [shown(c, r) for c in REFUNDS.columns]) for r in refunds
        ],
        "refund_titles": [c.title for c in REFUNDS.columns],
        "story": _story(events.order_by("received_at", "epoch", "seq")[:200]),
        "timeline": timeline.drawn(Trace.objects.filter(box=payment.box, uid=uid).first()),
        "actions": Action.objects.filter(out_trade_no=uid).order_by("-id"),
        "rest_fen": payment.amount_fen - payment.refunded_fen,
        "may_request": user.may(Permission.REQUEST_ACTION) and payment.state not in GIVEN_BACK,
        "may_approve": user.may(Permission.APPROVE_ACTION),
    }
    return render(request, "web/order.html", context)


def _story(events: Any) -> list[dict[str, Any]]:
    """What happened, oldest first, in the words of the state tables."""
    words = dict(ORDERS.column("state").words) | dict(REFUNDS.column("state").words)
    return [
        {
            "at": datetime.fromisoformat(e.row["at"]),
            "box": e.box_id,
            "refund": e.kind == "refund",
            "state": words.get(e.state, e.state),
            "reason": e.row.get("reason", ""),
            "amount_fen": e.row["amount_fen"],
        }
        for e in events
    ]


@require_POST
@needs(Permission.REQUEST_ACTION)
def act(request: HttpRequest, uid: str) -> HttpResponse:
    """Ask for an action. A query goes at once; a reverse or refund waits for a second person."""
    user = require(request.user, Permission.REQUEST_ACTION)
    payment = find_payment(user, uid)
    kind, note = request.POST.get("kind", ""), request.POST.get("note", "").strip()[:200]
    fen = _fen(request.POST.get("amount", "")) if kind == ActionKind.REFUND else payment.amount_fen
    wrong = _refusal(payment, kind, fen, note)
    if wrong:
        messages.error(request, wrong)
        return redirect("order", uid)
    now = datetime.now(UTC)
    at_once = kind == ActionKind.QUERY
    action = Action.objects.create(
        box_id=payment.box_id,
        kind=kind,
        out_trade_no=payment.out_trade_no,
        amount_fen=(fen or 0) if kind == ActionKind.REFUND else 0,
        note=note,
        requested_by=user.username,
        requested_at=now,
        state=ActionState.APPROVED if at_once else ActionState.REQUESTED,
        decided_at=now if at_once else None,
    )
    audit.record(
        request, f"{kind}_requested", uid, action=action.do_id, amount_fen=action.amount_fen
    )
    messages.success(
        request, _("已交给设备查询") if at_once else _("已提出，等待另一位财务人员批准")
    )
    return redirect("order", uid)


def _refusal(payment: Payment, kind: str, fen: int | None, note: str) -> str:
    """Why this action may not be asked for; empty if it may."""
    if kind not in ActionKind.values:
        return _("没有这种操作")
    if kind != ActionKind.QUERY:
        if not note:
            return _("请写明原因")
        waiting = Action.objects.filter(out_trade_no=payment.out_trade_no)
        if (
            waiting.filter(state__in=(ActionState.REQUESTED, ActionState.APPROVED))
            .exclude(kind=ActionKind.QUERY)
            .exists()
        ):
            return _("这笔订单已有一项操作在进行")
    if kind == ActionKind.REFUND and not (
        fen and 0 < fen <= payment.amount_fen - payment.refunded_fen
    ):
        return _("退款金额须大于零，且不超过未退的部分")
    return ""


def _fen(text: str) -> int | None:
    found = _YUAN.fullmatch(text.strip())
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if found else None


@require_POST
@needs(Permission.APPROVE_ACTION)
def decide(request: HttpRequest, number: int) -> HttpResponse:
    """A second person approves or refuses; nobody decides on the own request."""
    user = require(request.user, Permission.APPROVE_ACTION)
    action = get_object_or_404(Action, pk=number)
    if action.requested_by == user.username:
        raise PermissionDenied
    approve = request.POST.get("approve") == "yes"
    changed = Action.objects.filter(pk=number, state=ActionState.REQUESTED).update(
        state=ActionState.APPROVED if approve else ActionState.REFUSED,
        approved_by=user.username,
        decided_at=datetime.now(UTC),
    )
    if changed:
        word = "approved" if approve else "refused"
        audit.record(request, f"{action.kind}_{word}", action.out_trade_no, action=action.do_id)
    return redirect("order", action.out_trade_no)
