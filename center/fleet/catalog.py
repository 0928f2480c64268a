"""The reports about boxes, their alarms and what could not be believed."""

from typing import Any

from django.db.models import Case, QuerySet, Value, When
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from center.accounts.models import User
from center.accounts.roles import Permission
from center.ledger.health import CONDITION_COLOURS, CONDITIONS
from center.ledger.models import Alarm, AlarmKind, Box, Quarantine
from center.reports.report import Column, Filter, Form, Match, Report, register

STAGES = {"open": _("待处理"), "seen": _("已知悉"), "cleared": _("已了结")}
STAGE_COLOURS = {"open": "bad", "seen": "wait", "cleared": "none"}


def _boxes(_user: User) -> QuerySet[Any]:
    return Box.objects.all()


def _alarms(_user: User) -> QuerySet[Any]:
    stage = Case(
        When(cleared_at__isnull=False, then=Value("cleared")),
        When(acknowledged_at__isnull=False, then=Value("seen")),
        default=Value("open"),
    )
    return Alarm.objects.annotate(stage=stage)


def _box_page(row: Any) -> str:
    return reverse("box", args=[row.pk if isinstance(row, Box) else row.box_id])


def _quarantine(_user: User) -> QuerySet[Any]:
    return Quarantine.objects.all()


BOXES = Report(
    name="boxes",
    title=pgettext_lazy("boxes", "设备"),
    permission=Permission.FLEET,
    rows=_boxes,
    columns=(
        Column("id", _("设备")),
        Column("desk", _("窗口")),
        Column("desk_code", _("窗口代码"), Form.NUMBER),
        Column("condition", _("状态"), Form.WORD, CONDITIONS, CONDITION_COLOURS),
        Column("faults", _("问题")),
        Column("version", _("版本")),
        Column("last_seen", _("最近上报"), Form.TIME),
        Column("backlog", _("待上传"), Form.COUNT),
        Column("epoch", _("世代"), Form.NUMBER),
    ),
    filters=(Filter("id", _("设备")), Filter("desk", _("窗口"))),
    newest_by="last_seen",
    key="id",
    default_days=0,
    link=_box_page,
    patient_level=False,
)
ALARMS = Report(
    name="alarms",
    title=_("告警"),
    permission=Permission.FLEET,
    rows=_alarms,
    columns=(
        Column("at", _("时间"), Form.TIME),
        Column("box_id", _("设备")),
        Column("kind", _("类别"), Form.WORD, dict(AlarmKind.choices)),
        Column("stage", _("状态"), Form.WORD, STAGES, STAGE_COLOURS),
        Column("text", _("内容")),
        Column("acknowledged_by", _("确认人")),
        Column("cleared_at", _("了结时间"), Form.TIME),
        Column("cleared_by", _("了结人")),
        Column("remark", _("说明")),
    ),
    filters=(
        Filter("box_id", _("设备")),
        Filter("kind", _("类别"), Match.ONE_OF, words=dict(AlarmKind.choices)),
        Filter("stage", _("状态"), Match.ONE_OF, words=STAGES),
        Filter("day", _("日期"), Match.DAYS, fields=("at__date",)),
    ),
    newest_by="at",
    key="id",
    default_days=0,
    link=_box_page,
    patient_level=False,
)
QUARANTINE = Report(
    name="quarantine",
    title=_("隔离的记录"),
    permission=Permission.FLEET,
    rows=_quarantine,
    columns=(
        Column("received_at", _("时间"), Form.TIME),
        Column("box_id", _("设备")),
        Column("epoch", _("世代"), Form.NUMBER),
        Column("seq", _("序号"), Form.COUNT),
        Column("why", _("原因")),
    ),
    filters=(Filter("box_id", _("设备")),),
    newest_by="received_at",
    key="id",
    default_days=0,
    patient_level=False,
)
register(BOXES, ALARMS, QUARANTINE)
