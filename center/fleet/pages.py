"""One box: how it is, its alarms; an alarm is acknowledged (seen) and cleared (settled)."""

from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from center.accounts import audit
from center.accounts.access import needs, require
from center.accounts.roles import Permission
from center.ledger import health
from center.ledger.models import Alarm, Box

MOST_SHOWN = 50
LONGEST_REMARK = 200


@needs(Permission.FLEET)
def box_page(request: HttpRequest, id_: str) -> HttpResponse:
    """One box, its parts in words, its epochs and its alarms."""
    user = require(request.user, Permission.FLEET)
    box = get_object_or_404(Box, pk=id_)
    context = {
        "box": box,
        "condition": health.CONDITIONS[box.condition],
        "colour": health.CONDITION_COLOURS[box.condition],
        "parts": health.parts_of(box.health),
        "epochs": box.epochs.order_by("-number")[:MOST_SHOWN],
        "alarms": Alarm.objects.filter(box=box).order_by("-at")[:MOST_SHOWN],
        "may_settle": user.may(Permission.ALARMS),
        "may_see_orders": user.may(Permission.SETTLEMENT),
    }
    return render(request, "web/box.html", context)


@require_POST
@needs(Permission.ALARMS)
def settle_alarm(request: HttpRequest, number: int) -> HttpResponse:
    """Acknowledge it (somebody is looking) or clear it (settled, with a word why)."""
    user = require(request.user, Permission.ALARMS)
    alarm = get_object_or_404(Alarm, pk=number)
    remark = request.POST.get("remark", "").strip()[:LONGEST_REMARK]
    clear = request.POST.get("how") == "clear"
    if clear and not remark:
        messages.error(request, _("请写明怎样了结的"))
        return redirect("box", alarm.box_id)
    still_open = Alarm.objects.filter(pk=number, cleared_at=None)
    now = datetime.now(UTC)
    if clear:
        changed = still_open.update(cleared_at=now, cleared_by=user.username, remark=remark)
    else:
        unseen = still_open.filter(acknowledged_at=None)
        changed = unseen.update(acknowledged_at=now, acknowledged_by=user.username)
    if changed:
        did = "alarm_cleared" if clear else "alarm_acknowledged"
        audit.record(request, did, alarm.box_id, alarm=number, kind=alarm.kind, remark=remark)
    return redirect("box", alarm.box_id)
