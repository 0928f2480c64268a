"""`paybox provision keygen | make | show`: what the site's office does, on its own machine."""

import argparse
import dataclasses
import secrets
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from device import config
from device.config import Config
from device.config.kinds import File
from device.config.reader import Key, declared
from device.errors import ConfigError
from device.provisioning import envelope, sheet
from device.provisioning.bundle import CONFIG_NAME, TRUST_NAME, Bundle, Title
from device.provisioning.codes import new_passphrase, passphrase_code, split
from device.provisioning.store import RealDisk, check_for_a_box

SIGNING_NAME, PASSPHRASE_NAME = "provision.key", "passphrase.txt"
LARGEST_FILE = 65536  # bytes of one key or certificate file


def keygen(chosen: argparse.Namespace) -> int:
    """Make the site's signing key and its public half; an existing one is never touched."""
    folder: Path = chosen.folder
    disk = RealDisk()
    signing_key = secrets.token_bytes(envelope.KEY_BYTES)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        disk.write(folder / SIGNING_NAME, signing_key.hex().encode() + b"\n")
        public = envelope.public_of_signer(signing_key)
        (folder / TRUST_NAME).write_text(public.hex() + "\n", encoding="ascii")
    except OSError as error:
        raise ConfigError(f"{error.filename}: 未改动 / left as it is: {error.strerror}") from None
    _say(f"{folder / SIGNING_NAME}  离线保管，用于签名 / keep it offline, it signs")
    _say(f"{folder / TRUST_NAME}  放进每张卡的启动分区 / goes to the boot partition of each card")
    return 0


def make(chosen: argparse.Namespace) -> int:
    """Make the bundle of one box, and on demand its codes."""
    settings = check_for_a_box(chosen.config, ConfigError)
    signing_key = config.read_key(chosen.key)
    version = int(time.time()) if chosen.version is None else chosen.version
    title = Title(settings.box.id, version, chosen.not_before)
    public = envelope.public_of_signer(signing_key).hex().encode() + b"\n"
    files = {**_files(chosen.config, settings), TRUST_NAME: public}
    out: Path = chosen.out
    out.mkdir(parents=True, exist_ok=True)
    data, passphrase = _sealed(Bundle(title, files), signing_key, chosen.to)
    (out / envelope.BUNDLE_NAME).write_bytes(data)
    words = f"{title.box}，版本 {version}，{len(files)} 个文件，{len(data)} 字节"
    _say(f"{out / envelope.BUNDLE_NAME}  {words}")
    if passphrase:
        _write_passphrase(out, title, passphrase, codes=chosen.codes)
    if chosen.codes:
        codes = _codes(data)
        sheet.write_codes(out / "codes.html", title, codes)
        sheet.write_pictures(out, codes)
        _say(f"{out / 'codes.html'}  {len(codes)} 张码，打印或在手机上显示 / codes to print")
    return 0


def show(chosen: argparse.Namespace) -> int:
    """Say of a bundle what stands in it in the clear, and whether its signature is good."""
    data = chosen.bundle.read_bytes()
    title = envelope.read(data, config.read_key(chosen.trust)).title
    since = datetime.fromtimestamp(title.not_before, UTC).isoformat() if title.not_before else "-"
    _say(f"签名正确 / signature good\nbox {title.box}\nversion {title.version}\nnot before {since}")
    _say(f"digest {envelope.digest_of(data)}")
    return 0


def _sealed(bundle: Bundle, signing_key: bytes, to: Path | None) -> tuple[bytes, str]:
    try:
        if to is not None:
            return envelope.seal_to_box(bundle, config.read_key(to), signing_key), ""
        passphrase = new_passphrase()
        return envelope.seal_to_passphrase(bundle, passphrase, signing_key), passphrase
    except ValueError as error:
        raise ConfigError(f"{CONFIG_NAME}: {error}") from None


def _codes(data: bytes) -> list[str]:
    try:
        return split(data)
    except ValueError as error:
        raise ConfigError(f"--codes: {error}") from None


def _write_passphrase(out: Path, title: Title, passphrase: str, *, codes: bool) -> None:
    disk, code = RealDisk(), passphrase_code(passphrase)
    disk.remove(out / PASSPHRASE_NAME)
    disk.write(out / PASSPHRASE_NAME, code.encode() + b"\n")
    if codes:
        sheet.write_passphrase(out / "passphrase.html", title, code)
    words = "口令，与配置分开递送，用后销毁 / send it another way, then destroy it"
    _say(f"{out / PASSPHRASE_NAME}  {words}")


def _files(file: Path, settings: Config) -> dict[str, bytes]:
    """Return the configuration and every key file that it names; ConfigError if one is elsewhere.

    A file that is named but missing is told: a wallet without its keys stays off.
    """
    folder = file.resolve().parent
    files = {CONFIG_NAME: config.read_bounded(file, LARGEST_FILE)}
    for path in dict.fromkeys(_named(settings)):
        if path.parent.resolve() != folder:
            raise ConfigError(f"{file}: {path.name}: 须与配置在同一目录 / must be beside the file")
        if path.is_file():
            files[path.name] = config.read_bounded(path, LARGEST_FILE)
        else:
            sys.stderr.write(f"没有此文件，未放入 / not there, left out: {path.name}\n")
    return files


def _named(settings: Config) -> Iterator[Path]:
    for part in dataclasses.fields(settings):
        section = getattr(settings, part.name)
        if section is not None:
            yield from _named_in(section)


def _named_in(section: Any) -> Iterator[Path]:
    for item in declared(type(section)):
        value = getattr(section, item.name)
        if not isinstance(item, Key):
            yield from () if value is None else _named_in(value)
        elif isinstance(item.kind, File) and item.kind.credential and value is not None:
            yield value


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
