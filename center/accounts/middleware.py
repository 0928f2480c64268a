"""A user whose password was given by somebody else sees one page only until it is changed."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from center.accounts.models import User

OPEN = frozenset({"login", "logout", "password", "set_language"})


class PasswordChangeRequired:
    """Redirects to the password page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer as usual."""
        return self._get_response(request)

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponse | None:
        """Stop in front of every other page."""
        user = request.user
        name = request.resolver_match.url_name if request.resolver_match else ""
        if isinstance(user, User) and user.must_change_password and name not in OPEN:
            return redirect("password")
        return None
