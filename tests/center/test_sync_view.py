"""A box speaks to the centre's address with bytes sealed by a few lines of its own."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.test import Client

from center.ledger import sync_view
from center.ledger.models import Box, Event, Payment
from device.sync import wire
from tests.center.conftest import JournalOfABox

pytestmark = pytest.mark.django_db
KEY = bytes(range(32))


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "BOX-0001.key").write_text(KEY.hex())

    class Center:
        boxes_key_dir = tmp_path

    monkeypatch.setattr(sync_view, "CENTER", Center)
    return tmp_path


def sealed(message: dict[str, Any], box: str = "BOX-0001", key: bytes = KEY) -> bytes:
    nonce = os.urandom(12)
    text = gzip.compress(json.dumps(message).encode())
    return nonce + AESGCM(key).encrypt(nonce, text, f"POST|/v1/sync|{box}|1".encode())


def post(client: Client, body: bytes, box: str = "BOX-0001", key_id: str = "1") -> Any:
    return client.post(
        "/v1/sync", body, content_type="application/octet-stream",
        headers={"X-Box": box, "X-Key": key_id},
    )  # fmt: skip


def opened(answer: Any, request: bytes) -> dict[str, Any]:
    context = f"{answer.status_code}|/v1/sync|BOX-0001|1|{request[:12].hex()}".encode()
    text = AESGCM(KEY).decrypt(answer.content[:12], answer.content[12:], context)
    message: dict[str, Any] = json.loads(gzip.decompress(text))
    return message


def message_of(journal: JournalOfABox, **changed: Any) -> dict[str, Any]:
    told = {"v": 1, "box": "BOX-0001", "version": "1.0.0", "epoch": "9f3c", "first": 1}
    return told | {"rows": journal.rows, "health": {"waiting": 3}} | changed


def test_a_sealed_batch_is_stored_and_acknowledged(client: Client, journal: JournalOfABox) -> None:
    journal.pay("MZ03A", "intended", "paid")
    body = sealed(message_of(journal))
    answer = post(client, body)
    assert opened(answer, body)["ack"] == 2
    box = Box.objects.get()
    assert (box.version, box.backlog, box.desk, box.desk_code) == ("1.0.0", 3, "MZ-03", "MZ03")
    assert Payment.objects.get().state == "paid"


def test_without_rows_the_cursor_is_told(client: Client, journal: JournalOfABox) -> None:
    journal.pay("A", "intended", "paid")
    post(client, sealed(message_of(journal)))
    body = sealed(message_of(journal, rows=[], first=3))
    assert opened(post(client, body), body)["ack"] == 2


def test_a_conflict_is_told_sealed(client: Client, journal: JournalOfABox) -> None:
    journal.pay("A", "intended", "paid")
    post(client, sealed(message_of(journal)))
    other = JournalOfABox()
    other.pay("A", "intended", "failed")
    body = sealed(message_of(other))
    answer = post(client, body)
    assert answer.status_code == 409
    assert opened(answer, body)["seq"] == 2


def test_rows_that_a_box_lost_are_given_back(client: Client, journal: JournalOfABox) -> None:
    journal.pay("A", "intended", "paid")
    post(client, sealed(message_of(journal)))
    fresh = message_of(journal, epoch="new", rows=[], want={"epoch": "9f3c", "from": 2})
    body = sealed(fresh)
    assert opened(post(client, body), body)["rows"] == journal.rows[1:]


@pytest.mark.parametrize(
    "wrong",
    ["key", "key number", "box", "bytes", "unknown box", "path", "other box inside", "501 rows"],
)
def test_what_is_not_sealed_by_that_box_changes_nothing(
    client: Client, journal: JournalOfABox, keys: Path, wrong: str
) -> None:
    journal.pay("A", "paid")
    (keys / "BOX-0002.key").write_text(KEY.hex())
    message, box = message_of(journal), "BOX-0001"
    body = sealed(message)
    if wrong == "key":
        body = sealed(message, key=bytes(32))
    elif wrong == "501 rows":
        for number in range(wire.MAX_ROWS):
            journal.pay(f"B{number}", "paid")
        body = sealed(message_of(journal))
    elif wrong == "box":
        box = "BOX-0002"
    elif wrong == "bytes":
        body = body[:-1] + bytes([body[-1] ^ 1])
    elif wrong == "unknown box":
        box = "BOX-9999"
    elif wrong == "path":
        box = "../BOX-0001"
    else:
        body, box = sealed(message, "BOX-0002"), "BOX-0002"
    key_id = "2" if wrong == "key number" else "1"
    assert post(client, body, box, key_id).status_code == 403
    assert not Event.objects.exists()


def test_what_is_larger_than_any_batch_is_refused_unread(
    client: Client, journal: JournalOfABox
) -> None:
    journal.pay("A", "paid")
    body = sealed(message_of(journal))
    assert post(client, body + bytes(wire.MAX_SEALED_BYTES)).status_code == 413
    assert not Event.objects.exists()
    assert not Box.objects.exists()
