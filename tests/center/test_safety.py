"""Forged forms, cookies, sizes: what a browser and a stranger may not do; what a visit weighs."""

import http.client
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from pytest_django.fixtures import Settings

from center.accounts.roles import Role
from center.reconciliation.models import HisList
from center.server import LONGEST_BODY, make_server
from center.settings import CENTER

pytestmark = pytest.mark.django_db
PROVED_OTHERWISE = {"sync", "api", "api_summary", "api_his_lists", "api_bank_receipts"}
"""Addresses that look at no cookie: a sealed envelope, a bearer token."""
SAMPLE = {"name": "orders", "form": "csv", "uid": "A", "id_": "A", "number": "1"}


def forms() -> Iterator[str]:
    for pattern in get_resolver().url_patterns:
        assert isinstance(pattern, URLPattern)
        if pattern.name not in PROVED_OTHERWISE:
            wanted = pattern.pattern.converters
            yield reverse(str(pattern.name), kwargs={name: SAMPLE[name] for name in wanted})


@pytest.mark.parametrize("role", [Role.FINANCE, Role.ADMINISTRATOR])
def test_a_form_from_another_site_is_refused_everywhere(
    role: Role, user_of: Callable[..., object]
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user_of(role))  # type: ignore[arg-type]
    addresses = list(forms())
    assert len(addresses) > 20
    assert {a: client.post(a).status_code for a in addresses} == dict.fromkeys(addresses, 403)


def test_a_form_with_its_token_is_taken(user_of: Callable[..., object]) -> None:
    user_of(Role.FINANCE)
    client = Client(enforce_csrf_checks=True)
    page = client.get("/login").content.decode()
    token = re.findall(r'csrfmiddlewaretoken" value="([^"]+)"', page)[-1]
    told = {"username": "finance", "password": "a-pass-8", "csrfmiddlewaretoken": token}
    assert client.post("/login", told).status_code == 302


def test_the_session_is_new_after_logging_in_and_no_script_reads_it(
    user_of: Callable[..., object],
) -> None:
    user_of(Role.FINANCE)
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = "chosenbysomebodyelse"
    client.post("/login", {"username": "finance", "password": "a-pass-8"})
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    assert cookie.value not in {"", "chosenbysomebodyelse"}
    assert cookie["httponly"] is True
    assert cookie["samesite"] == "Lax"
    old = cookie.value
    client.post("/logout")
    client.cookies[settings.SESSION_COOKIE_NAME] = old
    assert client.get("/").status_code == 302, "a session that ended is not taken up again"


@pytest.mark.parametrize("tls", [False, True])
def test_with_tls_the_cookies_go_over_tls_only(*, tls: bool, tmp_path: Path) -> None:
    config = tmp_path / "center.toml"
    config.write_text('[tls]\ncert_file = "a.pem"\nkey_file = "b.pem"\n' if tls else "")
    (tmp_path / "center.secret").write_text("x")
    ask = "from center import settings as s; print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE)"
    told = subprocess.run(
        [sys.executable, "-c", ask],
        env={**os.environ, "PAYBOX_CENTER_CONFIG": str(config)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.split() == [str(tls)] * 2


def test_a_list_that_is_too_large_is_refused_and_nothing_stored(
    browser_of: Callable[..., Client], settings: Settings
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 20_000
    row = "2026-11-22,H1,1.00,微信\n"
    text = "日期,收费单号,收费金额,支付方式\n" + row * 1_000
    file = SimpleUploadedFile("list.csv", text.encode())
    answer = browser_of(Role.FINANCE).post("/reconciliation/upload", {"file": file})
    assert "文件太大" in answer.content.decode()
    assert not HisList.objects.exists()


def test_the_server_reads_no_body_that_is_larger_than_anything_it_takes() -> None:
    server = make_server(replace(CENTER, listen="127.0.0.1:0"))
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        host, port = server.bind_addr[:2]
        link = http.client.HTTPConnection(str(host), int(port), timeout=20)
        link.putrequest("POST", "/v1/sync")
        link.putheader("Content-Length", str(LONGEST_BODY + 1))
        link.endheaders()
        assert link.getresponse().status == http.client.REQUEST_ENTITY_TOO_LARGE
        link.close()
    finally:
        server.stop()
        thread.join()


@pytest.mark.parametrize("path", ["/", "/charts", "/reports/orders/"])
def test_a_first_visit_weighs_at_most_500_kb(path: str, browser_of: Callable[..., Client]) -> None:
    client = browser_of(Role.FINANCE)
    packed = {"Accept-Encoding": "gzip"}

    def weight(address: str) -> int:
        answer = client.get(address, headers=packed)
        assert answer.status_code == 200
        return len(b"".join(answer) if answer.streaming else answer.content)

    text = client.get(path).content.decode()
    links = {*re.findall(r'(?:src|href)="(/static/[^"]+)"', text)}
    assert len(links) >= 3
    assert weight(path) + sum(map(weight, links)) <= 500_000
