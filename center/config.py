"""`paybox-center.toml` as a frozen dataclass, read by the same reader as `paybox.toml`."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from device.config.key_files import read_bounded
from device.config.kinds import Address, Choice, File, Text, Whole
from device.config.reader import Reader, wrong
from device.config.sections import Channels

NO_CHANNELS = Channels()
LARGEST_CONFIG = 1048576  # bytes; a longer file is not a configuration
DATABASE = Text(
    r"(sqlite:///.+|postgres(ql)?://.+)",
    "sqlite:///PATH or postgresql://user@host/name (password in ~/.pgpass or PGPASSWORD)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """The server's certificate; both files or neither."""

    cert_file: Annotated[Path | None, File()] = None
    key_file: Annotated[Path | None, File()] = None
    client_ca_file: Annotated[Path | None, File()] = None
    """Boxes and programs must show a certificate signed by this authority."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CenterConfig:
    """Every key of the centre. Relative paths are relative to the file."""

    listen: Annotated[str, Address()] = "127.0.0.1:7700"
    database_url: Annotated[str, DATABASE] = "sqlite:///center.sqlite3"
    secret_key_file: Annotated[Path, File(required=True)] = Path("center.secret")
    """Signs sessions; made at the first start if it is not there."""
    boxes_key_dir: Annotated[Path, File(required=True, credential=False)] = Path("boxes")
    """One key file a box: `BOX-0001.key`."""
    hospital: Annotated[str, Text(r".{0,32}", "at most 32 characters")] = "市一医院"
    language: Annotated[str, Choice(("zh", "en"))] = "zh"
    retention_days: Annotated[int, Whole(400, 36500)] = 3650
    """How long raw statements and audit records stay; money rows are never deleted."""
    many_refunds: Annotated[int, Whole(2, 10000)] = 10
    """From so many refunds by one cashier on one day on, finance is shown them."""
    threads: Annotated[int, Whole(1, 64)] = 8
    tls: Tls = Tls()
    channels: Channels = NO_CHANNELS
    """Only for statements and reviews: the centre never calls pay, reverse or refund."""


def load(path: Path | str) -> CenterConfig:
    """Return the configuration of a file; ConfigError, one line, on the first thing wrong in it."""
    file = Path(path)
    folder = file.absolute().parent
    try:
        tables = tomllib.loads(read_bounded(file, LARGEST_CONFIG).decode())
    except UnicodeDecodeError:
        raise wrong(file, "", "", "is not UTF-8 text; must be TOML in UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise wrong(file, "", "", f"is not valid TOML: {error}") from None
    config = Reader(file, lambda text, _credential: folder / text).read(CenterConfig, tables)
    if (config.tls.cert_file is None) != (config.tls.key_file is None):
        raise wrong(file, "tls", "key_file", "cert_file and key_file stand together or not at all")
    return config


def database_url(config: CenterConfig, folder: Path) -> str:
    """Return the address of the database; a relative SQLite path is relative to the file."""
    kind, _, place = config.database_url.partition(":///")
    return f"{kind}:///{folder / place}" if kind == "sqlite" else config.database_url
