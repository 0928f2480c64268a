"""What is in an update bundle, and who signed it.

    magic "PBXU" 0x01 | length (4) | manifest, JSON | Ed25519 signature (64) | root image

The signature is over everything before it; the manifest holds the image's size and SHA-256. So the
head alone decides whether a bundle is looked at further, and the image is judged as it is read.
"""

import json
import re
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from device.errors import UpdateRefused

BUNDLE_NAME = "update.pbu"
MAGIC = b"PBXU\x01"
SIGNATURE_BYTES = 64
LARGEST_MANIFEST = 65536  # bytes
VERSION = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6}){0,3}", re.ASCII)
DAMAGED = "升级包不完整或损坏 / the bundle is damaged"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A release, as its makers signed it."""

    version: str
    """Numbers with dots."""
    kernel: str
    """The kernel (`uname -r`) whose modules the image holds."""
    migrations: Sequence[str]
    """Every migration of the journal that the release knows, in order."""
    size: int
    """Of the root image, in bytes."""
    sha256: str

    def head(self, signing_key: bytes) -> bytes:
        """Return everything of a bundle before its image."""
        body = json.dumps(asdict(self), separators=(",", ":")).encode()
        signed = MAGIC + struct.pack(">I", len(body)) + body
        return signed + Ed25519PrivateKey.from_private_bytes(signing_key).sign(signed)


def public_of(signing_key: bytes) -> bytes:
    """Return the public half of a signing key."""
    return Ed25519PrivateKey.from_private_bytes(signing_key).public_key().public_bytes_raw()


def read_head(file: BinaryIO, trusted: bytes) -> Manifest:
    """Read up to the image; UpdateRefused if the head is not the trusted key's."""
    prefix = file.read(len(MAGIC) + 4)
    if len(prefix) < len(MAGIC) + 4 or not prefix.startswith(MAGIC):
        raise UpdateRefused(DAMAGED)
    (length,) = struct.unpack(">I", prefix[len(MAGIC) :])
    if length > LARGEST_MANIFEST:
        raise UpdateRefused(DAMAGED)
    body, signature = file.read(length), file.read(SIGNATURE_BYTES)
    try:
        Ed25519PublicKey.from_public_bytes(trusted).verify(signature, prefix + body)
    except (InvalidSignature, ValueError):
        raise UpdateRefused("签名不符 / not signed by the key of this release") from None
    return _parsed(body)


def order_of(version: str) -> tuple[int, ...]:
    """Return what versions are compared by."""
    return tuple(int(part) for part in version.split("."))


def _parsed(body: bytes) -> Manifest:
    try:
        found = Manifest(**json.loads(body))
        texts = (found.version, found.kernel, found.sha256, *found.migrations)
        right = all(isinstance(text, str) for text in texts) and type(found.size) is int
        right = right and bool(VERSION.fullmatch(found.version)) and found.size > 0
    except (ValueError, TypeError, RecursionError):
        right = False
    if not right:
        raise UpdateRefused(DAMAGED)
    return found
