"""The READMEs say what is so: figures as measured, tests that exist, the same in both languages."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.en.md")}
FIGURES = (ROOT / "docs/figures.md").read_text(encoding="utf-8").splitlines()
PROVISIONS = [*(f"5.{n}" for n in range(1, 14)), *(f"I{n}" for n in range(1, 11))]
NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
both = pytest.mark.parametrize("name", PAGES)


def rows(text: str, columns: int) -> list[list[str]]:
    """The rows of every table with so many columns, headings and all."""
    found = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in found]
    return [row for row in cells if len(row) == columns]


@cache
def functions_of(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, functions))


@both
def test_the_figures_are_those_of_the_last_bench(name: str) -> None:
    shown = [line for line in PAGES[name].splitlines() if re.search(r"\| (met|MISSED|) \| ", line)]
    assert len(shown) > 10
    assert [line for line in shown if line not in FIGURES] == []
    assert any("MISSED" in line for line in FIGURES) == any("MISSED" in line for line in shown)


@both
def test_every_provision_is_there_with_a_test_that_exists_or_a_reason(name: str) -> None:
    answers = {row[0]: row for row in rows(PAGES[name], 4) if row[0] in PROVISIONS}
    assert list(answers) == PROVISIONS
    for _number, asked, done, proof in answers.values():
        assert asked
        named = NAMED_TEST.findall(proof)
        assert named or "没有测试：" in done or "no test: " in done
        for file, test in named:
            assert test in functions_of(file), f"{file}::{test}"


def test_both_languages_name_the_same_tests_and_commands() -> None:
    chinese, english = PAGES.values()
    assert NAMED_TEST.findall(chinese) == NAMED_TEST.findall(english)
    commands = [
        [re.findall(r"`([^`]+)`", row[1]) for row in rows(page, 2) if "`" in row[1]]
        for page in (chinese, english)
    ]
    assert commands[0] == commands[1]


@both
def test_every_promise_names_a_command(name: str) -> None:
    section = re.split(r"^## ", PAGES[name], flags=re.MULTILINE)
    [promises] = [s for s in section if s.startswith(("承诺与证明", "Promise and proof"))]
    table = rows(promises, 2)[2:]
    assert len(table) > 20
    assert [row for row in table if "`" not in row[1]] == []
