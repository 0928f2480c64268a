"""The panels by their name in `[display] driver`; a new one is a line here and a file."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from device.display.oled import ADDRESSING, Oled, open_i2c
from device.display.panel import Glass, NoPanel, ThreadPanel
from device.display.png import PngFile


class Section(Protocol):
    """What is needed of `[display]`."""

    @property
    def driver(self) -> str:
        """A key of `OPENERS`, or `none`."""

    @property
    def width(self) -> int:
        """Pixels."""

    @property
    def height(self) -> int:
        """Pixels."""

    @property
    def i2c_port(self) -> int:
        """The bus's number."""

    @property
    def i2c_address(self) -> int:
        """Seven bits."""

    @property
    def path(self) -> Path:
        """For `png`."""


def _oled(section: Section) -> Glass:
    bus = open_i2c(section.i2c_port, section.i2c_address)
    return Oled(section.driver, section.width, section.height, bus)


def _png(section: Section) -> Glass:
    return PngFile(section.path)


OPENERS: dict[str, Callable[[Section], Glass]] = {"png": _png, **dict.fromkeys(ADDRESSING, _oled)}


def make_panel(section: Section, language: str) -> ThreadPanel | NoPanel:
    """Return the panel of this configuration, not yet started. Never fails: see `working`."""
    if section.driver == "none":
        return NoPanel()
    opener = partial(OPENERS[section.driver], section)
    return ThreadPanel(opener, section.width, section.height, language)
