"""What is installed is what is in the repository."""

import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = ("device", "center", "simulators")


def test_every_file_beside_the_code_is_in_the_package() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    files = [path for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file()]
    data = [path for path in files if path.suffix not in {".py", ".pyc"}]
    assert data
    assert [p for p in data if not any(fnmatch(p.name, pattern) for pattern in patterns)] == []


def test_every_layer_of_the_architecture_page_is_checked() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    layers = PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
    for module in (part for layer in layers for part in layer.split(" | ")):
        assert module.removeprefix("device.") in text
