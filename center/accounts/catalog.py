"""The reports about users, their tokens and what everybody did."""

from typing import Any

from django.db.models import F, QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from center.accounts.actions import ACTIONS
from center.accounts.models import AuditRecord, Token, User
from center.accounts.roles import Permission, Role
from center.reports.report import Column, Filter, Form, Match, Report, register

ROLE = Filter("role", _("角色"), Match.ONE_OF, words=dict(Role.choices))


def _users(_user: User) -> QuerySet[Any]:
    return User.objects.all()


def _tokens(_user: User) -> QuerySet[Any]:
    return Token.objects.annotate(username=F("user__username")).defer("digest", "key")


def _audit(_user: User) -> QuerySet[Any]:
    return AuditRecord.objects.all()


def _user_page(row: Any) -> str:
    return reverse("user", args=[row.user_id if isinstance(row, Token) else row.pk])


USERS = Report(
    name="users",
    title=pgettext_lazy("users", "用户"),
    permission=Permission.USERS,
    rows=_users,
    columns=(
        Column("username", _("用户名")),
        Column("first_name", _("姓名")),
        Column("role", _("角色"), Form.WORD, dict(Role.choices)),
        Column("desk", _("窗口")),
        Column("operator", _("工号"), Form.NUMBER),
        Column("is_active", _("可登录"), Form.MARK),
        Column("must_change_password", _("待改密码"), Form.MARK),
        Column("last_login", _("最近登录"), Form.TIME),
        Column("date_joined", _("建立时间"), Form.TIME),
    ),
    filters=(
        Filter("username", _("用户名"), Match.STARTS),
        Filter("first_name", _("姓名"), Match.STARTS),
        ROLE,
        Filter("desk", _("窗口"), Match.STARTS),
        Filter("operator", _("工号")),
    ),
    newest_by="date_joined",
    key="id",
    default_days=0,
    link=_user_page,
    add=("new_user", _("新建用户")),
    patient_level=False,
)
TOKENS = Report(
    name="tokens",
    title=_("接口密钥"),
    permission=Permission.USERS,
    rows=_tokens,
    columns=(
        Column("id", _("编号"), Form.NUMBER),
        Column("username", _("用户名")),
        Column("note", _("说明")),
        Column("scope", _("用途"), Form.WORDS, dict(Permission.choices)),
        Column("created_at", _("发放时间"), Form.TIME),
        Column("created_by", _("发放人")),
        Column("last_used_at", _("最近使用"), Form.TIME),
        Column("revoked_at", _("停用时间"), Form.TIME),
    ),
    filters=(
        Filter("id", _("编号")),
        Filter("username", _("用户名"), fields=("user__username",)),
    ),
    newest_by="created_at",
    key="id",
    default_days=0,
    link=_user_page,
    patient_level=False,
)
AUDIT = Report(
    name="audit",
    title=_("审计记录"),
    permission=Permission.AUDIT,
    rows=_audit,
    columns=(
        Column("at", _("时间"), Form.TIME),
        Column("username", _("用户")),
        Column("address", _("地址"), Form.NUMBER),
        Column("action", _("操作"), Form.WORD, ACTIONS),
        Column("object", _("对象")),
        Column("detail", _("内容")),
    ),
    filters=(
        Filter("username", _("用户")),
        Filter("day", _("日期"), Match.DAYS, fields=("at__date",)),
        Filter("action", _("操作"), Match.ONE_OF, words=ACTIONS),
        Filter("object", _("对象"), Match.STARTS),
    ),
    newest_by="at",
    key="id",
    default_days=0,
    patient_level=False,
)
register(USERS, TOKENS, AUDIT)
