"""The read API: the same reports for programs, behind the same permission check (center §5).

`Authorization: Bearer ID.SECRET`. JSON unless `Accept` asks for XML; sealed with the token's own
key when `X-Sealed: <hex nonce of 12 bytes>` is sent (the request has no body to seal).
"""

import gzip
import hashlib
import hmac
import json
import os
import re
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET

from center.accounts.access import require_token
from center.accounts.models import Token
from center.reports import xml
from center.reports.asked import ask, condition, page
from center.reports.cells import plain
from center.reports.report import REPORTS, Report
from center.reports.scope import beijing_today

NAMES = {name: name for name in ("orders", "refunds", "statements", "reviews", "boxes")}
"""Address -> report."""
_NONCE = re.compile(r"[0-9a-f]{24}")


@require_GET
def api(request: HttpRequest, name: str) -> HttpResponse:
    """One page of a report's rows, with `next` as the place of the following one."""
    token = token_of(request)
    if token is None:
        return JsonResponse({"error": "unauthorized"}, status=401)
    if name not in NAMES or NAMES[name] not in REPORTS:
        raise Http404
    report = REPORTS[NAMES[name]]
    user = require_token(token, report.permission)
    asked = ask(report, request.GET, beijing_today())
    if asked.errors:
        return JsonResponse({"error": "bad_filter", "fields": list(asked.errors)}, status=400)
    rows, after = page(report, report.rows(user).filter(condition(report, asked)), asked)
    body, kind = _written(request, report, rows, after)
    return _sealed(request, token, body) or HttpResponse(body, content_type=kind)


def token_of(request: HttpRequest) -> Token | None:
    """Return the token that the request carries, if it is a good one."""
    scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
    id_, _dot, secret = text.partition(".")
    token = (
        Token.objects.select_related("user").filter(pk=id_).first() if scheme == "Bearer" else None
    )
    digest = hashlib.sha256(secret.encode()).digest()
    if token is None or not hmac.compare_digest(digest, bytes(token.digest)) or token.revoked_at:
        return None
    Token.objects.filter(pk=id_).update(last_used_at=datetime.now(UTC))
    return token


def _written(
    request: HttpRequest, report: Report, rows: list[Any], after: str
) -> tuple[bytes, str]:
    records = [{c.name: plain(c, row) for c in report.columns} for row in rows]
    if "xml" in request.headers.get("Accept", ""):
        body = b"".join(xml.write(report.name, {"next": after}, records))
        return body, "application/xml; charset=utf-8"
    answer = {"rows": records, "next": after}
    return json.dumps(answer, ensure_ascii=False, default=str).encode(), "application/json"


def _sealed(request: HttpRequest, token: Token, body: bytes) -> HttpResponse | None:
    """The answer in the envelope of the sync wire, if it was asked for."""
    nonce = request.headers.get("X-Sealed", "")
    if not _NONCE.fullmatch(nonce):
        return None
    path = request.get_full_path()
    context = f"200|{path}|{token.pk}|1|{nonce}".encode()
    fresh = os.urandom(12)
    sealed = fresh + AESGCM(bytes(token.key)).encrypt(fresh, gzip.compress(body), context)
    return HttpResponse(sealed, content_type="application/octet-stream")
