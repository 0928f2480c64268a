"""The menu: what this user may open, in one table."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from center.accounts.models import User
from center.accounts.roles import Permission
from center.settings import CENTER


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the menu."""

    title: Any
    permission: Permission
    route: str
    argument: str = ""

    @property
    def address(self) -> str:
        """Where it leads."""
        return reverse(self.route, args=[self.argument] if self.argument else [])


MENU: tuple[tuple[Any, tuple[Entry, ...]], ...] = (
    (
        _("总览"),
        (
            Entry(_("今日总览"), Permission.DASHBOARD, "dashboard"),
            Entry(_("图表"), Permission.CHARTS, "charts"),
        ),
    ),
    (_("订单管理"), (Entry(_("订单"), Permission.ORDERS, "report", "orders"),)),
    (
        _("结算管理"),
        (
            Entry(_("收款"), Permission.SETTLEMENT, "report", "receipts"),
            Entry(_("退款"), Permission.SETTLEMENT, "report", "refunds"),
            Entry(_("退款异常"), Permission.SETTLEMENT, "report", "refund-anomalies"),
            Entry(_("对账单"), Permission.STATEMENTS, "report", "statements"),
            Entry(_("银行到账"), Permission.SETTLEMENT, "report", "bank-receipts"),
            Entry(_("到账差异"), Permission.SETTLEMENT, "report", "bank-breaks"),
            Entry(_("录入到账"), Permission.UPLOAD, "receipts"),
        ),
    ),
    (
        _("对账"),
        (
            Entry(_("每日对账"), Permission.RECONCILIATION, "report", "reconciliation"),
            Entry(_("差异"), Permission.RECONCILIATION, "report", "breaks"),
            Entry(_("HIS 清单"), Permission.RECONCILIATION, "report", "his-rows"),
            Entry(_("上传清单"), Permission.UPLOAD, "upload"),
        ),
    ),
    (_("评价管理"), (Entry(_("评价"), Permission.REVIEWS, "report", "reviews"),)),
    (
        pgettext_lazy("boxes", "设备"),
        (
            Entry(pgettext_lazy("boxes", "设备"), Permission.FLEET, "report", "boxes"),
            Entry(_("告警"), Permission.FLEET, "report", "alarms"),
            Entry(_("隔离的记录"), Permission.FLEET, "report", "quarantine"),
        ),
    ),
    (
        _("系统"),
        (
            Entry(pgettext_lazy("users", "用户"), Permission.USERS, "report", "users"),
            Entry(_("接口密钥"), Permission.USERS, "report", "tokens"),
            Entry(_("审计记录"), Permission.AUDIT, "report", "audit"),
        ),
    ),
)


def navigation(request: HttpRequest) -> dict[str, Any]:
    """What every template needs: the menu of this user and the hospital's name."""
    user = getattr(request, "user", None)
    groups = []
    if isinstance(user, User):
        for title, entries in MENU:
            open_ = [
                (e.title, e.address, request.path == e.address)
                for e in entries
                if user.may(e.permission)
            ]
            if open_:
                groups.append((title, open_))
    return {"menu": groups, "hospital": CENTER.hospital}
