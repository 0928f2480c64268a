"""The tables on the HIS link's pages are the program's own, byte by byte and field by field."""

import re
from collections.abc import Iterator
from dataclasses import fields as dataclass_fields
from pathlib import Path

import pytest

from device.domain.line import Meaning
from device.domain.replies import ALWAYS, TYPES
from device.domain.words import Business, ErrorCode, Reason
from device.his_link import frames
from device.his_link.dialects import ANNOUNCER, Site, led8n, text_display
from device.his_link.dialects.commands import Command
from device.his_link.messages import FIELDS, KINDS
from device.his_link.rehearsal.scenes import SCENES, SEALED_SCENES
from device.his_link.seal import plain_limit

DOCS = Path(__file__).parents[1] / "docs"
ENGLISH, CHINESE = (DOCS / name for name in ("his-link.md", "his-link.zh.md"))
ONE_WAY = DOCS / "one-way.md"
CODE = re.compile(r"`([^`]+)`")
HEX_PAIRS = re.compile(r"[0-9A-F]{2}(?: [0-9A-F]{2})*(?=$| )")


def rows(page: Path) -> Iterator[list[str]]:
    """The cells of every row of every table."""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("|") and not line.startswith("|---"):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def row(page: Path, first: str) -> list[str]:
    (found,) = [cells for cells in rows(page) if cells[0].startswith(first)]
    return found


# ------------------------------------------------------------------ frames and signals


def test_the_signals_and_limits_are_the_ones_that_are_sent() -> None:
    assert row(CHINESE, "ACK")[1] == f"`{frames.ACK:02X}` SEQ"
    assert row(CHINESE, "NAK")[1] == f"`{frames.NAK_BYTES.hex(' ').upper()}`"
    assert row(CHINESE, "ENQ")[1] == f"`{frames.ENQ_BYTES.hex().upper()}`"
    assert f"`{frames.HERE_BYTES.hex(' ').upper()}`" in row(CHINESE, "ENQ")[2]
    named = {cells[2]: cells[0] for cells in rows(CHINESE) if len(cells) == 3}
    assert (named["STX"], named["ETX"]) == (f"`{frames.STX:02X}`", f"`{frames.ETX:02X}`")
    for page in (ENGLISH, CHINESE):
        text = page.read_text(encoding="utf-8")
        for number in (frames.TCP_BODY_BYTES, frames.SERIAL_BODY_BYTES, "A001", "FFFF"):
            assert str(number) in text
        for limit in (frames.TCP_BODY_BYTES, frames.SERIAL_BODY_BYTES):
            assert str(plain_limit(limit)) in text, page.name


# ------------------------------------------------------------------ messages


@pytest.mark.parametrize("page", [ENGLISH, CHINESE], ids=lambda path: path.name)
def test_each_request_has_its_fields(page: Path) -> None:
    told: dict[str, tuple[set[str], set[str]]] = {}
    for cells in rows(page):
        names = CODE.findall(cells[0])
        if len(cells) == 4 and names and set(names) <= set(KINDS):
            due, may = (set(CODE.findall(cell)) & set(FIELDS) for cell in cells[1:3])
            told |= dict.fromkeys(names, (due, may))
    assert told.keys() == KINDS.keys()
    for name, kind in KINDS.items():
        dated = {"business_date"} if kind.charge else set()
        due, may = {*kind.required, *kind.one_of}, {*kind.optional} | dated
        assert told[name] == (due, may - due), name


@pytest.mark.parametrize("page", [ENGLISH, CHINESE], ids=lambda path: path.name)
def test_each_answer_has_its_fields(page: Path) -> None:
    told = {
        CODE.findall(cells[0])[0]: [set(CODE.findall(cell)) for cell in cells[1:3]]
        for cells in rows(page)
        if len(cells) == 3 and cells[0].strip("`") in TYPES.values()
    }
    for kind, name in TYPES.items():
        every = {field.name.rstrip("_") for field in dataclass_fields(kind)} - {"form"}
        always, others = told[name]
        assert set(ALWAYS[kind]) <= always, name
        assert every <= always | others, name


@pytest.mark.parametrize("page", [ENGLISH, CHINESE], ids=lambda path: path.name)
def test_every_word_is_explained(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    words = {*TYPES.values(), *Business, *(word for word in Reason if word), *ErrorCode}
    assert {word for word in words if f"`{word}`" not in text} == set()


def test_the_scenes_of_the_rehearsal_are_as_many_as_the_page_says() -> None:
    assert (len(SCENES), len(SEALED_SCENES)) == (16, 3)
    assert "16 scenes" in ENGLISH.read_text(encoding="utf-8")
    assert "十六场" in CHINESE.read_text(encoding="utf-8")


# ------------------------------------------------------------------ one-way links


def prefixes(cell: str) -> set[bytes]:
    """The bytes that stand in a cell, without their arguments and the `0D` that ends a text."""
    found = {bytes.fromhex(m[0]) for code in CODE.findall(cell) if (m := HEX_PAIRS.match(code))}
    return found - {b"\r"} if "文字" in cell or "数字" in cell else found


def known(table: tuple[Command, ...]) -> dict[bytes, str]:
    return {command.prefix: command.name for command in table}


def test_the_bytes_of_led8n_are_the_table_s() -> None:
    page = [cells for cells in rows(ONE_WAY) if len(cells) == 4]
    start = next(n for n, cells in enumerate(page) if "1B 73 n" in cells[0]) - 2
    end = next(n for n, cells in enumerate(page) if "02 4D" in cells[0]) + 1
    written = set().union(*(prefixes(cells[0]) for cells in page[start:end]))
    bare = {b"1", b"2", b"3", b"4"}
    assert written == {p for p in known(led8n.TABLE) if p[:1] not in bare}
    rates = dict(re.findall(r"`(\d)` (\d+)", row(ONE_WAY, "`02 42 n`")[1]))
    assert {code.encode(): int(rate) for code, rate in rates.items()} == led8n.RATES


def test_the_bytes_of_the_text_displays_are_the_tables() -> None:
    tables = {
        "cd5220": text_display.CD5220,
        "escpos": text_display.ESCPOS,
        "lk822": text_display.LK822,
    }
    for name, table in tables.items():
        written = {
            prefix: cells[1]
            for cells in rows(ONE_WAY)
            if len(cells) == 4 and name in cells[3].split("、")
            for prefix in prefixes(cells[0])
        }
        assert written == known(table), name


MEANINGS = {"应收 due": "due", "现金 cash": "cash", "没有应收 nothing": "nothing",
            "清屏 clear": "clear", "无 none": ""}  # fmt: skip


def test_each_string_of_the_announcer_means_what_the_page_says() -> None:
    seen = 0
    for cells in rows(ONE_WAY):
        if len(cells) != 4 or cells[3] not in MEANINGS or HEX_PAIRS.match(cells[0].strip("`")):
            continue
        for item in cells[0].split("、"):
            assert last_word(CODE.findall(item)) == MEANINGS[cells[3]], item
            seen += 1
    assert seen == 23  # strings on the page


def last_word(strings: list[str]) -> Meaning | str:
    """What the announcer's last string means; a pause lies between two, and before the first."""
    decoder, now_s, said = ANNOUNCER.make(Site()), 0.0, list[Meaning]()
    decoder.feed(b"", -1.0)
    for string in [*strings, ""]:
        now_s += 0.5
        said = [d.said.meaning for d in decoder.feed(string.encode("gbk"), now_s) if d.said] or said
    return said[-1] if said else ""
