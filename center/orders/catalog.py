"""The reports about payments and refunds."""

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from center.accounts.models import User
from center.accounts.roles import Permission
from center.ledger.models import Payment, Refund
from center.ledger.words import Business, Channel, Department, PaymentState, RefundState
from center.reports.report import Column, Filter, Form, Match, Report, register
from center.reports.scope import seen_by

PAYMENT_BADGES = {
    "paid": "good",
    "failed": "none",
    "reversed": "none",
    "refunded": "none",
    "manual": "bad",
    **dict.fromkeys(("intended", "waiting", "unknown"), "doubt"),
    **dict.fromkeys(("reversing", "refund_due", "refunding"), "wait"),
}
REFUND_BADGES = {
    "refunded": "good",
    "reversed": "none",
    "failed": "bad",
    "manual": "bad",
    **dict.fromkeys(("requested", "sent", "pending"), "wait"),
}

TIME = Column("first_at", _("时间"), Form.TIME)
DESK = Column("desk", _("窗口"))
CHANNEL = Column("channel", _("渠道"), Form.WORD, dict(Channel.choices))
AMOUNT = Column("amount_fen", _("金额（元）"), Form.MONEY)
HIS_ID = Column("his_id", _("HIS 单号"), Form.NUMBER)
OPERATOR = Column("operator", _("收费员"))
BUSINESS = Column("business", _("业务"), Form.WORD, dict(Business.choices))
DEPARTMENT = Column("department", _("门诊住院"), Form.WORD, dict(Department.choices))
DAY = Column("day", _("日期"), Form.DAY, aside=True)

COMMON_FILTERS = (
    Filter("day", _("日期"), Match.DAYS),
    Filter("channel", _("渠道"), Match.ONE_OF, words=dict(Channel.choices)),
    Filter("department", _("门诊住院"), Match.ONE_OF, words=dict(Department.choices)),
    Filter("business", _("业务"), Match.ONE_OF, words=dict(Business.choices)),
    Filter("desk", _("窗口")),
    Filter("box_id", _("设备")),
    Filter("operator", _("收费员")),
    Filter("amount_fen", _("金额（元）"), Match.FEN),
    Filter(
        "hour", _("时段"), Match.ONE_OF, words={str(h): f"{h:02}:00–{h:02}:59" for h in range(24)}
    ),
)


def _payments(user: User) -> QuerySet[Any]:
    return seen_by(user, Payment.objects.all())


def _refunds(user: User) -> QuerySet[Any]:
    return seen_by(user, Refund.objects.all())


def _paid(user: User) -> QuerySet[Any]:
    return _payments(user).filter(state__in=("paid", "refund_due", "refunding", "refunded"))


def _order_page(row: Any) -> str:
    return reverse("order", args=[row.uid if isinstance(row, Payment) else row.ref])


PAYMENT_COLUMNS = (
    TIME,
    Column("state", _("状态"), Form.WORD, dict(PaymentState.choices), PAYMENT_BADGES),
    CHANNEL,
    AMOUNT,
    Column("refunded_fen", _("已退（元）"), Form.MONEY),
    DESK,
    OPERATOR,
    DEPARTMENT,
    BUSINESS,
    HIS_ID,
    Column("out_trade_no", _("商户单号"), Form.NUMBER),
    Column("provider_trade_no", _("交易单号"), Form.NUMBER, aside=True),
    Column("payer_mask", _("付款人")),
    Column("money_at", _("支付时间"), Form.TIME, aside=True),
    DAY,
)
NUMBER = Filter(
    "number",
    _("单号"),
    fields=("his_id", "uid", "provider_trade_no"),
    hint=_("HIS 单号、商户单号或交易单号；手机账单上的商户单号也可"),
)
GROUPS = ("day", "channel", "state", "department", "business", "desk", "operator")

ORDERS = Report(
    name="orders",
    title=_("订单"),
    permission=Permission.ORDERS,
    rows=_payments,
    columns=PAYMENT_COLUMNS,
    filters=(
        NUMBER,
        *COMMON_FILTERS,
        Filter("state", _("状态"), Match.ONE_OF, words=dict(PaymentState.choices)),
        Filter("payer_mask", _("付款人"), Match.STARTS),
    ),
    newest_by="first_at",
    within="day",
    key="uid",
    sums=("amount_fen", "refunded_fen"),
    groups=GROUPS,
    link=_order_page,
)
RECEIPTS = Report(
    name="receipts",
    title=_("收款"),
    permission=Permission.SETTLEMENT,
    rows=_paid,
    columns=PAYMENT_COLUMNS,
    filters=(NUMBER, *COMMON_FILTERS),
    newest_by="first_at",
    within="day",
    key="uid",
    sums=("amount_fen", "refunded_fen"),
    groups=GROUPS,
    link=_order_page,
)
REFUNDS = Report(
    name="refunds",
    title=_("退款"),
    permission=Permission.SETTLEMENT,
    rows=_refunds,
    columns=(
        TIME,
        Column("state", _("状态"), Form.WORD, dict(RefundState.choices), REFUND_BADGES),
        CHANNEL,
        AMOUNT,
        DESK,
        OPERATOR,
        DEPARTMENT,
        BUSINESS,
        HIS_ID,
        Column("out_refund_no", _("退款单号"), Form.NUMBER),
        Column("ref", _("原商户单号"), Form.NUMBER),
        Column("reason", _("原因")),
        Column("money_at", _("退款时间"), Form.TIME, aside=True),
        DAY,
    ),
    filters=(
        Filter("number", _("单号"), fields=("his_id", "uid", "ref")),
        *COMMON_FILTERS,
        Filter("state", _("状态"), Match.ONE_OF, words=dict(RefundState.choices)),
    ),
    newest_by="first_at",
    within="day",
    key="uid",
    sums=("amount_fen",),
    counted=("state", RefundState.REFUNDED),
    groups=GROUPS,
    link=_order_page,
)

register(ORDERS, RECEIPTS, REFUNDS)
