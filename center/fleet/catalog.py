"""The reports about boxes, their alarms and what could not be believed."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from center.accounts.models import User
from center.accounts.roles import Permission
from center.ledger.models import Alarm, Box, Quarantine
from center.reports.report import Column, Filter, Form, Report, register


def _boxes(_user: User) -> QuerySet[Any]:
    return Box.objects.all()


def _alarms(_user: User) -> QuerySet[Any]:
    return Alarm.objects.all()


def _quarantine(_user: User) -> QuerySet[Any]:
    return Quarantine.objects.all()


BOXES = Report(
    name="boxes",
    title=_("设备"),
    permission=Permission.FLEET,
    rows=_boxes,
    columns=(
        Column("id", _("设备")),
        Column("desk", _("窗口")),
        Column("desk_code", _("窗口代码"), Form.NUMBER),
        Column("version", _("版本")),
        Column("last_seen", _("最近上报"), Form.TIME),
        Column("backlog", _("积压"), Form.COUNT),
        Column("epoch", _("世代"), Form.NUMBER),
    ),
    filters=(Filter("id", _("设备")), Filter("desk", _("窗口"))),
    newest_by="last_seen",
    key="id",
    default_days=0,
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
        Column("kind", _("类别")),
        Column("text", _("内容")),
        Column("cleared_at", _("处理时间"), Form.TIME),
        Column("cleared_by", _("处理人")),
    ),
    filters=(Filter("box_id", _("设备")), Filter("kind", _("类别"))),
    newest_by="at",
    key="id",
    default_days=0,
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
