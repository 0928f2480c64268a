"""Headers of every answer: no inline script, nothing from another host."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    # ECharts positions its tooltip by style attributes; no style sheet but ours is loaded.
    "style-src": "'self'",
    "style-src-attr": "'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


def policy(*, evaluates: bool = False) -> str:
    """The header's text; `evaluates` for the pages whose library needs it."""
    rules = POLICY | ({"script-src": "'self' 'unsafe-eval'"} if evaluates else {})
    return "; ".join(f"{what} {where}" for what, where in rules.items())


class SecurityHeaders:
    """Adds them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer as usual; pages about money are not kept by browsers or proxies."""
        response = self._get_response(request)
        response.headers.setdefault("Content-Security-Policy", policy())
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), microphone=(), geolocation=()"
        )
        if not request.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response
