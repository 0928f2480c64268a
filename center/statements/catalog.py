"""The reports about statements."""

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from center.accounts.models import User
from center.accounts.roles import Permission
from center.ledger.words import Channel
from center.reports.report import Column, Filter, Form, Match, Report, register
from center.statements.models import FileState, LineKind, StatementFile, StatementLine

BADGES: dict[str, str] = {
    FileState.GOOD: "good",
    FileState.EMPTY: "none",
    FileState.NOT_READY: "wait",
    FileState.BROKEN: "bad",
    FileState.FAILED: "bad",
}


def _files(_user: User) -> QuerySet[Any]:
    return StatementFile.objects.defer("raw")


def _lines(_user: User) -> QuerySet[Any]:
    return StatementLine.objects.all()


def _lines_of(row: Any) -> str:
    day = f"day_from={row.day}&day_to={row.day}"
    return f"{reverse('report', args=['statement-lines'])}?{day}&channel={row.channel}"


def _order_of(row: Any) -> str:
    return reverse("order", args=[row.out_trade_no])


STATEMENTS = Report(
    name="statements",
    title=_("对账单"),
    permission=Permission.STATEMENTS,
    rows=_files,
    columns=(
        Column("day", _("日期"), Form.DAY),
        Column("channel", _("渠道"), Form.WORD, dict(Channel.choices)),
        Column("state", _("状态"), Form.WORD, dict(FileState.choices), BADGES),
        Column("payments", _("收款笔数"), Form.COUNT),
        Column("paid_fen", _("收款（元）"), Form.MONEY),
        Column("refunds", _("退款笔数"), Form.COUNT),
        Column("refunded_fen", _("退款（元）"), Form.MONEY),
        Column("settled_fen", _("应结（元）"), Form.MONEY),
        Column("fee_fen", _("手续费（元）"), Form.MONEY),
        Column("net_fen", _("应到账（元）"), Form.MONEY),
        Column("fetched_at", _("取得时间"), Form.TIME),
        Column("why", _("原因")),
    ),
    filters=(
        Filter("day", _("日期"), Match.DAYS),
        Filter("channel", _("渠道"), Match.ONE_OF, words=dict(Channel.choices)),
        Filter("state", _("状态"), Match.ONE_OF, words=dict(FileState.choices)),
    ),
    newest_by="day",
    key="id",
    sums=("paid_fen", "refunded_fen", "settled_fen"),
    groups=("day", "channel", "state"),
    default_days=31,
    link=_lines_of,
    patient_level=False,
)
LINES = Report(
    name="statement-lines",
    title=_("对账单明细"),
    permission=Permission.STATEMENTS,
    rows=_lines,
    columns=(
        Column("at", _("时间"), Form.TIME),
        Column("channel", _("渠道"), Form.WORD, dict(Channel.choices)),
        Column("kind", _("类别"), Form.WORD, dict(LineKind.choices)),
        Column("amount_fen", _("金额（元）"), Form.MONEY),
        Column("settled_fen", _("应结（元）"), Form.MONEY),
        Column("state", _("状态")),
        Column("out_trade_no", _("商户单号"), Form.NUMBER),
        Column("provider_trade_no", _("交易单号"), Form.NUMBER),
        Column("out_refund_no", _("退款单号"), Form.NUMBER),
        Column("terminal", _("设备")),
        Column("day", _("日期"), Form.DAY),
    ),
    filters=(
        Filter("number", _("单号"), fields=("out_trade_no", "provider_trade_no", "out_refund_no")),
        Filter("day", _("日期"), Match.DAYS),
        Filter("channel", _("渠道"), Match.ONE_OF, words=dict(Channel.choices)),
        Filter("kind", _("类别"), Match.ONE_OF, words=dict(LineKind.choices)),
        Filter("amount_fen", _("金额（元）"), Match.FEN),
    ),
    newest_by="at",
    key="id",
    sums=("amount_fen", "settled_fen"),
    groups=("day", "channel", "kind"),
    link=_order_of,
)
register(STATEMENTS, LINES)
