"""A break with what is known and decided about it; the upload of a HIS list; comparing again."""

from datetime import UTC, date, datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from center.accounts import audit
from center.accounts.access import needs, require
from center.accounts.roles import Permission
from center.ledger.models import Payment, Refund
from center.ledger.words import Channel
from center.reconciliation import bank_list, his_list, table
from center.reconciliation.catalog import BREAKS, HIS_ROWS, REPORTS_OF
from center.reconciliation.daily import check_day
from center.reconciliation.his_list import Mapped
from center.reconciliation.intake import (
    MOST_DAYS,
    keep_receipts,
    saved_mapping,
    take,
    take_receipts,
)
from center.reconciliation.models import (
    BankReceipt,
    BreakRow,
    BreakState,
    ColumnMapping,
    Decision,
    HisList,
    HisRow,
    Pair,
    Resolution,
)
from center.reconciliation.refunds import Anomaly
from center.reports.cells import shown
from center.reports.scope import beijing_today
from center.statements.models import StatementLine

HOW = ("pay_type", "kind")
"""How the HIS booked it."""


@needs(Permission.RECONCILIATION)
def break_page(request: HttpRequest, number: int) -> HttpResponse:
    """One break: both lists' rows side by side, and what people decided."""
    row = get_object_or_404(BreakRow, pk=number)
    user = require(request.user, Permission.RECONCILIATION)
    report = REPORTS_OF.get(row.pair, BREAKS)
    lines = StatementLine.objects.filter(out_trade_no=row.key) | StatementLine.objects.filter(
        out_refund_no=row.key
    )
    payments = Payment.objects.filter(uid=row.key) | Payment.objects.filter(his_id=row.key)
    refunds = (
        Refund.objects.filter(operator=row.key, day=row.day)
        if row.code == Anomaly.MANY
        else Refund.objects.filter(Q(ref=row.key) | Q(uid=row.key) | Q(his_id=row.key))
    )
    numbers = [row.key, *(p.his_id for p in payments[:20]), *(r.his_id for r in refunds[:100])]
    his_rows = HisRow.objects.filter(his_id__in=numbers).order_by("day", "id")[:100]
    context = {
        "row": row,
        "facts": [(c.title, shown(c, row)) for c in report.columns],
        "report": report,
        "payments": payments[:20],
        "refunds": refunds.order_by("first_at")[:100],
        "lines": lines.order_by("at")[:20],
        "receipts": _receipts_of(row),
        "his_rows": [(h, [shown(HIS_ROWS.column(n), h) for n in HOW]) for h in his_rows],
        "decisions": row.decisions.order_by("-id"),
        "resolutions": Resolution.choices,
        "may_resolve": user.may(Permission.RESOLVE),
    }
    return render(request, "web/break.html", context)


def _receipts_of(row: BreakRow) -> Any:
    """What arrived at the bank for the days of such a break."""
    if row.pair != Pair.BANK:
        return BankReceipt.objects.none()
    return BankReceipt.objects.filter(channel=row.channel, last_day=row.day)


@require_POST
@needs(Permission.RESOLVE)
def resolve(request: HttpRequest, number: int) -> HttpResponse:
    """Add a decision. It changes where the break stands, never what was found."""
    row = get_object_or_404(BreakRow, pk=number)
    user = require(request.user, Permission.RESOLVE)
    resolution, remark = request.POST.get("resolution", ""), request.POST.get("remark", "").strip()
    if resolution not in Resolution.values or not remark:
        messages.error(request, _("请选择处理方式并写明说明"))
        return redirect("break", number)
    now = datetime.now(UTC)
    Decision.objects.create(
        row=row, at=now, by=user.username, resolution=resolution, remark=remark[:300]
    )
    reopened = resolution == Resolution.REOPEN
    row.state = BreakState.OPEN if reopened else BreakState.RESOLVED
    row.ended_at, row.person = None if reopened else now, user.username
    row.save(update_fields=["state", "ended_at", "person"])
    audit.record(request, "break_resolved", row.key, resolution=resolution, day=row.day)
    return redirect("break", number)


@needs(Permission.UPLOAD)
def upload(request: HttpRequest) -> HttpResponse:
    """The HIS's list: choose a file, see how its columns are understood, store it."""
    context: dict[str, Any] = {
        "mappings": ColumnMapping.objects.order_by("name"),
        "lists": HisList.objects.order_by("-uploaded_at")[:20],
        "fields": list(his_list.TITLES.items()),
    }
    if request.method == "POST" and request.FILES.get("file"):
        try:
            _take(request)
        except table.BadList as wrong:
            messages.error(request, str(wrong))
        else:
            return redirect("upload")
    return render(request, "web/upload.html", context)


@needs(Permission.UPLOAD)
def receipts(request: HttpRequest) -> HttpResponse:
    """The bank's receipts: a file, or one written into the form."""
    if request.method == "POST":
        try:
            count = _take_receipts(request)
        except (table.BadList, ValueError) as wrong:
            messages.error(request, str(wrong))
        else:
            messages.success(request, _("已收下 %(count)d 笔到账并重新核对") % {"count": count})
            return redirect("receipts")
    newest = BankReceipt.objects.order_by("-taken_at", "-id")[:20]
    fields = [(n, t, "date" if n.endswith(("_on", "_day")) else "text") for n, t in FORM]
    context = {"receipts": newest, "fields": fields, "channels": Channel.choices}
    return render(request, "web/receipts.html", context)


FORM = [(name, title) for name, title in bank_list.TITLES.items() if name != "amount_fen"]
"""What one receipt is asked for."""


def _take_receipts(request: HttpRequest) -> int:
    user = require(request.user, Permission.UPLOAD)
    if request.FILES.get("file"):
        name, body = _file(request)
        count = take_receipts(name, body, user)
    else:
        cells = {name: request.POST.get(name, "").strip() for name, _title in FORM}
        name, count = cells["batch"], keep_receipts([bank_list.receipt(cells)], user)
    audit.record(request, "receipts_taken", name[:100], rows=count)
    return count


def _file(request: HttpRequest) -> tuple[str, bytes]:
    """Name and bytes of the file that was sent; BadList if it is too large."""
    file = request.FILES["file"]
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE  # Django's own limit is for all but files
    if getattr(file, "size", 0) > most:
        raise table.BadList(_("文件太大，最多 %(most)d MB") % {"most": most // 1024 // 1024})
    return str(getattr(file, "name", "")), file.read()  # type: ignore[union-attr]


def _take(request: HttpRequest) -> None:
    user = require(request.user, Permission.UPLOAD)
    name, body = _file(request)
    given = take(name, body, _mapping(request, name, body), user)
    audit.record(request, "his_list_uploaded", name, rows=given.rows)
    messages.success(request, _("已收下 %(count)d 行并重新对账") % {"count": given.rows})


def _mapping(request: HttpRequest, name: str, body: bytes) -> Mapped | None:
    """The saved mapping that was chosen, else what is written in the form beside the headings."""
    saved = saved_mapping(request.POST.get("mapping", ""))
    written = {ours: request.POST.get(f"column_{ours}", "").strip() for ours in his_list.HEADINGS}
    given = {ours: theirs for ours, theirs in written.items() if theirs}
    if saved or not given:
        return saved
    head, _rows = table.rows_of(name, body)
    columns = {**his_list.guessed(head), **given}
    save_as = request.POST.get("save_as", "").strip()[:60]
    if save_as:
        ColumnMapping.objects.update_or_create(name=save_as, defaults={"columns": columns})
    return Mapped(columns)


@require_POST
@needs(Permission.RESOLVE)
def compare_again(request: HttpRequest) -> HttpResponse:
    """Compare the days from .. to once more."""
    first, last = (_day(request.POST.get(end, "")) for end in ("from", "to"))
    if first is None or last is None or not 0 <= (last - first).days < MOST_DAYS:
        messages.error(request, _("请给出起止日期，最多 62 天"))
        return redirect("report", "reconciliation")
    runs = 0
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(ordinal)
        runs += len(check_day(day, datetime.now(UTC), beijing_today()))
    audit.record(request, "compared_again", f"{first} – {last}", runs=runs)
    messages.success(request, _("已重新对账 %(runs)d 次") % {"runs": runs})
    return redirect("report", "reconciliation")


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None
