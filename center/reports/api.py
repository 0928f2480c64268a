"""The API: the reports, the sums and the HIS's list for programs, behind the pages' own check (§5).

`Authorization: Bearer ID.SECRET`. JSON unless `Accept` asks for XML; sealed with the token's own
key when `X-Sealed: <hex nonce of 12 bytes>` is sent (the request has no body to seal).
"""

import gzip
import hashlib
import hmac
import json
import os
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.dateparse import parse_date
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from center.accounts import audit
from center.accounts.access import require_token
from center.accounts.models import Token, User
from center.accounts.roles import Permission
from center.ledger.models import DayTotal
from center.reconciliation.intake import saved_mapping, take, take_receipts
from center.reconciliation.table import BadList
from center.reports import xml
from center.reports.asked import ask, condition, page
from center.reports.cells import plain
from center.reports.report import REPORTS
from center.reports.scope import beijing_today

NAMES = (
    *("orders", "refunds", "statements", "reviews", "boxes"),
    *("breaks", "refund-anomalies", "bank-receipts", "bank-breaks"),
)
ENDINGS = {
    "text/csv": "csv",
    "application/json": "json",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}
"""What a list may be sent as."""
MOST_DAYS = 400
_NONCE = re.compile(r"[0-9a-f]{24}")


@require_GET
def api(request: HttpRequest, name: str) -> HttpResponse:
    """One page of a report's rows, with `next` as the place of the following one."""
    token = token_of(request)
    if token is None:
        return JsonResponse({"error": "unauthorized"}, status=401)
    if name not in NAMES:
        raise Http404
    report = REPORTS[name]
    user = require_token(token, report.permission)
    asked = ask(report, request.GET, beijing_today())
    if asked.errors:
        return JsonResponse({"error": "bad_filter", "fields": list(asked.errors)}, status=400)
    rows, after = page(report, report.rows(user).filter(condition(report, asked)), asked)
    records = [{c.name: plain(c, row) for c in report.columns} for row in rows]
    return _answer(request, token, name, records, next=after)


@require_GET
def summary(request: HttpRequest) -> HttpResponse:
    """Counts and sums of the days asked for, by all that a report groups by; from the totals."""
    token = token_of(request)
    if token is None:
        return JsonResponse({"error": "unauthorized"}, status=401)
    require_token(token, Permission.DASHBOARD)
    ends = [_day(request.GET.get(f"day_{end}", "")) for end in ("from", "to")]
    first, last = (end or beijing_today() for end in ends)
    if not 0 <= (last - first).days < MOST_DAYS:
        fields = ["day_from", "day_to"]
        return JsonResponse({"error": "bad_filter", "fields": fields}, status=400)
    rows = DayTotal.objects.filter(day__gte=first, day__lte=last, count__gt=0)
    names = ("day", "kind", "channel", "department", "business", "state", "count", "sum_fen")
    records = [
        {**row, "day": row["day"].isoformat()} for row in rows.order_by(*names[:6]).values(*names)
    ]
    return _answer(request, token, "summary", records)


@csrf_exempt  # no cookie is looked at: the token proves who it is
@require_POST
def his_lists(request: HttpRequest) -> HttpResponse:
    """Take the HIS's list: the body is the file, `Content-Type` says which kind.

    `mapping` names a saved one of columns. All of it is stored or nothing; 400 says why not.
    """

    def kept(name: str, user: User) -> dict[str, Any]:
        given = take(name, request.body, saved_mapping(request.GET.get("mapping", "")), user)
        return {"rows": given.rows, "first_day": given.first_day, "last_day": given.last_day}

    return _taken(request, "his_list_uploaded", kept)


@csrf_exempt  # no cookie is looked at: the token proves who it is
@require_http_methods(["GET", "POST"])
def bank_receipts(request: HttpRequest) -> HttpResponse:
    """Take the bank's receipts, the same way; GET gives them as rows."""
    if request.method == "GET":
        return api(request, "bank-receipts")
    return _taken(
        request,
        "receipts_taken",
        lambda name, user: {"rows": take_receipts(name, request.body, user)},
    )


def _taken(
    request: HttpRequest, action: str, kept: Callable[[str, User], dict[str, Any]]
) -> HttpResponse:
    """Take a file that somebody with a token sends, and say what was kept or why nothing was."""
    token = token_of(request)
    if token is None:
        return JsonResponse({"error": "unauthorized"}, status=401)
    user = require_token(token, Permission.UPLOAD)
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    ending = ENDINGS.get(kind)
    if ending is None:
        return JsonResponse({"error": "bad_type", "allowed": sorted(ENDINGS)}, status=415)
    name = f"{request.GET.get('name', '') or 'api'}.{ending}"
    try:
        told = kept(name, user)
    except BadList as wrong:
        return JsonResponse({"error": "bad_list", "why": str(wrong)}, status=400)
    audit.append(action, name, {"rows": told["rows"]}, username=user.username)
    return JsonResponse(told, status=201)


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


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


def _answer(
    request: HttpRequest, token: Token, name: str, records: list[dict[str, Any]], **about: str
) -> HttpResponse:
    """The records as JSON or XML, sealed if that was asked for."""
    if "xml" in request.headers.get("Accept", ""):
        body, kind = b"".join(xml.write(name, about, records)), "application/xml; charset=utf-8"
    else:
        told = {"rows": records, **about}
        body, kind = json.dumps(told, ensure_ascii=False, default=str).encode(), "application/json"
    return _sealed(request, token, body) or HttpResponse(body, content_type=kind)


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
