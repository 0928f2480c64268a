"""Logging in, with a limit: five failures for a name or twenty for an address close it for a while.

The answer is the same for an unknown name, a wrong password and a closed name, so that nobody
learns which names exist.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from center.accounts import audit
from center.accounts.models import LoginAttempt, User

WINDOW = timedelta(minutes=15)  # long enough to stop guessing, short enough for a typist
BY_NAME = 5
BY_ADDRESS = 20  # a ward behind one address has several typists


def closed(username: str, address: str | None, now: datetime) -> bool:
    """Return whether too many logins failed lately for this name or from this address."""
    recent = LoginAttempt.objects.filter(at__gt=now - WINDOW)
    if recent.filter(username=username).count() >= BY_NAME:
        return True
    return bool(address) and recent.filter(address=address).count() >= BY_ADDRESS


class LoginForm(AuthenticationForm):
    """Django's form behind the limit."""

    error_messages = {  # noqa: RUF012  Django reads it as a class attribute
        "invalid_login": _("用户名或密码不对，或尝试次数过多，请稍后再试"),
        "inactive": _("用户名或密码不对，或尝试次数过多，请稍后再试"),
    }

    def clean(self) -> dict[str, Any]:
        """Refuse before the password is looked at when the name or address is closed."""
        now = datetime.now(UTC)
        username = str(self.cleaned_data.get("username", ""))[:150]
        address = self.request.META.get("REMOTE_ADDR") if self.request else None
        if closed(username, address, now):
            raise self.get_invalid_login_error()
        try:
            return super().clean()
        except forms.ValidationError:
            LoginAttempt.objects.create(username=username, address=address, at=now)
            audit.append("login_failed", username, {}, address=address or "")
            raise


class Login(LoginView):
    """The login page."""

    template_name = "web/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Log in and write it down."""
        response = super().form_valid(form)
        LoginAttempt.objects.filter(username=form.get_user().get_username()).delete()
        audit.record(self.request, "login")
        return response


class Logout(LogoutView):
    """Logging out, by POST only."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Write it down before the session is gone."""
        if request.user.is_authenticated:
            audit.record(request, "logout")
        return super().post(request, *args, **kwargs)


class PasswordChange(PasswordChangeView):
    """The user's own password."""

    template_name = "web/password.html"
    success_url = reverse_lazy("dashboard")

    def form_valid(self, form: Any) -> HttpResponse:
        """Change it; from now on the other pages are open."""
        response = super().form_valid(form)
        User.objects.filter(username=self.request.user.get_username()).update(
            must_change_password=False
        )
        audit.record(self.request, "password_changed")
        return response
