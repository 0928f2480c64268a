"""What is in a bundle: the configuration of one box and its key files. Pure."""

import base64
import binascii
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from device.domain.screens import Refusal
from device.errors import BundleRefused

CONFIG_NAME = "paybox.toml"
TRUST_NAME = "provision.pub"
RECORD_NAME = "bundle.json"  # what the box writes beside them
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
MOST_FILES = 32
LARGEST_BYTES = 131072  # of all files together: a configuration and a dozen certificates
LARGEST_VERSION = 2**53 - 1  # what every JSON reader holds


@dataclass(frozen=True, slots=True)
class Title:
    """What is told of a bundle in the clear; signed like the rest."""

    box: str
    version: int
    """A counter for each box; a box never goes back."""
    not_before: int = 0
    """Seconds since 1970 (UTC) from when on it may be used; 0 = at once."""

    def to_bytes(self) -> bytes:
        """Return it as JSON."""
        fields = {"box": self.box, "version": self.version, "not_before": self.not_before}
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Title":
        """Return what `to_bytes` gave; BundleRefused for anything else."""
        try:
            fields = json.loads(data)
            title = cls(fields["box"], fields["version"], fields["not_before"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise BundleRefused(Refusal.DAMAGED) from None
        counters = (title.version, title.not_before)
        if not isinstance(title.box, str) or not all(map(_is_counter, counters)):
            raise BundleRefused(Refusal.DAMAGED)
        return title


def _is_counter(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_VERSION


@dataclass(frozen=True, slots=True)
class Bundle:
    """One box's files by name; `paybox.toml` and `provision.pub` are among them."""

    title: Title
    files: Mapping[str, bytes] = field(repr=False)


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return the files as compressed JSON; ValueError if there are too many or too large ones."""
    if not _allowed(files):
        raise ValueError(f"at most {MOST_FILES} files, {LARGEST_BYTES} bytes, plain names")
    rows = [[name, *_as_text(data)] for name, data in sorted(files.items())]
    return zlib.compress(json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode(), 9)


def unpack(data: bytes) -> dict[str, bytes]:
    """Return what `pack` gave; BundleRefused for anything else, and nothing grows without limit."""
    try:
        reader = zlib.decompressobj()
        text = reader.decompress(data, LARGEST_BYTES * 2)
        if not reader.eof:
            raise BundleRefused(Refusal.DAMAGED)
        files = {name: _as_bytes(kind, body) for name, kind, body in json.loads(text)}
    except (zlib.error, ValueError, TypeError, AttributeError, RecursionError):
        raise BundleRefused(Refusal.DAMAGED) from None
    if not _allowed(files) or CONFIG_NAME not in files:
        raise BundleRefused(Refusal.DAMAGED)
    return files


def _allowed(files: Mapping[str, bytes]) -> bool:
    names = all(isinstance(n, str) and FILE_NAME.fullmatch(n) and n != RECORD_NAME for n in files)
    return names and len(files) <= MOST_FILES and sum(map(len, files.values())) <= LARGEST_BYTES


def _as_text(data: bytes) -> tuple[str, str]:
    try:
        return "text", data.decode()
    except UnicodeDecodeError:
        return "base64", base64.b64encode(data).decode()


def _as_bytes(kind: str, body: str) -> bytes:
    if kind == "text":
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error:
        raise BundleRefused(Refusal.DAMAGED) from None
