"""The page is one HTML, one CSS, one JS; it needs nothing from outside and nothing inline."""

import re

import pytest

from simulators.demo.desk_page import FILES, _page_file
from simulators.demo.luck import LUCK
from simulators.demo.phone import WALLETS
from simulators.gateway.behaviours import TABLE, read_rule
from simulators.gateway.model import Wallet

NAMES = [name for name, _ in FILES.values()]
NAMESPACE = "http://www.w3.org/2000/svg"  # a name, never fetched


@pytest.mark.parametrize("name", NAMES)
def test_no_file_names_another_host(name: str) -> None:
    text = _page_file(name).decode().replace(NAMESPACE, "")

    assert re.findall(r"https?://|//[a-z]+\.|data:|@import", text) == []


def test_nothing_stands_inline_that_the_policy_would_refuse() -> None:
    html = _page_file("index.html").decode()

    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|<script>", html) == []


def test_every_element_the_script_names_is_in_the_page() -> None:
    html, script = _page_file("index.html").decode(), _page_file("demo.js").decode()
    named = set(re.findall(r'\$\("([\w-]+)"\)', script))

    assert named - set(re.findall(r'\bid="([\w-]+)"', html)) == set()


@pytest.mark.parametrize("wallet", WALLETS)
@pytest.mark.parametrize("name", LUCK)
def test_every_luck_is_something_the_gateways_can_do(name: str, wallet: str) -> None:
    for behaviour in LUCK[name].behaviours(wallet):
        rule = read_rule(behaviour)
        assert Wallet(wallet) in TABLE[rule.name].wallets
