"""Sealed and signed bytes: Ed25519 over everything, ChaCha20-Poly1305 inside.

    magic "PBXB" 0x01 | lock (1) | length of title (2) | title | salt (32)
    | length (4) | sealed files | Ed25519 signature (64) over all before

The key is used once, so the nonce is zero; everything before the sealed files is authenticated with
them. `lock` 1: the key is HKDF-SHA256 over X25519 of a fresh key (its public half is the salt) with
the box's own; 2: scrypt over a passphrase. The signature is checked before anything is opened.
"""

import os
import struct
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from device.domain.screens import Refusal
from device.errors import BundleRefused
from device.provisioning.bundle import Bundle, Title, pack, unpack

BUNDLE_NAME = "provision.pbx"
MAGIC = b"PBXB\x01"
SALT_BYTES = KEY_BYTES = 32
SIGNATURE_BYTES = 64
LARGEST_ENVELOPE = 131072  # bytes; a longer file is no bundle
NONCE = bytes(12)  # every key is used once
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**15, 8, 1  # 32 MB, under a second on a small board
INFO = b"paybox provision 1"


class Lock(IntEnum):
    """To whom the files are sealed."""

    BOX = 1
    PASSPHRASE = 2


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a box can open with."""

    seal_key: bytes = field(default=b"", repr=False)
    """The box's own X25519 key, 32 bytes."""
    passphrase: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A bundle that is still closed; its signature has been found good."""

    title: Title
    lock: Lock
    _salt: bytes = field(repr=False)
    _before: bytes = field(repr=False)
    _sealed: bytes = field(repr=False)

    def open(self, secrets: Secrets) -> Bundle:
        """Return the files; BundleRefused if the secrets do not fit."""
        key = _open_key(self.lock, secrets, self._salt)
        try:
            packed = ChaCha20Poly1305(key).decrypt(NONCE, self._sealed, self._before)
        except InvalidTag:
            raise BundleRefused(Refusal.SEALED) from None
        return Bundle(self.title, unpack(packed))


def digest_of(data: bytes) -> str:
    """Return the name by which a box remembers a bundle: 40 hex digits."""
    return sha256(data).hexdigest()[:40]


def public_of_signer(signing_key: bytes) -> bytes:
    """Return the public half of an Ed25519 key."""
    return Ed25519PrivateKey.from_private_bytes(signing_key).public_key().public_bytes_raw()


def public_of_box(seal_key: bytes) -> bytes:
    """Return the public half of a box's X25519 key."""
    return X25519PrivateKey.from_private_bytes(seal_key).public_key().public_bytes_raw()


def seal_to_box(bundle: Bundle, box_public: bytes, signing_key: bytes) -> bytes:
    """Return the bytes of a bundle that only the box with that key can open."""
    ours = X25519PrivateKey.generate()
    salt = ours.public_key().public_bytes_raw()
    shared = ours.exchange(X25519PublicKey.from_public_bytes(box_public))
    key = _box_key(shared, salt, box_public)
    return _closed(bundle, Lock.BOX, salt, key, signing_key)


def seal_to_passphrase(bundle: Bundle, passphrase: str, signing_key: bytes) -> bytes:
    """Return the bytes of a bundle that whoever knows the passphrase can open."""
    salt = os.urandom(SALT_BYTES)
    key = _passphrase_key(passphrase, salt)
    return _closed(bundle, Lock.PASSPHRASE, salt, key, signing_key)


def read(data: bytes, trusted: bytes) -> Envelope:
    """Return the envelope; BundleRefused if it is damaged or not signed by the trusted key."""
    if len(data) > LARGEST_ENVELOPE or not data.startswith(MAGIC):
        raise BundleRefused(Refusal.DAMAGED)
    signed, signature = data[:-SIGNATURE_BYTES], data[-SIGNATURE_BYTES:]
    try:
        Ed25519PublicKey.from_public_bytes(trusted).verify(signature, signed)
    except (InvalidSignature, ValueError):
        raise BundleRefused(Refusal.SIGNATURE) from None
    return _parsed(signed)


def _parsed(signed: bytes) -> Envelope:
    try:
        at = len(MAGIC)
        lock, length = struct.unpack_from(">BH", signed, at)
        title = Title.from_bytes(signed[at + 3 : at + 3 + length])
        at += 3 + length
        salt = signed[at : at + SALT_BYTES]
        (size,) = struct.unpack_from(">I", signed, at + SALT_BYTES)
        before, sealed = signed[: at + SALT_BYTES + 4], signed[at + SALT_BYTES + 4 :]
        envelope = Envelope(title, Lock(lock), salt, before, sealed)
    except (struct.error, ValueError):
        raise BundleRefused(Refusal.DAMAGED) from None
    if size != len(sealed):
        raise BundleRefused(Refusal.DAMAGED)
    return envelope


def _closed(bundle: Bundle, lock: Lock, salt: bytes, key: bytes, signing_key: bytes) -> bytes:
    title, packed = bundle.title.to_bytes(), pack(bundle.files)
    size = struct.pack(">I", len(packed) + 16)  # 16: the authentication tag
    before = MAGIC + struct.pack(">BH", lock, len(title)) + title + salt + size
    signed = before + ChaCha20Poly1305(key).encrypt(NONCE, packed, before)
    return signed + Ed25519PrivateKey.from_private_bytes(signing_key).sign(signed)


def _open_key(lock: Lock, secrets: Secrets, salt: bytes) -> bytes:
    if lock is Lock.PASSPHRASE:
        return _passphrase_key(secrets.passphrase, salt)
    if not secrets.seal_key:
        raise BundleRefused(Refusal.SEALED)
    ours = X25519PrivateKey.from_private_bytes(secrets.seal_key)
    try:
        shared = ours.exchange(X25519PublicKey.from_public_bytes(salt))
    except ValueError:
        raise BundleRefused(Refusal.DAMAGED) from None
    return _box_key(shared, salt, ours.public_key().public_bytes_raw())


def _box_key(shared: bytes, ours: bytes, theirs: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, ours + theirs, INFO).derive(shared)


def _passphrase_key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt, KEY_BYTES, SCRYPT_N, SCRYPT_R, SCRYPT_P).derive(passphrase.encode())
