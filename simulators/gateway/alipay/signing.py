"""Alipay signatures (alipay §2, §3): RSASSA-PKCS1-v1_5 over SHA-256 (RSA2) or SHA-1 (RSA)."""

import base64
import binascii
from collections.abc import Mapping
from types import MappingProxyType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

_HASHES: Mapping[str, hashes.HashAlgorithm] = MappingProxyType(
    {
        "RSA2": hashes.SHA256(),
        "RSA": hashes.SHA1(),  # noqa: S303 - the protocol's old type
    }
)
SIGN_TYPES = tuple(_HASHES)


def request_text(parameters: Mapping[str, str]) -> str:
    """Give what a request signs: all but ``sign`` and empty values, sorted, not URL-encoded."""
    pairs = sorted((name, one) for name, one in parameters.items() if one and name != "sign")
    return "&".join(f"{name}={value}" for name, value in pairs)


def sign(content: bytes, key: RSAPrivateKey, sign_type: str = "RSA2") -> str:
    """Return the signature in base64."""
    signature = key.sign(content, padding.PKCS1v15(), _HASHES[sign_type])
    return base64.b64encode(signature).decode()


def is_signed(content: bytes, signature: str, key: RSAPublicKey, sign_type: str = "RSA2") -> bool:
    """Whether the signature is of this content by this key."""
    try:
        raw = base64.b64decode(signature, validate=True)
        key.verify(raw, content, padding.PKCS1v15(), _HASHES[sign_type])
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
