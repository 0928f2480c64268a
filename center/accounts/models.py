"""Users, API tokens, failed logins and the audit log."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from center.accounts.roles import Permission, Role, allowed


class User(AbstractUser):
    """Somebody who may log in. `desk` and `operator` narrow what a cashier sees."""

    role = models.CharField(_("角色"), max_length=16, choices=Role.choices, default=Role.CASHIER)
    desk = models.CharField(_("窗口"), max_length=32, blank=True)
    operator = models.CharField(_("工号"), max_length=32, blank=True)
    must_change_password = models.BooleanField(_("下次登录须改密码"), default=True)

    def may(self, permission: Permission) -> bool:
        """Return whether the user's role has the permission."""
        return self.is_active and allowed(self.role, permission)


class Token(models.Model):
    """A bearer token of the read API; only its SHA-256 is kept. `key` seals answers (center §5)."""

    id = models.CharField(primary_key=True, max_length=32)
    digest = models.BinaryField(max_length=32)
    key = models.BinaryField(max_length=32)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    note = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)


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
