"""Users, their roles and their programs' tokens, as an administrator keeps them.

A password or a token is shown once, in the answer that made it, and is kept as a hash only.
"""

import secrets
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from center.accounts import audit, tokens
from center.accounts.access import needs, require
from center.accounts.models import Token, User
from center.accounts.roles import ROLES, SCOPES, Permission, Role

PASSWORD_BYTES = 9  # twelve characters, typed once


class UserForm(forms.ModelForm):  # type: ignore[type-arg]  # subscripted for the checker only
    """What an administrator decides about a user."""

    class Meta:
        model = User
        fields = ("username", "first_name", "role", "desk", "operator", "email")
        labels = {  # noqa: RUF012  Django reads it as a class attribute
            "username": gettext_lazy("用户名"),
            "first_name": gettext_lazy("姓名"),
            "email": gettext_lazy("邮箱"),
        }
        help_texts = {  # noqa: RUF012
            "username": "",
            "desk": gettext_lazy("收费员只看这些窗口当天的订单；几个窗口用逗号分开"),
        }

    def clean(self) -> dict[str, Any]:
        """A cashier without a desk would see nothing."""
        found = super().clean() or {}
        if found.get("role") == Role.CASHIER and not found.get("desk", "").strip():
            self.add_error("desk", _("收费员须有窗口"))
        return found


@needs(Permission.USERS)
def new_user(request: HttpRequest) -> HttpResponse:
    """Make a user; the one-time password is shown once."""
    form = UserForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        user = form.save(commit=False)
        user.password, user.must_change_password = make_password(password), True
        user.save()
        audit.record(request, "user_made", user.username, role=user.role, desk=user.desk)
        return _user_page(request, user, password=password)
    return render(request, "web/user_new.html", {"form": form, "roles": _roles()})


@needs(Permission.USERS)
def user_page(request: HttpRequest, number: int) -> HttpResponse:
    """One user: change it, give it a new password, close it, its tokens."""
    user = get_object_or_404(User, pk=number)
    if request.method != "POST":
        return _user_page(request, user)
    before = {name: getattr(user, name) for name in UserForm.Meta.fields}
    form = UserForm(request.POST, instance=user)
    if not form.is_valid():
        user.refresh_from_db()
        return _user_page(request, user, form=form)
    if _own(request, user) and form.cleaned_data["role"] != before["role"]:
        messages.error(request, _("不能改自己的角色，请由另一位管理员来改"))
        return redirect("user", number)
    form.save()
    changed = {n: [before[n], getattr(user, n)] for n in before if before[n] != getattr(user, n)}
    if changed:
        audit.record(request, "user_changed", user.username, **changed)
        messages.success(request, _("已保存"))
    return redirect("user", number)


@require_POST
@needs(Permission.USERS)
def reset_password(request: HttpRequest, number: int) -> HttpResponse:
    """Give a one-time password; every session of the user ends with the old one."""
    user = get_object_or_404(User, pk=number)
    if _own(request, user):
        return redirect("password")
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    user.set_password(password)
    user.must_change_password = True
    user.save(update_fields=["password", "must_change_password"])
    audit.record(request, "password_reset", user.username)
    return _user_page(request, user, password=password)


@require_POST
@needs(Permission.USERS)
def set_active(request: HttpRequest, number: int) -> HttpResponse:
    """Close a user or open it again. A closed one is logged out, and its tokens open nothing."""
    user = get_object_or_404(User, pk=number)
    if _own(request, user):
        messages.error(request, _("不能停用自己"))
        return redirect("user", number)
    user.is_active = request.POST.get("active") == "yes"
    user.save(update_fields=["is_active"])
    audit.record(request, "user_opened" if user.is_active else "user_closed", user.username)
    return redirect("user", number)


@require_POST
@needs(Permission.USERS)
def new_token(request: HttpRequest, number: int) -> HttpResponse:
    """Make a token for a program that works as this user; shown once."""
    user = get_object_or_404(User, pk=number)
    scope = [p for p in SCOPES if p.value in request.POST.getlist("scope") and user.may(p)]
    if not scope:
        messages.error(request, _("请至少选一项用途"))
        return redirect("user", number)
    by = require(request.user, Permission.USERS).username
    made = tokens.make(user, scope, request.POST.get("note", "").strip(), by)
    audit.record(request, "token_made", made.token.pk, user=user.username, scope=made.token.scope)
    return _user_page(request, user, made=made)


@require_POST
@needs(Permission.USERS)
def revoke_token(request: HttpRequest, id_: str) -> HttpResponse:
    """End a token for good."""
    token = get_object_or_404(Token, pk=id_)
    if tokens.revoke(token):
        audit.record(request, "token_revoked", token.pk, user=token.user.username)
    return redirect("user", token.user_id)


def _own(request: HttpRequest, user: User) -> bool:
    return request.user.pk == user.pk


def _roles() -> list[tuple[str, list[str]]]:
    """Each role with what it may do, in words."""
    return [
        (str(role.label), [str(p.label) for p in Permission if p in ROLES[role]]) for role in Role
    ]


def _user_page(request: HttpRequest, user: User, **more: Any) -> HttpResponse:
    """The page; `password` and `made` are what it shows once."""
    context = {
        "person": user,
        "own": _own(request, user),
        "form": UserForm(instance=user),
        "roles": _roles(),
        "tokens": user.tokens.order_by("-created_at"),
        "scopes": [(p.value, p.label) for p in SCOPES if user.may(p)],
        **more,
    }
    return render(request, "web/user.html", context)
