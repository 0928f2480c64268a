"""Boxes and their alarms: health in words, acknowledged and cleared with a name to it."""

import importlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from center.accounts.models import AuditRecord
from center.accounts.roles import Role
from center.ledger.health import condition, parts_of
from center.ledger.ingest import ingest, raise_alarm
from center.ledger.models import Alarm, Box
from tests.center.conftest import JournalOfABox

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
GOOD = {"part": "vpn", "state": "ok", "text": "wg0 已连接"}
BROKEN = {"part": "scanner", "state": "fail", "text": "没有 <扫码枪>"}
LOW = {"part": "disk", "state": "warn", "text": "剩余 82 MB"}


@pytest.mark.parametrize(
    ("parts", "ago_s", "word"),
    [
        ([GOOD], 60, "ok"),
        ([GOOD, LOW], 60, "warn"),
        ([LOW, BROKEN, GOOD], 60, "fail"),
        ([GOOD], 301, "silent"),
        ([], 60, "unknown"),
        ("nonsense", 60, "unknown"),
    ],
)
def test_one_word_for_a_box(parts: object, ago_s: int, word: str) -> None:
    assert condition({"parts": parts}, NOW - timedelta(seconds=ago_s), NOW) == word


def test_what_is_not_understood_of_the_health_is_left_out() -> None:
    assert [p.name for p in parts_of({"parts": [GOOD, "x", 7, {"part": 5}]})] == ["vpn", "5"]
    assert parts_of({}) == []


@pytest.fixture
def box(db: None, journal: JournalOfABox) -> Box:  # noqa: ARG001  the database is opened
    ingest(journal.batch(health={"parts": [GOOD, BROKEN], "waiting": 3}), datetime.now(UTC))
    return Box.objects.get()


def test_a_box_is_told_in_words_and_the_boxes_list_leads_to_it(
    box: Box, browser_of: Callable[..., Client]
) -> None:
    client = browser_of(Role.MANAGER)
    listed = client.get("/reports/boxes/").content.decode()
    assert "扫码枪 故障" in listed
    assert f"/boxes/{box.pk}/" in listed
    page = client.get(f"/boxes/{box.pk}/").content.decode()
    for word in ("扫码枪", "故障", "VPN", "正常", "没有 &lt;扫码枪&gt;"):
        assert word in page


def test_an_alarm_is_acknowledged_then_cleared_and_both_are_written_down(
    box: Box, browser_of: Callable[..., Client]
) -> None:
    raise_alarm(box, "digest", NOW, epoch="9f3c", seq=9)
    address = f"/alarms/{Alarm.objects.get().pk}/settle"
    client = browser_of(Role.ADMINISTRATOR)
    client.post(address, {"how": "seen"})
    client.post(address, {"how": "clear", "remark": ""})
    alarm = Alarm.objects.get()
    assert (alarm.acknowledged_by, alarm.cleared_at) == ("administrator", None)
    raise_alarm(box, "digest", NOW, epoch="9f3c", seq=9)
    assert Alarm.objects.count() == 1, "seen is not settled: no second one"
    client.post(address, {"how": "clear", "remark": "换卡"})
    client.post(address, {"how": "clear", "remark": "again"})
    alarm = Alarm.objects.get()
    assert (alarm.cleared_by, alarm.remark) == ("administrator", "换卡")
    did = AuditRecord.objects.filter(object=box.pk).values_list("action", flat=True)
    assert list(did) == ["alarm_acknowledged", "alarm_cleared"]
    raise_alarm(box, "digest", NOW, epoch="9f3c", seq=9)
    assert Alarm.objects.count() == 2, "it came back after it was settled"


@pytest.mark.parametrize("role", [Role.CASHIER, Role.MANAGER, Role.AUDITOR])
def test_only_finance_and_administrators_settle_alarms(
    box: Box, browser_of: Callable[..., Client], role: Role
) -> None:
    raise_alarm(box, "digest", NOW, epoch="9f3c", seq=9)
    address = f"/alarms/{Alarm.objects.get().pk}/settle"
    assert browser_of(role).post(address, {"how": "clear", "remark": "x"}).status_code == 403


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("zh-hans", "9f3c：有 3 行无法采信，已隔离"),
        ("en", "9f3c: rows that cannot be believed and were set apart: 3"),
    ],
)
def test_an_alarm_is_told_in_the_readers_language(
    box: Box, browser_of: Callable[..., Client], language: str, sentence: str
) -> None:
    raise_alarm(box, "quarantine", NOW, epoch="9f3c", count=3)
    client = browser_of(Role.FINANCE, language=language)
    for page in (f"/boxes/{box.pk}/", "/reports/alarms/"):
        assert sentence in client.get(page).content.decode()


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("conflict", "9f3c：第 7 行与已收到的内容不同"),
        ("digest", "9f3c：第 7 行的日结与收到的流水不符"),
        ("quarantine", "9f3c：有 3 行无法采信，已隔离"),
        ("statement", "对账单与流水不符：MZ03A"),
    ],
)
def test_an_alarm_of_before_reads_as_it_did(box: Box, kind: str, sentence: str) -> None:
    old = SimpleNamespace(kind=kind, text=sentence, facts={}, save=lambda **_: None)
    model = SimpleNamespace(objects=SimpleNamespace(all=lambda: [old]))
    migration: Any = importlib.import_module("center.ledger.migrations.0007_alarm_facts")
    migration.take_facts(SimpleNamespace(get_model=lambda *_: model), None)
    raise_alarm(box, kind, NOW, **old.facts)
    with translation.override("zh-hans"):
        assert Alarm.objects.get().text == sentence


def test_alarms_are_found_by_where_they_stand(box: Box, browser_of: Callable[..., Client]) -> None:
    raise_alarm(box, "digest", NOW, epoch="OPEN ONE", seq=9)
    raise_alarm(box, "conflict", NOW, epoch="SETTLED ONE", seq=9)
    Alarm.objects.filter(kind="conflict").update(cleared_at=NOW)
    page = browser_of(Role.FINANCE).get("/reports/alarms/?stage=open").content.decode()
    assert "OPEN ONE" in page
    assert "SETTLED ONE" not in page
