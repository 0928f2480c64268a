"""`paybox.toml` as frozen dataclasses; loading it checks everything that a file can have wrong.

Secrets are files, read only by `read_key` and `read_text_secret`.
"""

import os
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from device.config.key_files import read_bounded, read_key, read_text_secret
from device.config.kinds import split_address
from device.config.network import Network, Wireguard
from device.config.reader import Reader, wrong
from device.config.rules import RULES, is_file
from device.config.sections import (
    WECHAT_URL,
    Alipay,
    Announcer,
    Box,
    Center,
    ClockSettings,
    Config,
    CustomerDisplay,
    Display,
    Hardware,
    His,
    HisSerial,
    HisTcp,
    HisTls,
    Lamp,
    Limits,
    Scanner,
    Sections,
    Wechat,
)

__all__ = [
    "Alipay",
    "Announcer",
    "Box",
    "Center",
    "ClockSettings",
    "Config",
    "CustomerDisplay",
    "Display",
    "Hardware",
    "His",
    "HisSerial",
    "HisTcp",
    "HisTls",
    "Lamp",
    "Limits",
    "Network",
    "Scanner",
    "Wechat",
    "Wireguard",
    "load",
    "load_hardware",
    "read_bounded",
    "read_key",
    "read_text_secret",
    "split_address",
]

LARGEST_CONFIG = 1048576  # bytes; a longer file is not a configuration


def load(path: Path | str) -> Config:
    """Return the configuration of a file; ConfigError, one line, on the first thing wrong in it."""
    file = Path(path)
    tables = _tables(file)
    sections = Reader(file, _locator(_folder(file))).read(Sections, tables)
    config = _assemble(sections, tables)
    for rule in RULES:
        finding = rule(config, tables)
        if finding:
            raise wrong(file, *finding)
    return config


def load_hardware(path: Path) -> Hardware:
    """Return what a box has before it is configured; ConfigError as for `load`."""
    return Reader(path, _locator(_folder(path))).read(Hardware, _tables(path))


def _folder(file: Path) -> Path:
    """The folder of the file itself: `paybox.toml` may be a link into a set of files."""
    try:
        return file.resolve().parent
    except (OSError, RuntimeError):  # a loop of links
        return file.absolute().parent


def _tables(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_bounded(file, LARGEST_CONFIG).decode())
    except UnicodeDecodeError:
        raise wrong(file, "", "", "is not UTF-8 text; must be TOML in UTF-8") from None
    except (ValueError, RecursionError) as error:  # also numbers too long, tables too deep
        raise wrong(file, "", "", f"is not valid TOML: {error}") from None


def _locator(folder: Path) -> Callable[[str, bool], Path]:
    """Relative paths are relative to the file; secrets may be systemd credentials instead."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY", "")

    def locate(text: str, credential: bool) -> Path:  # noqa: FBT001  the shape of Locate
        given = credential and credentials and Path(credentials) / text
        return given if given and is_file(given) else folder / text

    return locate


def _assemble(sections: Sections, tables: dict[str, Any]) -> Config:
    """Lift the wallets out of `channels` and settle what depends on what else is in the file."""
    wechat, alipay = sections.channels.wechat, sections.channels.alipay
    if wechat and wechat.base_url != WECHAT_URL and "spare_url" not in _written_wechat(tables):
        # The default spare belongs to the default host: an emulated gateway must not have the
        # real one behind it.
        wechat = replace(wechat, spare_url="")
    if alipay and all(alipay.certificates):
        alipay = replace(alipay, alipay_public_key_file=None)
    names = ("box", "his", "scanner", "display", "lamp", "network", "center", "clock", "limits")
    return Config(**{name: getattr(sections, name) for name in names}, wechat=wechat, alipay=alipay)


def _written_wechat(tables: dict[str, Any]) -> dict[str, Any]:
    return dict(tables["channels"]["wechat"])
