"""Users, their API tokens and saved filters, failed logins and the audit log."""

import re

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from center.accounts.roles import SCOPES, Permission, Role, allowed

_BETWEEN_DESKS = re.compile(r"[\s,，、;；]+")


def every_scope() -> list[str]:
    """What a token may be used for unless it is narrowed: all that programs can ask for."""
    return [permission.value for permission in SCOPES]


class User(AbstractUser):
    """Somebody, or a program, that may log in. `desk` narrows what a cashier sees."""

    role = models.CharField(_("角色"), max_length=16, choices=Role.choices, default=Role.CASHIER)
    desk = models.CharField(_("窗口"), max_length=200, blank=True)
    """One desk or several, with commas between them."""
    operator = models.CharField(_("工号"), max_length=32, blank=True)
    must_change_password = models.BooleanField(_("下次登录须改密码"), default=True)
    language = models.CharField(_("语言"), max_length=8, blank=True)
    """The language that was chosen last; empty = the hospital's."""

    @property
    def desks(self) -> tuple[str, ...]:
        """The desks a cashier works at."""
        return tuple(name for name in _BETWEEN_DESKS.split(self.desk) if name)

    def may(self, permission: Permission) -> bool:
        """Return whether the user's role has the permission."""
        return self.is_active and allowed(self.role, permission)


class Token(models.Model):
    """A bearer token of the API; only its SHA-256 is kept. `key` seals answers (center §5)."""

    id = models.CharField(_("编号"), primary_key=True, max_length=32)
    digest = models.BinaryField(max_length=32)
    key = models.BinaryField(max_length=32)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    scope = models.JSONField(_("用途"), default=every_scope)
    """Permissions by name; it may do what both this and its user's role allow."""
    note = models.CharField(_("说明"), max_length=100, blank=True)
    created_at = models.DateTimeField(_("发放时间"), auto_now_add=True)
    created_by = models.CharField(_("发放人"), max_length=150, blank=True)
    last_used_at = models.DateTimeField(_("最近使用"), null=True)
    revoked_at = models.DateTimeField(_("停用时间"), null=True)

    @property
    def scope_words(self) -> list[str]:
        """The scope as people read it."""
        return [str(Permission(word).label) for word in self.scope if word in Permission.values]

    def may(self, permission: Permission) -> bool:
        """Return whether a program with this token has the permission."""
        return (
            self.revoked_at is None and permission.value in self.scope and self.user.may(permission)
        )


class SavedFilter(models.Model):
    """A report's filters under a name that one user gave them."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="saved_filters")
    report = models.CharField(max_length=40)
    name = models.CharField(_("名称"), max_length=40)
    query = models.CharField(max_length=2000)
    """As it stands in the address; the last days are kept as their number, not as dates."""

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "report", "name"], name="one_saved_filter"),
        )


class LoginAttempt(models.Model):
    """A failed login, for the rate limit: by name and by address."""

    username = models.CharField(max_length=150)
    address = models.GenericIPAddressField(null=True)
    at = models.DateTimeField()

    class Meta:
        indexes = (
            models.Index(fields=["username", "at"], name="login_by_name"),
            models.Index(fields=["address", "at"], name="login_by_address"),
        )


class AuditRecord(models.Model):
    """Who did what, hash-chained: each record carries the hash of the one before it.

    Rows are only ever added; `audit.record` is the one way, `audit.verify` finds a changed or
    missing one.
    """

    at = models.DateTimeField(_("时间"), db_index=True)
    username = models.CharField(_("用户"), max_length=150)
    address = models.CharField(_("地址"), max_length=45, blank=True)
    action = models.CharField(_("操作"), max_length=40, db_index=True)
    object = models.CharField(_("对象"), max_length=200, blank=True)
    detail = models.JSONField(_("内容"), default=dict)
    prev = models.CharField(max_length=64)
    hash = models.CharField(max_length=64, unique=True)
