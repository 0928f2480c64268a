"""The one permission check, for pages and for the API (center §5)."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from center.accounts.models import Token, User
from center.accounts.roles import Permission

View = Callable[..., HttpResponseBase]


def needs(permission: Permission) -> Callable[[View], View]:
    """Let only users with the permission in; others are asked to log in, or refused (403)."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            require(request.user, permission)
            return view(request, *args, **kwargs)

        checked.permission = permission  # type: ignore[attr-defined]  # the role table's test reads it
        return checked

    return decorate


def require(user: object, permission: Permission) -> User:
    """Return the user; PermissionDenied if the role lacks the permission."""
    if isinstance(user, User) and user.may(permission):
        return user
    raise PermissionDenied


def require_token(token: Token, permission: Permission) -> User:
    """Return the token's user; PermissionDenied if its scope or the user's role lacks it."""
    if token.may(permission):
        return token.user
    raise PermissionDenied
