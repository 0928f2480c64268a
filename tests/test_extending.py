"""What docs/extending.md says is done, word for word, in a copy of the tree; its proofs run."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(file|edit|proof) ?(\S*) ?(all)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTIONS = dict(re.findall(r"^## .* / (.*)\n((?:(?!^## ).*\n)*)", PAGE, re.MULTILINE))


@dataclass(frozen=True, slots=True)
class Copy:
    """A tree of its own, and who runs in it."""

    root: Path

    def change(self, kind: str, name: str, text: str, *, everywhere: bool) -> None:
        path = self.root / name
        if kind == "file":
            assert not path.exists()
            path.write_text(text, encoding="utf-8")
            return
        old, _, new = (part.removesuffix("\n") for part in text.partition("\n=>\n"))
        before = path.read_text(encoding="utf-8")
        assert before.count(old) == 1 or (everywhere and old in before), f"{name}: {old}"
        path.write_text(before.replace(old, new), encoding="utf-8")

    def run(self, proof: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", proof],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(self.root)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert not done.returncode, done.stderr[-3000:]
        return done.stdout.splitlines()[-1]


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    ignore = shutil.ignore_patterns("__pycache__")
    for package in ("device", "simulators", "center"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignore)
    return Copy(tmp_path)


def test_the_page_has_its_four_sections() -> None:
    assert list(SECTIONS) == ["A dialect of a one-way link", "A panel", "A scanner", "A wallet"]


@pytest.mark.parametrize("title", SECTIONS)
def test_what_the_page_says_works(title: str, copy: Copy) -> None:
    blocks = BLOCK.findall(SECTIONS[title])
    [proof] = [text for kind, *_, text in blocks if kind == "proof"]
    for kind, name, everywhere, text in blocks:
        if kind != "proof":
            copy.change(kind, name, text, everywhere=bool(everywhere))
    assert copy.run(proof) == "ok"


def test_without_the_changes_no_proof_holds(copy: Copy) -> None:
    for text in SECTIONS.values():
        proof = next(block[-1] for block in BLOCK.findall(text) if block[0] == "proof")
        with pytest.raises(AssertionError):
            copy.run(proof)
