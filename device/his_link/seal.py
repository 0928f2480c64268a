"""Keys, proofs and sealed bodies of a sealed link (his-link §4). No I/O, no randomness.

A sealed body is AES-256-GCM under a counter that only rises, bound to its direction and its SEQ: it
can be neither replayed nor reflected nor moved to another frame.
"""

import base64
import hmac
import re
from dataclasses import dataclass, field, replace
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 16
KEY_BYTES = 32
COUNTER_BYTES = 8
TAG_BYTES = 16

HIS_TO_BOX = b"his>box"
BOX_TO_HIS = b"box>his"
_INFO = b"paybox his link v1 "

MARK = b"E1."
_SEALED = re.compile(rb"E1\.([A-Za-z0-9_-]+)")


def plain_limit(body_limit: int) -> int:
    """Return how long a body may be before it is sealed, to be `body_limit` bytes after that."""
    return (body_limit - len(MARK)) * 3 // 4 - COUNTER_BYTES - TAG_BYTES


@dataclass(frozen=True, slots=True)
class Seal:
    """What one end writes with; `counter` is the last one used."""

    key: bytes = field(repr=False)
    direction: bytes
    counter: int = 0

    def seal(self, seq: int, body: bytes) -> tuple["Seal", bytes]:
        """Return the next seal and the sealed body; a resend is these same bytes."""
        counter = (self.counter + 1).to_bytes(COUNTER_BYTES, "big")
        bound = _bound(self.direction, seq)
        content = counter + AESGCM(self.key).encrypt(_gcm_nonce(counter), body, bound)
        sealed = MARK + base64.urlsafe_b64encode(content).rstrip(b"=")
        return replace(self, counter=self.counter + 1), sealed


@dataclass(frozen=True, slots=True)
class Opener:
    """What one end reads with; `last` is the highest counter that has opened."""

    key: bytes = field(repr=False)
    direction: bytes
    last: int = 0

    def open(self, seq: int, body: bytes) -> tuple["Opener", bytes] | None:
        """Return the next opener and the plain body; None if it is old, foreign or changed."""
        content = _content(body)
        counter = content[:COUNTER_BYTES]
        number = int.from_bytes(counter, "big")
        if len(content) < COUNTER_BYTES + TAG_BYTES or number <= self.last:
            return None
        bound = _bound(self.direction, seq)
        try:
            plain = AESGCM(self.key).decrypt(_gcm_nonce(counter), content[COUNTER_BYTES:], bound)
        except InvalidTag:
            return None
        return replace(self, last=number), plain


def _content(body: bytes) -> bytes:
    found = _SEALED.fullmatch(body)
    if not found:
        return b""
    digits = found[1]
    try:
        return base64.urlsafe_b64decode(digits + b"=" * (-len(digits) % 4))
    except ValueError:  # a length that no bytes have
        return b""


def _gcm_nonce(counter: bytes) -> bytes:
    return bytes(4) + counter


def _bound(direction: bytes, seq: int) -> bytes:
    return direction + b"%02X" % seq


@dataclass(frozen=True, slots=True)
class DeskKey:
    """The 32 bytes that both sides were given, and the proof keys derived from them."""

    key: bytes = field(repr=False)
    his_proof_key: bytes = field(repr=False)
    box_proof_key: bytes = field(repr=False)

    @classmethod
    def of(cls, key: bytes) -> "DeskKey":
        """Derive the proof keys once."""
        assert len(key) == KEY_BYTES
        return cls(key, _derived(key, b"", b"proof his"), _derived(key, b"", b"proof box"))

    def his_proof(self, his_nonce: bytes) -> str:
        """Return what the HIS proves itself with, in hex."""
        return hmac.new(self.his_proof_key, his_nonce, sha256).hexdigest()

    def box_proof(self, his_nonce: bytes, box_nonce: bytes) -> str:
        """Return what the box proves itself with, in hex."""
        return hmac.new(self.box_proof_key, his_nonce + box_nonce, sha256).hexdigest()

    def directions(self, his_nonce: bytes, box_nonce: bytes) -> tuple[bytes, bytes]:
        """Return the session's two keys: HIS to box, box to HIS."""
        salt = his_nonce + box_nonce
        to_box, to_his = (_derived(self.key, salt, name) for name in (HIS_TO_BOX, BOX_TO_HIS))
        return to_box, to_his


def _derived(key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt, _INFO + info).derive(key)
