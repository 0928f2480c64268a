"""The panels by their name in `[display] driver`; a new one is a line here and a file."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from device.display.buses import open_i2c, open_spi
from device.display.controllers import CONTROLLERS
from device.display.oled import Oled
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
    def spi_port(self) -> int:
        """The bus's number; for `ssd1322`."""

    @property
    def spi_device(self) -> int:
        """Its chip select."""

    @property
    def spi_dc(self) -> int:
        """The pin that tells data from commands, BCM number."""

    @property
    def spi_reset(self) -> int:
        """The pin that resets the panel, BCM number."""

    @property
    def path(self) -> Path:
        """For `png`."""


def _on_i2c(section: Section) -> Glass:
    bus = open_i2c(section.i2c_port, section.i2c_address)
    return Oled(section.driver, section.width, section.height, bus)


def _on_spi(section: Section) -> Glass:
    bus = open_spi(section.spi_port, section.spi_device, section.spi_dc, section.spi_reset)
    return Oled(section.driver, section.width, section.height, bus)


def _png(section: Section) -> Glass:
    return PngFile(section.path)


OPENERS: dict[str, Callable[[Section], Glass]] = {
    **dict.fromkeys(CONTROLLERS, _on_i2c),
    "ssd1322": _on_spi,
    "png": _png,
}


def bus_node(section: Section) -> Path | None:
    """Return the device file of the panel's bus, None for a driver that has none."""
    if section.driver == "ssd1322":
        return Path(f"/dev/spidev{section.spi_port}.{section.spi_device}")
    return Path(f"/dev/i2c-{section.i2c_port}") if section.driver in CONTROLLERS else None


def make_panel(section: Section, language: str) -> ThreadPanel | NoPanel:
    """Return the panel of this configuration, not yet started. Never fails: see `working`."""
    if section.driver == "none":
        return NoPanel()
    opener = partial(OPENERS[section.driver], section)
    return ThreadPanel(opener, section.width, section.height, language)
