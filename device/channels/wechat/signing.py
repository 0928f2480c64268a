"""The signature over a flat set of fields (wechat.md §5; tests/vectors/wechat_sign.json)."""

import hashlib
import hmac
from collections.abc import Mapping
from enum import StrEnum


class SignType(StrEnum):
    """How requests are signed; answers come signed the same way and do not say it."""

    MD5 = "MD5"
    HMAC_SHA256 = "HMAC-SHA256"


def sign(fields: Mapping[str, str], key: str, sign_type: SignType) -> str:
    """Return the upper-case hex signature over all non-empty fields but `sign`."""
    text = f"{_joined(fields)}&key={key}".encode()
    if sign_type is SignType.MD5:
        return hashlib.md5(text, usedforsecurity=False).hexdigest().upper()
    return hmac.new(key.encode(), text, hashlib.sha256).hexdigest().upper()


def verified(fields: Mapping[str, str], key: str, sign_type: SignType) -> bool:
    """Whether the answer is signed with our key, over every field it has, unknown ones too.

    Compared in constant time. An absent signature is a wrong one.
    """
    expected = sign(fields, key, sign_type)
    return hmac.compare_digest(expected.encode(), fields.get("sign", "").encode())


def _joined(fields: Mapping[str, str]) -> str:
    """Join raw values by name in the order of their bytes: `A` < `a1` < `a_1`."""
    names = sorted(name for name, value in fields.items() if value and name != "sign")
    return "&".join(f"{name}={fields[name]}" for name in names)
