"""Figures of one image, kept beside it: a build begins anew, its test adds to them."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

NAME = "figures.toml"


def read(folder: Path) -> Mapping[str, float]:
    """Return what was recorded for the image in this folder."""
    file = folder / NAME
    return tomllib.loads(file.read_text()) if file.exists() else {}


def record(folder: Path, name: str, value: float) -> None:
    """Keep one figure, in the unit that its name ends with, among those that are there."""
    kept = {**read(folder), name: round(value, 1)}
    lines = [f"{key} = {number}\n" for key, number in sorted(kept.items())]
    (folder / NAME).write_text("".join(lines))
