"""Users, their passwords and tokens, as an administrator keeps them."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from center.accounts.models import AuditRecord, Token, User
from center.accounts.roles import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(browser_of: Callable[..., Client]) -> Client:
    return browser_of(Role.ADMINISTRATOR, "root")


def shown_once(page: bytes) -> str:
    found = re.search(r"<code>([^<]+)</code>", page.decode())
    assert found
    return found[1]


def did(action: str) -> AuditRecord:
    return AuditRecord.objects.get(action=action)


def test_a_new_user_gets_a_password_that_is_shown_once_and_must_be_changed(admin: Client) -> None:
    told = {"username": "shoufei", "role": "cashier", "desk": "MZ-03, MZ-04"}
    password = shown_once(admin.post("/users/new", told).content)
    user = User.objects.get(username="shoufei")
    assert user.desks == ("MZ-03", "MZ-04")
    assert password not in admin.get(f"/users/{user.pk}/").content.decode()
    client = Client()
    client.post("/login", {"username": "shoufei", "password": password})
    assert client.get("/reports/orders/")["location"] == "/password"
    assert password not in str(AuditRecord.objects.values_list("detail", "object"))
    assert did("user_made").detail == {"role": "cashier", "desk": "MZ-03, MZ-04"}


def test_a_cashier_without_a_desk_is_not_made(admin: Client) -> None:
    answer = admin.post("/users/new", {"username": "x", "role": "cashier"})
    assert "收费员须有窗口" in answer.content.decode()
    assert not User.objects.filter(username="x").exists()


def test_a_reset_password_ends_the_sessions_and_replaces_the_old_one(
    admin: Client, browser_of: Callable[..., Client]
) -> None:
    finance = browser_of(Role.FINANCE)
    user = User.objects.get(username="finance")
    password = shown_once(admin.post(f"/users/{user.pk}/password").content)
    assert finance.get("/reports/orders/").status_code == 302 or (
        finance.get("/reports/orders/").status_code == 403
    )
    user.refresh_from_db()
    assert user.check_password(password)
    assert not user.check_password("a-pass-8")
    assert did("password_reset").object == "finance"


def test_a_closed_user_is_out_at_once_and_may_come_back(
    admin: Client, browser_of: Callable[..., Client]
) -> None:
    finance = browser_of(Role.FINANCE)
    address = f"/users/{User.objects.get(username='finance').pk}/active"
    admin.post(address, {"active": "no"})
    assert finance.get("/reports/orders/").status_code != 200
    assert not Client().login(username="finance", password="a-pass-8")
    admin.post(address, {"active": "yes"})
    assert Client().login(username="finance", password="a-pass-8")
    assert [did(a).object for a in ("user_closed", "user_opened")] == ["finance", "finance"]


def test_a_changed_role_is_written_down_with_what_it_was(
    admin: Client, user_of: Callable[..., User]
) -> None:
    user = user_of(Role.MANAGER, "li")
    admin.post(f"/users/{user.pk}/", {"username": "li", "role": "auditor"})
    user.refresh_from_db()
    assert user.role == Role.AUDITOR
    assert did("user_changed").detail == {"role": ["manager", "auditor"]}


def test_an_administrator_cannot_close_or_demote_the_own_user(admin: Client) -> None:
    own = User.objects.get(username="root")
    admin.post(f"/users/{own.pk}/active", {"active": "no"})
    admin.post(f"/users/{own.pk}/", {"username": "root", "role": "finance"})
    own.refresh_from_db()
    assert own.is_active
    assert own.role == Role.ADMINISTRATOR


def test_a_token_is_shown_once_kept_as_a_hash_narrowed_and_revoked(
    admin: Client, user_of: Callable[..., User], client: Client
) -> None:
    user = user_of(Role.FINANCE, "program")
    made = admin.post(f"/users/{user.pk}/tokens", {"scope": "orders", "note": "BI"})
    bearer = shown_once(made.content)
    id_, secret = bearer.split(".")
    token = Token.objects.get(pk=id_)
    assert secret.encode() not in bytes(token.digest)
    assert secret not in admin.get(f"/users/{user.pk}/").content.decode()

    def asked(name: str) -> int:
        answer = client.get(f"/api/v1/{name}", headers={"Authorization": f"Bearer {bearer}"})
        return answer.status_code

    assert (asked("orders"), asked("refunds"), asked("boxes")) == (200, 403, 403)
    admin.post(f"/tokens/{id_}/revoke")
    assert asked("orders") == 401
    assert (did("token_made").object, did("token_revoked").object) == (id_, id_)
    assert did("token_made").detail == {"user": "program", "scope": ["orders"]}


def test_a_token_never_holds_more_than_its_user_may(
    admin: Client, user_of: Callable[..., User]
) -> None:
    user = user_of(Role.MANAGER, "boss")
    admin.post(f"/users/{user.pk}/tokens", {"scope": ["orders", "reviews"], "note": "x"})
    assert Token.objects.get().scope == ["reviews"]
    admin.post(f"/users/{user.pk}/tokens", {"scope": ["orders"], "note": "x"})
    assert Token.objects.count() == 1, "nothing left: none is made"


@pytest.mark.parametrize("role", [r for r in Role if r != Role.ADMINISTRATOR])
def test_nobody_else_makes_users_or_tokens(browser_of: Callable[..., Client], role: Role) -> None:
    client = browser_of(role, desk="MZ-03")
    own = User.objects.get(username=role.value).pk
    asked = {
        "/users/new": {"username": "x", "role": "administrator"},
        f"/users/{own}/": {"username": "x", "role": "administrator"},
        f"/users/{own}/password": {},
        f"/users/{own}/active": {"active": "yes"},
        f"/users/{own}/tokens": {"scope": "orders"},
        "/tokens/any/revoke": {},
    }
    assert {client.post(address, told).status_code for address, told in asked.items()} == {403}
    assert User.objects.count() == 1


def test_the_language_stays_with_the_user(browser_of: Callable[..., Client]) -> None:
    client = browser_of(Role.FINANCE)
    answer = client.post("/language", {"language": "en", "next": "https://elsewhere/"})
    assert answer["location"] == "/", "a foreign address is not followed"
    assert 'lang="en"' in client.get("/").content.decode()
    elsewhere = Client()
    elsewhere.login(username="finance", password="a-pass-8")
    assert 'lang="en"' in elsewhere.get("/").content.decode(), "on another computer too"
