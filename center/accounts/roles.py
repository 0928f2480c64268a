"""Who may do what: one table for pages, exports and the read API (center §1, §5)."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Role(models.TextChoices):
    """What a user is; a user has exactly one role."""

    CASHIER = "cashier", _("收费员")
    FINANCE = "finance", _("财务")
    MANAGER = "manager", _("管理者")
    AUDITOR = "auditor", _("审计")
    ADMINISTRATOR = "administrator", _("管理员")


class Permission(models.TextChoices):
    """What a page, an export or an API address asks for."""

    DASHBOARD = "dashboard", _("总览")
    ORDERS = "orders", _("订单")
    SETTLEMENT = "settlement", _("结算")
    STATEMENTS = "statements", _("对账单")
    RECONCILIATION = "reconciliation", _("对账")
    REVIEWS = "reviews", _("评价")
    CHARTS = "charts", _("图表")
    EXPORT = "export", _("导出")
    FLEET = "fleet", pgettext_lazy("boxes", "设备")
    ALARMS = "alarms", _("处理告警")
    AUDIT = "audit", _("审计记录")
    USERS = "users", pgettext_lazy("users", "用户")
    REQUEST_ACTION = "request_action", _("提出退款、撤销")
    APPROVE_ACTION = "approve_action", _("批准退款、撤销")
    RESOLVE = "resolve", _("处理差异")
    UPLOAD = "upload", _("上传清单")


_READ_MONEY = {
    Permission.DASHBOARD,
    Permission.ORDERS,
    Permission.SETTLEMENT,
    Permission.STATEMENTS,
    Permission.RECONCILIATION,
    Permission.REVIEWS,
    Permission.CHARTS,
    Permission.EXPORT,
    Permission.FLEET,
}

ROLES: dict[Role, frozenset[Permission]] = {
    # Own desk, today only: `scope.py` narrows every row to that.
    Role.CASHIER: frozenset({Permission.ORDERS}),
    Role.FINANCE: frozenset(
        _READ_MONEY
        | {
            Permission.REQUEST_ACTION,
            Permission.APPROVE_ACTION,
            Permission.RESOLVE,
            Permission.UPLOAD,
            Permission.ALARMS,
        }
    ),
    # No row about one patient: sums and charts only.
    Role.MANAGER: frozenset(
        {
            Permission.DASHBOARD,
            Permission.CHARTS,
            Permission.REVIEWS,
            Permission.FLEET,
        }
    ),
    Role.AUDITOR: frozenset(_READ_MONEY | {Permission.AUDIT}),
    # Users and boxes, no money.
    Role.ADMINISTRATOR: frozenset(
        {Permission.USERS, Permission.FLEET, Permission.ALARMS, Permission.AUDIT}
    ),
}

SCOPES = (
    Permission.ORDERS,
    Permission.SETTLEMENT,
    Permission.STATEMENTS,
    Permission.RECONCILIATION,
    Permission.REVIEWS,
    Permission.FLEET,
    Permission.DASHBOARD,
    Permission.UPLOAD,
)
"""What a program's token can be given: each is asked for by an address of the API."""


def allowed(role: str, permission: Permission) -> bool:
    """Return whether the role has the permission; an unknown role has none."""
    return role in Role.values and permission in ROLES[Role(role)]
