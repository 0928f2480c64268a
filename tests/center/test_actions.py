from collections.abc import Callable

import pytest
from django.db import IntegrityError
from django.test import Client

from center.accounts.roles import Role
from center.ledger.models import Action
from center.ledger.sync_view import answer
from tests.center.conftest import NOON, JournalOfABox

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid(journal: JournalOfABox) -> JournalOfABox:
    journal.pay("A", "intended", "paid", amount_fen=1000)
    journal.send()
    return journal


def told(journal: JournalOfABox) -> list[str]:
    """What the box is asked to do with its next batch."""
    reply = answer(journal.batch(1, 0), NOON)
    return [a.id for a in reply.do]  # type: ignore[union-attr]


def ask(client: Client, kind: str, amount: str = "", note: str = "退错") -> None:
    client.post("/orders/A/act", {"kind": kind, "amount": amount, "note": note})


def test_a_refund_goes_to_the_box_only_after_a_second_person(
    paid: JournalOfABox, browser_of: Callable[..., Client]
) -> None:
    first, second = browser_of(Role.FINANCE, "one"), browser_of(Role.FINANCE, "two")
    ask(first, "refund", "3.50")
    action = Action.objects.get()
    assert told(paid) == []
    assert first.post(f"/actions/{action.pk}/decide", {"approve": "yes"}).status_code == 403
    assert told(paid) == []
    second.post(f"/actions/{action.pk}/decide", {"approve": "yes"})
    assert told(paid) == [f"C-{action.pk}"]
    assert told(paid) == [f"C-{action.pk}"], "until a row with its id arrives"
    paid.refund("R1", "A", 350, "sent", "refunded", do_id=f"C-{action.pk}")
    paid.send()
    assert told(paid) == []
    action.refresh_from_db()
    assert (action.state, action.outcome) == ("done", "refunded")


def test_a_refused_request_never_reaches_the_box(
    paid: JournalOfABox, browser_of: Callable[..., Client]
) -> None:
    ask(browser_of(Role.FINANCE, "one"), "reverse")
    action = Action.objects.get()
    second = browser_of(Role.FINANCE, "two")
    second.post(f"/actions/{action.pk}/decide", {"approve": "no"})
    second.post(f"/actions/{action.pk}/decide", {"approve": "yes"})
    assert told(paid) == []


@pytest.mark.parametrize(
    ("kind", "amount", "note"),
    [("refund", "10.01", "x"), ("refund", "0", "x"), ("refund", "1", ""), ("pay", "1", "x")],
)
def test_a_request_that_cannot_be_is_not_made(
    paid: JournalOfABox, browser_of: Callable[..., Client], kind: str, amount: str, note: str
) -> None:
    ask(browser_of(Role.FINANCE), kind, amount, note)
    assert not Action.objects.exists()
    assert told(paid) == []


@pytest.mark.usefixtures("paid")
def test_one_money_moving_request_an_order_at_a_time(browser_of: Callable[..., Client]) -> None:
    client = browser_of(Role.FINANCE)
    ask(client, "refund", "1")
    ask(client, "reverse")
    ask(client, "query")
    assert [a.kind for a in Action.objects.order_by("pk")] == ["refund", "query"]


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.CASHIER, Role.MANAGER, Role.ADMINISTRATOR])
@pytest.mark.usefixtures("paid")
def test_only_finance_may_ask(browser_of: Callable[..., Client], role: Role) -> None:
    client = browser_of(role, desk="MZ-03")
    assert (
        client.post("/orders/A/act", {"kind": "refund", "amount": "1", "note": "x"}).status_code
        == 403
    )
    assert not Action.objects.exists()


@pytest.mark.usefixtures("paid")
def test_the_database_itself_refuses_one_person_as_both() -> None:
    with pytest.raises(IntegrityError):
        Action.objects.create(
            box_id="BOX-0001", kind="refund", out_trade_no="A", amount_fen=1, state="approved",
            requested_by="one", approved_by="one", requested_at=NOON,
        )  # fmt: skip
