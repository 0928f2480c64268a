"""A bundle as codes that any scanner passes on: capital letters and digits only. Pure.

    PBX1 | bundle (4) | number (2) | of (2) | part of the base32 text | check (6)

`bundle` and `check` are the beginnings of base32(SHA-256): which parts belong together, and whether
this one was read right. Nothing here is trusted: the whole is signed. `PBX` is the beginning of no
payer code of any wallet, which are digits (or `opc...`). Order does not matter, nor does reading
a part twice; scanners that turn the case of letters are understood.
"""

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

PART_MARK, PASSPHRASE_MARK = "PBX1", "PBXK"
PART_CHARS = 780  # of base32 a part: a QR code of version 18, easily read from paper
MOST_PARTS = 99
LONGEST_CODE = 1024  # characters
CHECK_CHARS = 6
PASSPHRASE_CHARS = 20  # 100 bits: nobody guesses it, so it may be short
PART = re.compile(r"PBX1([A-Z2-7]{4})([0-9]{2})([0-9]{2})([A-Z2-7]{1,1000})([A-Z2-7]{6})", re.ASCII)
PASSPHRASE = re.compile(r"PBXK([A-Z2-7]{20})([A-Z2-7]{6})", re.ASCII)


def split(envelope: bytes) -> list[str]:
    """Return the codes of a bundle; ValueError if it would take more than 99."""
    text = base64.b32encode(envelope).decode().rstrip("=")
    pieces = [text[at : at + PART_CHARS] for at in range(0, len(text), PART_CHARS)]
    if len(pieces) > MOST_PARTS:
        raise ValueError(f"{len(pieces)} codes; at most {MOST_PARTS}: use a file instead")
    name = _digest(envelope)[:4]
    heads = (f"{PART_MARK}{name}{at:02}{len(pieces):02}" for at in range(1, len(pieces) + 1))
    return [_checked(head + piece) for head, piece in zip(heads, pieces, strict=True)]


def new_passphrase() -> str:
    """Return a random passphrase."""
    return base64.b32encode(secrets.token_bytes(16)).decode()[:PASSPHRASE_CHARS]


def passphrase_code(passphrase: str) -> str:
    """Return the code that says a passphrase."""
    return _checked(PASSPHRASE_MARK + passphrase)


def passphrase_of(text: str) -> str | None:
    """Return the passphrase of a code; None if it is another one, or misread."""
    found = PASSPHRASE.fullmatch(text.upper())
    return found[1] if found and _is_right(text.upper()) else None


@dataclass(frozen=True, slots=True)
class Part:
    """One code of several."""

    bundle: str
    number: int
    of: int
    text: str = field(repr=False)


def part_of(text: str) -> Part | None:
    """Return the part that a code holds; None if it is something else, or misread."""
    found = PART.fullmatch(text.upper())
    if not found or not _is_right(text.upper()):
        return None
    part = Part(found[1], int(found[2]), int(found[3]), found[4])
    return part if 1 <= part.number <= part.of else None


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts read so far, of one bundle."""

    bundle: str = ""
    of: int = 0
    texts: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    @property
    def have(self) -> int:
        """How many are there."""
        return len(self.texts)

    def plus(self, part: Part) -> "Parts":
        """Return with one more; a part of another bundle begins anew."""
        same = (self.bundle, self.of) == (part.bundle, part.of)
        texts = {**self.texts, part.number: part.text} if same else {part.number: part.text}
        return Parts(part.bundle, part.of, MappingProxyType(texts))

    def whole(self) -> bytes | None:
        """Return the bundle's bytes once all parts are there; b"" if they do not fit together."""
        if not self.of or self.have < self.of:
            return None
        text = "".join(self.texts[number] for number in range(1, self.of + 1))
        try:
            envelope = base64.b32decode(text + "=" * (-len(text) % 8))
        except binascii.Error:
            return b""
        return envelope if _digest(envelope).startswith(self.bundle) else b""


def _digest(data: bytes) -> str:
    return base64.b32encode(hashlib.sha256(data).digest()).decode()


def _checked(text: str) -> str:
    return text + _digest(text.encode())[:CHECK_CHARS]


def _is_right(text: str) -> bool:
    return _checked(text[:-CHECK_CHARS]) == text
