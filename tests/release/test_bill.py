"""What a release says of its parts: all of them, with their licences, and the texts of these."""

import json
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from device import __version__
from release import pins
from release.bill import VENDORED, Part, document, installed, licences
from release.trial import Failed, interpreters, run

ROOT = Path(__file__).parents[2]
SITE = next(Path(p) for p in sys.path if p.endswith("site-packages"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MINIFIED = "*.min.js"


def test_every_package_that_is_shipped_stands_in_the_bill() -> None:
    names = {part.name.lower().replace("_", "-") for part in installed(SITE)}
    asked = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["center"]]
    assert {Requirement(one).name.lower().replace("_", "-") for one in asked} <= names


def test_no_part_is_without_a_licence() -> None:
    assert [part.name for part in installed(SITE) if part.licence == "not said"] == []


def test_every_file_of_others_in_the_tree_is_a_vendored_part() -> None:
    folders = {part.where for part in VENDORED}
    foreign = [*(ROOT / "center").rglob(MINIFIED), *(ROOT / "device").rglob("*.bin")]
    assert {str(path.parent.relative_to(ROOT)) for path in foreign} == folders
    for part in VENDORED:
        assert any((ROOT / part.where).glob("*.txt"))


def test_the_bill_is_cyclonedx_and_the_same_for_the_same_parts() -> None:
    parts = [*VENDORED, Part("Some_Thing", "1.0", "MIT")]
    told = json.loads(document(parts, "1.2.3", 0))
    assert (told["bomFormat"], told["specVersion"]) == ("CycloneDX", "1.5")
    assert told["metadata"]["component"]["version"] == "1.2.3"
    assert told["components"][-1]["purl"] == "pkg:pypi/some-thing@1.0"
    assert told["components"][0]["purl"] == "pkg:generic/unifont@15.0.01"
    assert document(parts, "1.2.3", 0) == document(list(parts), "1.2.3", 0)
    assert document(parts[1:], "1.2.3", 0) != document(parts, "1.2.3", 0)


def test_the_texts_of_the_licences_go_along() -> None:
    httpx = next(part for part in installed(SITE) if part.name == "httpx")
    text = "".join(licences([VENDORED[0], httpx], SITE, ROOT))
    assert "SIL OPEN FONT LICENSE" in text.upper()
    assert "Encode OSS" in text


def test_the_licences_of_fonts_and_charts_are_in_the_wheel() -> None:
    patterns = PROJECT["license-files"]
    found = {path.relative_to(ROOT) for pattern in patterns for path in ROOT.glob(pattern)}
    assert {path.parent.as_posix() for path in found} >= {part.where for part in VENDORED}


def test_the_version_is_written_once_and_has_its_place_in_the_changelog() -> None:
    assert PROJECT["version"] == __version__
    assert f"\n## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_this_python_is_one_of_those_that_are_tried() -> None:
    assert any(sys.version.startswith(one.version) for one in interpreters())


def test_a_command_that_fails_says_what_it_said() -> None:
    with pytest.raises(Failed, match="no such thing"):
        run(sys.executable, "-c", "raise SystemExit('no such thing')")


def test_a_flaw_that_is_known_is_bad() -> None:
    skipped = {"name": "y", "skip_reason": "not found"}
    known = {"name": "x", "version": "1", "vulns": [{"id": "PYSEC-1"}]}
    assert pins._advised({"dependencies": [known, skipped]}) == pins.Verdict(
        "PyPI's advisories about 1 of 2 pins", ("x 1: PYSEC-1",), bad=True
    )


def test_advisories_that_answer_nothing_prove_nothing() -> None:
    skipped = {"name": "y", "skip_reason": "not found"}
    assert pins._advised({"dependencies": [skipped]}) is None
