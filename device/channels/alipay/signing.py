"""RSA2: keys in every form they are handed over in, and SHA-256 signatures (alipay.md §2).

A SHA-1 signature never verifies: accepting it for RSA2 is a known downgrade in the official SDK.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from device.errors import ConfigError

MIN_KEY_BITS = 2048  # alipay.md §1: RSA2 wants 2048 or more
PEM_LINE_CHARS = 64
PRIVATE_LABELS = ("PRIVATE KEY", "RSA PRIVATE KEY")  # PKCS#8 and PKCS#1
PUBLIC_LABELS = ("PUBLIC KEY", "RSA PUBLIC KEY")
Key = TypeVar("Key", rsa.RSAPrivateKey, rsa.RSAPublicKey)
BARE_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


def canonical(params: Mapping[str, str]) -> bytes:
    """Return what is signed of a request: all non-empty params but `sign`, by name, not encoded."""
    names = sorted(name for name, value in params.items() if value and name != "sign")
    return "&".join(f"{name}={params[name]}" for name in names).encode()


def sign(params: Mapping[str, str], key: rsa.RSAPrivateKey) -> str:
    """Return the base64 signature of a request."""
    raw = key.sign(canonical(params), padding.PKCS1v15(), hashes.SHA256())
    return base64.b64encode(raw).decode()


def verified(content: bytes, signature: str, key: rsa.RSAPublicKey) -> bool:
    """Whether `signature` (base64) is Alipay's over exactly these bytes.

    One signature has one spelling: a last letter whose unused bits are set decodes to the same
    bytes, and is refused, so that no changed letter anywhere in an answer is believed.
    """
    try:
        raw = base64.b64decode(signature, validate=True)
        if base64.b64encode(raw).decode() != signature:
            return False
        key.verify(raw, content, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def private_key(text: str, where: str) -> rsa.RSAPrivateKey:
    """Load a key from PEM or one line of base64, PKCS#1 or PKCS#8; ConfigError names `where`."""
    key = _first(
        _pems(text, PRIVATE_LABELS),
        lambda pem: serialization.load_pem_private_key(pem, password=None),
    )
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigError(
            f"{where}: not an RSA private key; allowed: PKCS#1 or PKCS#8, PEM or bare base64"
        )
    return _long_enough(key, where)


def public_key(text: str, where: str) -> rsa.RSAPublicKey:
    """Load a key from PEM or one line of base64, SPKI or PKCS#1; ConfigError names `where`."""
    key = _first(_pems(text, PUBLIC_LABELS), serialization.load_pem_public_key)
    if not isinstance(key, rsa.RSAPublicKey):
        raise ConfigError(f"{where}: not an RSA public key; allowed: PEM or bare base64")
    return _long_enough(key, where)


def refuse_own_key(alipay: rsa.RSAPublicKey, own: rsa.RSAPrivateKey, where: str) -> None:
    """Raise ConfigError for the commonest mistake: the application's own key in Alipay's place."""
    if alipay.public_numbers() == own.public_key().public_numbers():
        raise ConfigError(
            f"{where}: this is the application's own public key (应用公钥); allowed: the Alipay"
            " public key (支付宝公钥) that the platform shows after the upload"
        )


def _pems(text: str, labels: tuple[str, ...]) -> list[bytes]:
    """Return the candidates: the text itself if it is PEM, else its base64 under each label."""
    if "-----BEGIN" in text:
        return [text.strip().encode()]
    bare = "".join(text.split())
    if not BARE_BASE64.fullmatch(bare):
        return []
    lines = [bare[i : i + PEM_LINE_CHARS] for i in range(0, len(bare), PEM_LINE_CHARS)]
    inner = "\n".join(lines)
    return [f"-----BEGIN {x}-----\n{inner}\n-----END {x}-----\n".encode() for x in labels]


def _first(pems: list[bytes], load: Callable[[bytes], object]) -> object:
    for pem in pems:
        try:
            return load(pem)
        except (ValueError, TypeError, UnsupportedAlgorithm, binascii.Error):
            continue  # the error text could quote the key
    return None


def _long_enough(key: Key, where: str) -> Key:
    if key.key_size < MIN_KEY_BITS:
        raise ConfigError(f"{where}: the key has {key.key_size} bits; allowed: 2048 or more")
    return key
