"""The documents say what the program does: each is compared with it."""

import dataclasses
import importlib.util
import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from device.__main__ import COMMANDS
from device.config.reader import Key, declared, plain
from device.config.sections import Sections
from device.domain.replies import ALWAYS, TYPES
from device.domain.words import Business, ErrorCode, Reason

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"], key=lambda path: path.name
)
LINK = re.compile(r"\]\((?P<target>[^)#\s]+)(#[^)]*)?\)")
NOT_PATHS = ("http://", "https://")


def generator(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_states_are_drawn_from_the_tables() -> None:
    drawn: str = generator("generate_states").render()
    assert (DOCS / "states.md").read_text(encoding="utf-8") == drawn, "run `make docs`"


def test_the_quick_start_shows_what_stands_on_the_line() -> None:
    for name, written in generator("generate_quick_start").render().items():
        assert (DOCS / name).read_text(encoding="utf-8") == written, "run `make docs`"


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
@pytest.mark.parametrize("name", ["his-quick-start.html", "his-quick-start.zh.html"])
def test_the_quick_start_prints_on_one_page(name: str, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.pdf"
    flags = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
    )
    printed = [*flags, "--no-pdf-header-footer", f"--print-to-pdf={sheet}", (DOCS / name).as_uri()]
    subprocess.run(["chromium", *printed], check=True, capture_output=True, timeout=60)
    assert len(re.findall(rb"/Type\s*/Page\b", sheet.read_bytes())) == 1


def default_cell(key: Key) -> str:
    value = plain(key.default)
    if value is dataclasses.MISSING:
        return "**required**"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def expected_rows(section: type[Any] = Sections, name: str = "") -> Iterator[tuple[str, ...]]:
    for field in declared(section):
        if isinstance(field, Key):
            allowed = field.kind.allowed.replace("|", "\\|")
            yield name, f"`{field.name}`", default_cell(field), allowed
        else:
            yield from expected_rows(field.section, f"{name}.{field.name}".lstrip("."))


def written_rows() -> Iterator[tuple[str, ...]]:
    section = ""
    for line in (DOCS / "config.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## ["):
            section = line.removeprefix("## [").removesuffix("]")
        elif line.startswith("| `"):
            cells = re.split(r"(?<!\\)\|", line)
            yield section, *(cell.strip() for cell in cells[1:4])


def test_every_key_stands_in_the_manual_with_its_default_and_what_it_takes() -> None:
    assert list(written_rows()) == list(expected_rows())


def test_the_smallest_configuration_of_the_manual_is_complete(tmp_path: Path) -> None:
    from device import config  # noqa: PLC0415  only this test loads a file

    text = (DOCS / "config.md").read_text(encoding="utf-8")
    block = re.search(r"```toml\n(.*?)```", text, re.DOTALL)
    assert block is not None
    assert tomllib.loads(block[1])
    (tmp_path / "paybox.toml").write_text(block[1], encoding="utf-8")
    for name in ("box.key", "wechat.key", "apiclient_cert.pem", "apiclient_key.pem"):
        (tmp_path / name).write_text("0" * 64)
    assert config.load(tmp_path / "paybox.toml").box.id == "BOX-0001"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for found in LINK.finditer(page.read_text(encoding="utf-8")):
        target = found["target"]
        if not target.startswith(NOT_PATHS):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_of_a_page_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`|\s)paybox ([a-z][a-z-]+)(?= |`|$)", text, re.MULTILINE))
    assert named <= set(COMMANDS)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`", text)) <= targets


def tables(page: Path) -> Iterator[list[str]]:
    """The lines of each table: `|` lines that stand together outside a code block."""
    text = re.sub(
        r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    for block in re.findall(r"(?:^\|.*\n?)+", text, flags=re.MULTILINE):
        yield block.splitlines()


def test_every_table_is_one_for_whoever_draws_it() -> None:
    """GitHub shows a table as loose text when its rule has other columns than its heading."""
    for page in (*PAGES, ROOT / "README.en.md", ROOT / "his_kit/README.md", ROOT / "SECURITY.md"):
        for heading, rule, *rows in tables(page):
            assert re.fullmatch(r"\|( *:?-+:? *\|)+", rule), f"{page.name}: {rule}"
            widths = [len(re.findall(r"(?<!\\)\|", line)) for line in (heading, rule, *rows)]
            assert len(set(widths)) == 1, f"{page.name}: {heading}"


def test_the_link_page_knows_every_word_of_the_protocol() -> None:
    text = (DOCS / "his-link.md").read_text(encoding="utf-8")
    words = {*TYPES.values(), *Business, *(w for w in Reason if w), *ErrorCode}
    words |= {field for always in ALWAYS.values() for field in always}
    assert {word for word in words if f"`{word}`" not in text} == set()


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    listed = {(DOCS / found["target"]).resolve() for found in LINK.finditer(index)}
    pages = {path.resolve() for path in DOCS.rglob("*.md")} - {(DOCS / "README.md").resolve()}
    assert pages <= listed
