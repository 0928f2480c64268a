"""The reports about breaks, runs and the HIS's lists."""

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from center.accounts.models import User
from center.accounts.roles import Permission
from center.ledger.words import Channel, PaymentState, RefundState
from center.reconciliation.compare import Code
from center.reconciliation.models import (
    ANOMALIES,
    CODES,
    LISTS,
    BankReceipt,
    BreakRow,
    BreakState,
    HisRow,
    Pair,
    Run,
)
from center.reports.report import Column, Filter, Form, Match, Report, register

BADGES: dict[str, str] = {
    BreakState.WAITING: "wait",
    BreakState.OPEN: "bad",
    BreakState.CLEARED: "none",
    BreakState.RESOLVED: "good",
}
KINDS = {"payment": _("收款"), "refund": _("退款")}
PAY_TYPES = dict(Channel.choices) | {"cash": _("现金"), "card": _("银行卡")}
CAUSES = {
    "not_in_statement": _("对方无此笔：可能次日入账，或流水有误"),
    "not_by_our_boxes": _("非本院设备收取，或设备流水未到"),
    "refund_not_settled_yet": _("退款尚未入账"),
    "refund_given_elsewhere": _("在其他渠道或商户后台退款"),
    "provider_kept_money": _("支付机构已收款而流水为未收：须查询并退款"),
    "not_arrived_yet": _("银行尚未到账，或到账未录入"),
    "no_statement_of_these_days": _("这些日子没有采信的对账单"),
    "other_amount_arrived": _("到账与应结减手续费不同"),
    "booked_under_another_channel": _("记在了另一支付渠道名下"),
}
STATES = dict(PaymentState.choices) | dict(RefundState.choices)


def _breaks(_user: User) -> QuerySet[Any]:
    return BreakRow.objects.filter(pair__in=LISTS)


def _bank_breaks(_user: User) -> QuerySet[Any]:
    return BreakRow.objects.filter(pair=Pair.BANK)


def _receipts(_user: User) -> QuerySet[Any]:
    return BankReceipt.objects.all()


def _anomalies(_user: User) -> QuerySet[Any]:
    return BreakRow.objects.filter(pair=Pair.REFUND)


def _runs(_user: User) -> QuerySet[Any]:
    return Run.objects.all()


def _his_rows(_user: User) -> QuerySet[Any]:
    return HisRow.objects.all()


def _break_page(row: Any) -> str:
    return reverse("break", args=[row.pk])


def _breaks_of(row: Any) -> str:
    days = f"day_from={row.day}&day_to={row.day}"
    if row.pair in REPORTS_OF:
        return f"{reverse('report', args=[REPORTS_OF[row.pair].name])}?{days}"
    return f"{reverse('report', args=['breaks'])}?{days}&pair={row.pair}&channel={row.channel}"


CHANNEL = Filter("channel", _("渠道"), Match.ONE_OF, words=dict(Channel.choices))
DAYS = Filter("day", _("日期"), Match.DAYS)
WORDS_OF_LISTS = {pair.value: pair.label for pair in LISTS}
PAIR = Filter("pair", _("对账"), Match.ONE_OF, words=WORDS_OF_LISTS)

BREAKS = Report(
    name="breaks",
    title=_("对账差异"),
    permission=Permission.RECONCILIATION,
    rows=_breaks,
    columns=(
        Column("day", _("日期"), Form.DAY),
        Column("state", _("状态"), Form.WORD, dict(BreakState.choices), BADGES),
        Column("code", _("类型"), Form.WORD, dict(CODES)),
        Column("pair", _("对账"), Form.WORD, dict(Pair.choices)),
        Column("channel", _("渠道"), Form.WORD, dict(Channel.choices)),
        Column("kind", _("收退"), Form.WORD, KINDS),
        Column("journal_fen", _("流水金额（元）"), Form.MONEY),
        Column("other_fen", _("对方金额（元）"), Form.MONEY),
        Column("difference_fen", _("差额（元）"), Form.MONEY),
        Column("key", _("单号"), Form.NUMBER),
        Column("journal_state", _("流水状态"), Form.WORD, STATES, aside=True),
        Column("cause", _("可能原因"), Form.WORD, CAUSES),
        Column("desk", _("窗口")),
        Column("operator", _("收费员")),
        Column("person", _("负责人")),
    ),
    filters=(
        Filter("key", _("单号")),
        DAYS,
        Filter("state", _("状态"), Match.ONE_OF, words=dict(BreakState.choices)),
        Filter("code", _("类型"), Match.ONE_OF, words=dict(CODES)),
        PAIR,
        CHANNEL,
        Filter("kind", _("收退"), Match.ONE_OF, words=KINDS),
        Filter("desk", _("窗口")),
        Filter("operator", _("收费员")),
        Filter("person", _("负责人")),
    ),
    newest_by="day",
    key="id",
    sums=("difference_fen",),
    groups=("day", "code", "state", "channel", "desk", "operator"),
    default_days=31,
    link=_break_page,
)
REFUND_ANOMALIES = Report(
    name="refund-anomalies",
    title=_("退款异常"),
    permission=Permission.SETTLEMENT,
    rows=_anomalies,
    columns=(
        Column("day", _("日期"), Form.DAY),
        Column("state", _("状态"), Form.WORD, dict(BreakState.choices), BADGES),
        Column("code", _("类型"), Form.WORD, dict(ANOMALIES)),
        Column("channel", _("渠道"), Form.WORD, dict(Channel.choices)),
        Column("journal_fen", _("原收款（元）"), Form.MONEY),
        Column("other_fen", _("所退（元）"), Form.MONEY),
        Column("difference_fen", _("多退（元）"), Form.MONEY),
        Column("key", _("单号或收费员"), Form.NUMBER),
        Column("operator", _("收费员")),
        Column("person", _("负责人")),
    ),
    filters=(
        Filter("key", _("单号或收费员")),
        DAYS,
        Filter("state", _("状态"), Match.ONE_OF, words=dict(BreakState.choices)),
        Filter("code", _("类型"), Match.ONE_OF, words=dict(ANOMALIES)),
        CHANNEL,
        Filter("operator", _("收费员")),
        Filter("person", _("负责人")),
    ),
    newest_by="day",
    key="id",
    sums=("difference_fen",),
    groups=("day", "code", "state", "channel", "operator"),
    default_days=31,
    link=_break_page,
)
BANK_CODES = {
    Code.ONLY_JOURNAL.value: _("未到账"),
    Code.ONLY_OTHER.value: _("到账无对账单"),
    Code.AMOUNT.value: _("金额不同"),
}
BANK_BREAKS = Report(
    name="bank-breaks",
    title=_("到账差异"),
    permission=Permission.SETTLEMENT,
    rows=_bank_breaks,
    columns=(
        Column("day", _("日期"), Form.DAY),
        Column("state", _("状态"), Form.WORD, dict(BreakState.choices), BADGES),
        Column("code", _("类型"), Form.WORD, BANK_CODES),
        Column("channel", _("渠道"), Form.WORD, dict(Channel.choices)),
        Column("key", _("结算日期"), Form.NUMBER),
        Column("journal_fen", _("应到账（元）"), Form.MONEY),
        Column("other_fen", _("到账金额（元）"), Form.MONEY),
        Column("difference_fen", _("差额（元）"), Form.MONEY),
        Column("cause", _("可能原因"), Form.WORD, CAUSES),
        Column("person", _("负责人")),
    ),
    filters=(
        DAYS,
        Filter("state", _("状态"), Match.ONE_OF, words=dict(BreakState.choices)),
        Filter("code", _("类型"), Match.ONE_OF, words=BANK_CODES),
        CHANNEL,
        Filter("person", _("负责人")),
    ),
    newest_by="day",
    key="id",
    sums=("difference_fen",),
    groups=("day", "code", "state", "channel"),
    default_days=31,
    link=_break_page,
)
BANK_RECEIPTS = Report(
    name="bank-receipts",
    title=_("银行到账"),
    permission=Permission.SETTLEMENT,
    rows=_receipts,
    columns=(
        Column("received_on", _("到账日期"), Form.DAY),
        Column("channel", _("渠道"), Form.WORD, dict(Channel.choices)),
        Column("amount_fen", _("到账金额（元）"), Form.MONEY),
        Column("batch", _("批次号"), Form.NUMBER),
        Column("first_day", _("结算起"), Form.DAY),
        Column("last_day", _("结算止"), Form.DAY),
        Column("taken_by", _("录入人")),
        Column("taken_at", _("录入时间"), Form.TIME),
    ),
    filters=(
        Filter("batch", _("批次号")),
        Filter("day", _("日期"), Match.DAYS, fields=("received_on",)),
        CHANNEL,
        Filter("amount_fen", _("到账金额（元）"), Match.FEN),
    ),
    newest_by="received_on",
    key="id",
    sums=("amount_fen",),
    groups=("received_on", "channel"),
    default_days=31,
    patient_level=False,
)
RUNS = Report(
    name="reconciliation",
    title=_("每日对账"),
    permission=Permission.RECONCILIATION,
    rows=_runs,
    columns=(
        Column("day", _("日期"), Form.DAY),
        Column("pair", _("对账"), Form.WORD, dict(Pair.choices)),
        Column("channel", _("渠道"), Form.WORD, dict(Channel.choices)),
        Column("agreed", _("一致笔数"), Form.COUNT),
        Column("agreed_fen", _("一致净额（元）"), Form.MONEY),
        Column("breaks", _("差异笔数"), Form.COUNT),
        Column("difference_fen", _("差额（元）"), Form.MONEY),
        Column("at", _("对账时间"), Form.TIME),
    ),
    filters=(
        DAYS,
        Filter("pair", _("对账"), Match.ONE_OF, words=dict(Pair.choices)),
        CHANNEL,
    ),
    newest_by="day",
    key="id",
    sums=("agreed_fen", "difference_fen"),
    groups=("day", "pair", "channel"),
    default_days=31,
    link=_breaks_of,
    patient_level=False,
)
HIS_ROWS = Report(
    name="his-rows",
    title=_("HIS 清单"),
    permission=Permission.RECONCILIATION,
    rows=_his_rows,
    columns=(
        Column("day", _("日期"), Form.DAY),
        Column(
            "pay_type",
            _("支付方式"),
            Form.WORD,
            PAY_TYPES,
        ),
        Column("kind", _("收退"), Form.WORD, KINDS),
        Column("amount_fen", _("金额（元）"), Form.MONEY),
        Column("his_id", _("HIS 单号"), Form.NUMBER),
        Column("operator", _("收费员")),
        Column("business", _("业务")),
    ),
    filters=(
        Filter("his_id", _("HIS 单号")),
        DAYS,
        Filter(
            "pay_type",
            _("支付方式"),
            Match.ONE_OF,
            words=PAY_TYPES,
        ),
        Filter("kind", _("收退"), Match.ONE_OF, words=KINDS),
        Filter("operator", _("收费员")),
    ),
    newest_by="day",
    key="id",
    sums=("amount_fen",),
    groups=("day", "pay_type", "kind", "operator"),
)
register(BREAKS, REFUND_ANOMALIES, BANK_RECEIPTS, BANK_BREAKS, RUNS, HIS_ROWS)
REPORTS_OF: dict[str, Report] = {Pair.REFUND: REFUND_ANOMALIES, Pair.BANK: BANK_BREAKS}
"""Where the breaks of a check stand, if not among those of the lists."""
