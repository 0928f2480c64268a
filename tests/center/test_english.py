"""Every text has its English, the compiled file is that of the source, and the pages show it."""

import ast
import gettext
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polib
import pytest
from django.template import Template
from django.template.base import Node
from django.test import Client

import center
from center.accounts.models import User
from center.accounts.roles import Role
from center.ledger.ingest import raise_alarm
from center.ledger.models import Box
from center.reconciliation.models import BreakRow
from tests.center.conftest import JournalOfABox
from tests.center.test_access import PAGES

PACKAGE = Path(center.__file__).parent
MESSAGES = PACKAGE / "locale" / "en" / "LC_MESSAGES"
CALLS = {"_", "gettext", "gettext_lazy", "pgettext_lazy"}
CONTEXT = "\x04"  # stands between a context and its text, as gettext has it
CHINESE = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]+")
DATA = ("市一医院", "中文")
"""The hospital's name, and the switch back to Chinese."""


def texts_of_code() -> Iterator[str]:
    for file in PACKAGE.rglob("*.py"):
        if "migrations" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in CALLS:
                literal = all(isinstance(text, ast.Constant) for text in node.args)
                assert literal, f"{file.name}:{node.lineno}: not a literal"
                yield CONTEXT.join(str(ast.literal_eval(text)) for text in node.args)


def texts_of_templates() -> Iterator[str]:
    for file in PACKAGE.rglob("*.html"):
        nodes: Any = Template(file.read_text()).compile_nodelist().get_nodes_by_type(Node)
        for node in nodes:
            if type(node).__name__ == "TranslateNode":
                context = node.message_context
                parts = (context.var, node.filter_expression.var.literal) if context else ()
                yield CONTEXT.join(map(str, parts)) or str(node.filter_expression.var.literal)
            elif type(node).__name__ == "BlockTranslateNode":
                yield node.render_token_list(node.singular)[0]


def pairs() -> Iterator[tuple[str, str]]:
    """Each text with its English; what is counted has two."""
    with (MESSAGES / "django.mo").open("rb") as file:
        catalog = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    for key, text in catalog.items():
        yield key[0] if isinstance(key, tuple) else key, text


def english() -> dict[str, str]:
    return {key: text for key, text in pairs() if key}


def test_no_text_of_code_or_templates_is_without_its_english() -> None:
    known = english()
    texts = {*texts_of_code(), *texts_of_templates()}
    assert len(texts) > 400, "the texts are found"
    assert sorted(texts - known.keys()) == [], "run `make messages` and write the English"
    assert sorted(text for text in texts if CHINESE.search(known[text])) == []


def test_the_compiled_file_is_that_of_the_source() -> None:
    source = {
        f"{entry.msgctxt}{CONTEXT}{entry.msgid}" if entry.msgctxt else entry.msgid: (
            entry.msgstr or entry.msgstr_plural[1]
        )
        for entry in polib.pofile(str(MESSAGES / "django.po"))
    }
    assert english() == {key: text for key, text in source.items() if text}
    assert "" not in source.values()


def test_no_english_text_loses_a_value() -> None:
    def values(text: str) -> list[str]:
        return sorted(re.findall(r"%\(\w+\)[sd]", text))

    assert [key for key, text in pairs() if key and values(key) != values(text)] == []


@pytest.fixture
def filled(db: None, journal: JournalOfABox) -> None:  # noqa: ARG001  the database is opened
    now = datetime.now(UTC)
    journal.pay("A", "intended", "unknown", "paid", reason="")
    journal.refund("R", "A", 40, "sent", "refunded")
    journal.send()
    box = Box.objects.get()
    box.health = {"parts": [{"part": "scanner", "state": "fail", "text": "no scanner"}]}
    box.save()
    raise_alarm(box, "digest", now, epoch="9f3c", seq=9)
    BreakRow.objects.create(
        pair="statement", day=now.date(), code="amount", kind="payment", key="A",
        difference_fen=5, found_at=now,
    )  # fmt: skip


@pytest.mark.parametrize("role", [Role.FINANCE, Role.AUDITOR, Role.ADMINISTRATOR])
@pytest.mark.usefixtures("filled")
def test_every_page_in_english_shows_no_chinese(
    browser_of: Callable[..., Client], role: Role
) -> None:
    client = browser_of(role, language="en")
    days = "?day_from=2026-11-01&day_to=2026-11-30"
    own = User.objects.get().pk
    found = {}
    for page in (*(p for p, roles in PAGES.items() if role in roles), "/password",
                 "/orders/A/", f"/breaks/{BreakRow.objects.get().pk}/", "/boxes/BOX-0001/",
                 f"/users/{own}/", "/nowhere", "/charts?report=orders&kind=forecast",
                 "/reports/orders/?day_from=x"):  # fmt: skip
        text = client.get(page if "?" in page else page + days).getvalue().decode()
        for known in DATA:
            text = text.replace(known, "")
        if chinese := CHINESE.findall(text):
            found[page] = chinese
    assert found == {}


@pytest.mark.django_db
def test_what_a_form_answers_is_english_too(browser_of: Callable[..., Client]) -> None:
    client = browser_of(Role.ADMINISTRATOR, language="en")
    for told in ({"username": "", "role": "cashier"}, {"username": "administrator", "role": "x"}):
        text = client.post("/users/new", told).content.decode()
        assert CHINESE.findall(text.replace(DATA[0], "").replace(DATA[1], "")) == []
    client = Client()
    client.cookies["django_language"] = "en"
    text = client.post("/login", {"username": "x", "password": "y"}).content.decode()
    assert "too many attempts" in text
