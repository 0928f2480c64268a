"""The report about reviews."""

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from center.accounts.models import User
from center.accounts.roles import Permission
from center.reports.report import Column, Filter, Form, Match, Report, register
from center.reviews.models import Review

STARS = {str(n): "★" * n + "☆" * (5 - n) for n in range(5, 0, -1)}


def _reviews(_user: User) -> QuerySet[Any]:
    return Review.objects.all()


def _order(row: Any) -> str:
    return reverse("order", args=[row.out_trade_no]) if row.out_trade_no else ""


REVIEWS = Report(
    name="reviews",
    title=_("评价"),
    permission=Permission.REVIEWS,
    rows=_reviews,
    columns=(
        Column("at", _("时间"), Form.TIME),
        Column("stars", _("星级"), Form.WORD, {int(n): text for n, text in STARS.items()}),  # type: ignore[misc]  # looked up by the number itself
        Column("text", _("内容")),
        Column("desk", _("窗口")),
        Column("operator", _("收费员")),
        Column("provider_trade_no", _("交易单号"), Form.NUMBER),
        Column("day", _("日期"), Form.DAY),
    ),
    filters=(
        Filter("day", _("日期"), Match.DAYS),
        Filter("stars", _("星级"), Match.ONE_OF, words=STARS),
        Filter("desk", _("窗口")),
        Filter("operator", _("收费员")),
        Filter("provider_trade_no", _("交易单号")),
    ),
    newest_by="at",
    key="id",
    groups=("day", "stars", "desk", "operator"),
    default_days=31,
    link=_order,
    patient_level=False,
)
register(REVIEWS)
