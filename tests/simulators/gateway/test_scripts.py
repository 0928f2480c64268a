import json
from pathlib import Path
from typing import Any

import pytest

from simulators.gateway import scenario
from simulators.gateway.behaviours import TABLE, BadScript, read_rule
from simulators.gateway.model import Wallet
from simulators.gateway.scripts import Asked, Scripts, Turn, read_binding

CODE = "134500000000007777"


def asked(call: str = "pay", number: str = "T1", **facts: Any) -> Asked:
    return Asked(Wallet.WECHAT, call, number, **{"code": CODE, "amount_fen": 100, **facts})


def scripts(*bindings: dict[str, Any]) -> Scripts:
    made = Scripts()
    for one in bindings:
        made.bind(read_binding(one))
    return made


def applies(turn: Turn, name: str = "system_error") -> bool:
    return turn.take(name) is not None


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({"code": CODE}, True),
        ({"code": "134500000000000000"}, False),
        ({"digits": "7777"}, True),
        ({"digits": "7778"}, False),
        ({"amount_fen": 100}, True),
        ({"amount_fen": 101}, False),
        ({"next": True}, True),
        ({"next": True, "wallet": "alipay"}, False),
        ({"out_trade_no": "T1"}, True),
        ({"out_trade_no": "T2"}, False),
        ({"wallet": "wechat"}, True),
        ({}, True),
        ({"digits": "7777", "amount_fen": 101}, False),
    ],
)
def test_a_binding_applies_when_all_its_criteria_hold(
    match: dict[str, Any],
    expected: bool,  # noqa: FBT001 - a table
) -> None:
    made = scripts({"match": match, "do": "system_error"})
    assert applies(made.turn(asked())) is expected


def test_a_behaviour_of_a_payment_follows_its_number() -> None:
    made = scripts({"match": {"digits": "7777"}, "do": [{"name": "system_error", "on": "reverse"}]})
    assert not applies(made.turn(asked()))
    assert not applies(made.turn(asked("query", code="")))
    assert applies(made.turn(asked("reverse", code="")))
    assert not applies(made.turn(asked("reverse", code="")))


def test_next_is_used_by_one_payment_only() -> None:
    made = scripts({"match": {"next": True}, "do": {"name": "system_error", "times": "always"}})
    assert applies(made.turn(asked()))
    assert not applies(made.turn(asked(number="T2")))
    assert applies(made.turn(asked()))


def test_each_payment_has_its_own_count() -> None:
    made = scripts({"match": {"digits": "7777"}, "do": "system_error"})
    assert applies(made.turn(asked()))
    assert applies(made.turn(asked(number="T2")))
    assert not applies(made.turn(asked()))


def test_of_two_bindings_the_last_wins() -> None:
    made = scripts(
        {"match": {"digits": "7777"}, "do": "system_error"},
        {"match": {"amount_fen": 100}, "do": "paid"},
    )
    turn = made.turn(asked())
    assert applies(turn, "paid")
    assert not applies(turn)


def test_a_behaviour_of_the_other_wallet_does_not_apply() -> None:
    made = scripts({"do": "sign_first"})
    assert not applies(made.turn(asked()), "sign_first")


def test_clear_forgets_also_what_a_number_had_got() -> None:
    made = scripts({"match": {"next": True}, "do": {"name": "system_error", "times": 2}})
    assert applies(made.turn(asked()))
    made.clear()
    assert not applies(made.turn(asked()))


@pytest.mark.parametrize(
    ("rule", "hint"),
    [
        ("no_such", "the names are"),
        ({"name": "password", "after": 1}, "allowed: on, times, after_s"),
        ({"name": "password", "on": "query"}, "allowed: any, pay"),
        ({"name": "password", "times": -1}, "1, 2, ... or always"),
        ({"name": "password", "after_s": "5"}, "a number"),
        ({"name": "password", "after_s": -5}, "not negative"),
        ({"name": "drop_after", "how": "softly"}, "close, reset, silence"),
        ({"name": "system_error", "processed": 1}, "bool"),
        ({"name": "decline", "code": 5}, "str"),
        (7, "the names are"),
    ],
)
def test_a_wrong_rule_is_named_with_what_is_allowed(rule: object, hint: str) -> None:
    with pytest.raises(BadScript, match=hint.replace("...", r"\.\.\.")):
        read_rule(rule)


@pytest.mark.parametrize(
    "binding",
    [
        [],
        {"match": {}},
        {"match": {"phone": 1}, "do": "paid"},
        {"match": {"wallet": "cash"}, "do": "paid"},
        {"match": {"amount_fen": "x"}, "do": "paid"},
        {"match": 1, "do": "paid"},
        {"match": {"wallet": "alipay"}, "do": "recall"},
        {"do": "paid", "when": 1},
    ],
)
def test_a_wrong_binding_is_refused(binding: object) -> None:
    with pytest.raises(BadScript):
        read_binding(binding)


def test_every_behaviour_can_be_bound_by_its_name_alone() -> None:
    assert [read_rule(name).name for name in TABLE] == list(TABLE)


TOML = """
[[bind]]
match = { digits = "7777" }
do = ["password_never"]
[[bind]]
match = { amount_fen = 1313 }
do = [{ name = "system_error" }, { name = "recall", times = 2 }]
"""
JSON = {
    "bind": [
        {"match": {"digits": "7777"}, "do": ["password_never"]},
        {"match": {"amount_fen": 1313}, "do": ["system_error", {"name": "recall", "times": 2}]},
    ]
}


def test_a_scenario_is_the_same_in_toml_and_json(tmp_path: Path) -> None:
    toml, other = tmp_path / "a.toml", tmp_path / "a.json"
    toml.write_text(TOML)
    other.write_text(json.dumps(JSON))
    assert scenario.load(toml) == scenario.load(other)
    assert scenario.load(toml)[1].rules[1].left == 2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", "bind = 1"),
        ("a.toml", "="),
        ("a.json", "[]"),
        ("a.json", "{"),
        ("a.toml", '[[bind]]\ndo = "nothing"'),
        ("a.toml", "other = 1\nbind = []"),
    ],
)
def test_a_wrong_scenario_is_named_with_its_file(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(BadScript, match=name):
        scenario.load(path)


def test_a_missing_scenario_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadScript, match=r"none\.toml"):
        scenario.load(tmp_path / "none.toml")
