"""Refuses text with a zero character: no person types one, and PostgreSQL holds none."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, QueryDict

ZERO = "\0"


class RefuseZero:
    """In front of every page: one answer instead of an error wherever the text would be used."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Look at the address and the form; the body of a batch is no form and is not read."""
        if ZERO in request.path or _has_zero(request.GET) or _has_zero(request.POST):
            return HttpResponseBadRequest("文字中有不允许的字符 / a character that is not allowed")
        return self._get_response(request)


def _has_zero(form: QueryDict) -> bool:
    return any(ZERO in text for name, texts in form.lists() for text in (name, *texts))
