"""A box that writes rows like the journal does, and users of every role."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import translation
from pytest_django.fixtures import Settings

from center.accounts.models import User
from center.accounts.roles import Role
from center.ledger.ingest import Stored, ingest
from center.ledger.rows import BEIJING
from device.sync.wire import GENESIS, Batch, Conflict, row_hash

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=BEIJING)
BLANK: dict[str, Any] = {
    "seq": 0,
    "uid": "",
    "kind": "payment",
    "state": "",
    "reason": "",
    "ref": "",
    "channel": "wechat",
    "desk": "MZ-03",
    "department": "outpatient",
    "business_date": "",
    "business": "outpatient_fee",
    "operator": "0117",
    "his_id": "MZ1",
    "try": 1,
    "attempt": 1,
    "revision": 1,
    "amount_fen": 100,
    "out_trade_no": "",
    "provider_trade_no": "",
    "out_refund_no": "",
    "payer_mask": "",
    "money_at": "",
    "at": "",
    "do_id": "",
}


class JournalOfABox:
    """The rows of one epoch, chained as center §3 says."""

    def __init__(self, box: str = "BOX-0001", epoch: str = "9f3c") -> None:
        self.box, self.epoch = box, epoch
        self.rows: list[dict[str, Any]] = []

    def add(self, **values: Any) -> dict[str, Any]:
        seq = len(self.rows) + 1
        prev = self.rows[-1]["hash"] if self.rows else GENESIS
        at = (NOON + timedelta(seconds=seq)).isoformat()
        row = BLANK | {"seq": seq, "at": at} | values
        row |= {"prev": prev, "hash": row_hash(prev, row)}
        self.rows.append(row)
        return row

    def pay(self, number: str, *states: str, **values: Any) -> None:
        for revision, state in enumerate(states, 1):
            money = {"money_at": NOON.isoformat()} if state == "paid" else {}
            told = {"uid": number, "out_trade_no": number, "revision": revision, **money}
            self.add(**told, state=state, **values)

    def refund(self, number: str, of: str, fen: int, *states: str, **values: Any) -> None:
        for revision, state in enumerate(states, 1):
            told = {"uid": number, "out_refund_no": number, "ref": of, "out_trade_no": of}
            self.add(
                **told, kind="refund", state=state, amount_fen=fen, revision=revision, **values
            )

    def batch(self, first: int = 1, last: int | None = None, **values: Any) -> Batch:
        rows = tuple(self.rows[first - 1 : last])
        return Batch(self.box, "1.0.0", self.epoch, first, rows, **values)

    def send(self, first: int = 1, last: int | None = None) -> Stored | Conflict:
        return ingest(self.batch(first, last), NOON)


@pytest.fixture(autouse=True)
def quick_passwords(settings: Settings) -> None:
    """Scrypt is slow on purpose, and so would be these tests."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def own_language() -> Iterator[None]:
    """A request leaves its language to its thread; the next test begins with the site's."""
    yield
    translation.deactivate()


@pytest.fixture
def journal() -> JournalOfABox:
    return JournalOfABox()


@pytest.fixture
def user_of(db: None) -> Callable[..., User]:  # noqa: ARG001  the database is opened
    def make(role: Role, name: str = "", **values: Any) -> User:
        told = {"must_change_password": False, **values}
        return User.objects.create_user(name or role.value, password="a-pass-8", role=role, **told)

    return make


@pytest.fixture
def browser_of(user_of: Callable[..., User]) -> Callable[..., Client]:
    """A client that is logged in as a user of this role."""

    def make(role: Role, name: str = "", **values: Any) -> Client:
        client = Client()
        client.force_login(user_of(role, name, **values))
        return client

    return make
