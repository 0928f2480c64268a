"""The technician's manuals: each command is asked for its help, each picture and pin compared."""

import contextlib
import importlib.util
import io
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest
from gpiozero import PiBoardInfo

from device.__main__ import main
from device.app.factory_reset_command import REQUEST
from device.display import texts
from device.display.sheet import EXAMPLES
from device.domain.screens import Provisioning, ProvisioningStage, Refusal
from device.journal import command as journal
from device.provisioning.envelope import BUNDLE_NAME as PROVISIONING_BUNDLE
from device.update.manifest import BUNDLE_NAME

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LANGUAGES = ("zh", "en")
MANUALS = {tongue: (DOCS / f"technician.{tongue}.md").read_text("utf-8") for tongue in LANGUAGES}
GROUPS = ("provision", "update")  # their next word is a command as well
ON_THE_CARD = {"journalctl", "reboot", "systemctl", "wg"}  # packages systemd, wireguard-tools
AT_THE_OFFICE = {"make", "pip", "ssh"}
WORDS_OF_A_FILE = ("RESET", "LOSE", "2026")


def drawing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_wiring", DOCS / "draw_wiring.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WIRING = drawing()


def commands(text: str) -> list[str]:
    """Return every command line: those of blocks, and those that begin with a program's name."""
    blocks = re.findall(r"```\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    inline = [code.replace("\n", " ") for code in re.findall(r"`([^`]+)`", text)]
    programs = {"paybox", *ON_THE_CARD, *AT_THE_OFFICE}
    lines += [code for code in inline if " " in code and code.split()[0] in programs]
    return [line for line in lines if not line.startswith(WORDS_OF_A_FILE)]


ALL = {tongue: commands(text) for tongue, text in MANUALS.items()}
OURS = sorted({line for lines in ALL.values() for line in lines if line.startswith("paybox ")})


def help_of(line: str) -> tuple[str, list[str]]:
    """Return the help of the command that a line runs, and the words after it."""
    _, name, *rest = shlex.split(line.partition(" > ")[0])
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.suppress(SystemExit):
        if name == "journal" and rest[:1] == ["-c"]:
            journal.main([rest[2], "--help"], Path(rest[1]))
            return told.getvalue(), rest[3:]
        chosen = [rest.pop(0)] if name in GROUPS else []
        main([name, *chosen, "--help"])
    return told.getvalue(), rest


@pytest.mark.parametrize("line", OURS)
def test_a_command_is_one_that_the_program_takes(line: str) -> None:
    told, rest = help_of(line)
    assert told.startswith("usage: paybox"), line
    for word in rest:
        if word.startswith("-"):
            assert re.search(rf"(^|[ \[]){word}\b", told), f"{word} of {line}"


def test_a_question_to_a_box_is_one_of_the_protocol() -> None:
    told, _ = help_of("paybox his tcp://127.0.0.1:7601 status")
    asked = [line.split()[3] for line in OURS if line.startswith("paybox his ")]
    assert asked
    for word in asked:
        assert re.search(rf"^  {word} +", told, re.MULTILINE), word


@pytest.mark.parametrize("tongue", LANGUAGES)
def test_every_other_program_is_at_hand(tongue: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in ALL[tongue]:
        program, *rest = line.split()
        assert program in {"paybox", *ON_THE_CARD, *AT_THE_OFFICE}, line
        assert program != "make" or rest[0] in targets, line


def test_a_unit_that_is_named_exists() -> None:
    units = {path.stem for path in (ROOT / "systemd").glob("*.service")}
    for line in {line for lines in ALL.values() for line in lines}:
        if line.startswith("systemctl"):
            assert line.split()[-1] in units
        assert set(re.findall(r"-u (\S+)", line)) <= units


def test_both_languages_say_the_same() -> None:
    zh, en = MANUALS.values()
    spoken = {"单号": "ID", ".zh.": ".en."}

    def plain(text: str) -> str:
        for one, other in spoken.items():
            text = text.replace(one, other)
        return text

    assert [plain(line) for line in ALL["zh"]] == ALL["en"]
    for found in (r"\]\(([a-z/-]+)(?:\.[a-z]+)?\.(?:png|svg)\)", r"^#+ (\d*)", r"^\| (\d+) \|"):
        assert re.findall(found, zh, re.MULTILINE) == re.findall(found, en, re.MULTILINE)


@pytest.mark.parametrize("tongue", LANGUAGES)
def test_what_a_technician_can_see_is_there(tongue: str) -> None:
    text = MANUALS[tongue]
    shown = {EXAMPLES[name] for name in re.findall(r"screens/each/([a-z-]+)\.png", text)}
    stages = {screen.stage for screen in shown if isinstance(screen, Provisioning)}
    assert stages == set(ProvisioningStage)
    for why in Refusal:
        assert f"\n| {texts.REFUSALS[why].said(tongue)} |" in text
    assert all(f"`{name}`" in text for name in (BUNDLE_NAME, PROVISIONING_BUNDLE, REQUEST))


@pytest.mark.parametrize("tongue", LANGUAGES)
def test_the_pins_are_those_that_the_program_uses(tongue: str) -> None:
    rows = re.findall(r"^\| (\d+) \| (\S+) \|", MANUALS[tongue], re.MULTILINE)
    parts = (WIRING.OLED, WIRING.LAMPS, WIRING.BUTTON, WIRING.OLED_SPI)
    wanted = [(str(pin), name) for part in parts for pin, name in WIRING.table(part)]
    assert rows == wanted


def test_the_header_is_the_raspberry_pis() -> None:
    pins = PiBoardInfo.from_revision(0xA02082).headers["J8"].pins
    names = [pins[number].name for number in range(1, 41)]
    ours = [name if name != "ID" else None for name in WIRING.NAMES]
    assert all(mine in (theirs, None) for mine, theirs in zip(ours, names, strict=True))


def test_the_pictures_are_the_present_ones() -> None:
    drawn: dict[str, str] = WIRING.pictures()
    stored = {path.name: path.read_text("utf-8") for path in (DOCS / "wiring").iterdir()}
    assert stored == drawn, "make wiring"
