"""The language: what the user chose last, else the cookie's, else the hospital's.

Never the browser's guess: the PC of a window speaks the language of whoever installed it.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from center.accounts.models import User

A_YEAR_S = 365 * 86400


class SiteLanguage:
    """Switches it on for one request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer in that language."""
        own = request.user.language if isinstance(request.user, User) else ""
        cookie = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        known = dict(settings.LANGUAGES)
        chosen = next((name for name in (own, cookie) if name in known), settings.LANGUAGE_CODE)
        translation.activate(chosen)  # and left so: an export is written after the answer returns
        return self._get_response(request)


@require_POST
def switch_language(request: HttpRequest) -> HttpResponse:
    """Change it and go back to the page; kept with the user, and in a cookie for the login page."""
    chosen, back = request.POST.get("language", ""), request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    answer = redirect(back if safe else "/")
    if chosen in dict(settings.LANGUAGES):
        answer.set_cookie(
            settings.LANGUAGE_COOKIE_NAME, chosen, A_YEAR_S, httponly=True, samesite="Lax"
        )
        if isinstance(request.user, User):
            User.objects.filter(pk=request.user.pk).update(language=chosen)
    return answer
