"""A user's saved filters: a report's address under a name.

Days that end today are kept as their number, so that "the last seven days" means that tomorrow too.
"""

from datetime import date
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from center.accounts.access import require
from center.accounts.models import SavedFilter, User
from center.reports.asked import ASK_DAYS, LAST_DAYS, Asked, ask
from center.reports.report import Report, find
from center.reports.scope import beijing_today

MOST_SAVED = 20  # of one report and user; more is no list to choose from
LONGEST_NAME = 40
LONGEST_QUERY = 2000


@require_POST
def save_filter(request: HttpRequest, name: str) -> HttpResponse:
    """Save the filters that the form holds under the given name; an old one of it is replaced."""
    report = find(name)
    user = require(request.user, report.permission)
    query, title = QueryDict(request.POST.get("query", "")), request.POST.get("name", "").strip()
    today = beijing_today()
    kept = kept_query(ask(report, query, today), today)
    address = f"{reverse('report', args=[name])}?{kept}"
    saved = SavedFilter.objects.filter(user=user, report=name)
    if not title or len(title) > LONGEST_NAME or len(kept) > LONGEST_QUERY:
        messages.error(request, _("名称须为 1 至 40 个字"))
    elif saved.exclude(name=title).count() >= MOST_SAVED:
        messages.error(request, _("每张报表最多保存 20 个"))
    else:
        SavedFilter.objects.update_or_create(
            user=user, report=name, name=title, defaults={"query": kept}
        )
    return redirect(address)


@require_POST
def forget_filter(request: HttpRequest, number: int) -> HttpResponse:
    """Forget one of the user's own."""
    own = SavedFilter.objects.filter(user__username=request.user.get_username())
    found = own.filter(pk=number).first()
    if found is None:
        raise Http404
    found.delete()
    return redirect("report", found.report)


def kept_query(asked: Asked, today: date) -> str:
    """Return the filters as they are kept."""
    first, last = (*asked.given.get(ASK_DAYS, ()), "", "")[:2]
    if last != today.isoformat() or not first:
        return asked.address()
    days = (today - (parse_date(first) or today)).days + 1
    rest = {name: values for name, values in asked.given.items() if name != ASK_DAYS}
    return Asked(rest).address(**{LAST_DAYS: str(days)})


def saved_of(user: User, report: Report, kept: str) -> list[dict[str, Any]]:
    """The user's filters of a report; `on` is the one that holds just these."""
    return [
        {"pk": s.pk, "name": s.name, "query": s.query, "on": s.query == kept}
        for s in SavedFilter.objects.filter(user=user, report=report.name).order_by("name")
    ]
