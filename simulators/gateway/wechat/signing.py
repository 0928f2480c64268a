"""WeChat v2 signatures (wechat §5): sorted ``k=v`` joined by ``&``, then ``&key=``, hashed."""

import hashlib
import hmac
from collections.abc import Mapping

SIGN_TYPES = ("MD5", "HMAC-SHA256")


def signed_text(fields: Mapping[str, str], key: str) -> bytes:
    """Return what is hashed: no ``sign``, no empty values, names in ASCII order."""
    pairs = sorted((name, value) for name, value in fields.items() if value and name != "sign")
    return ("&".join(f"{name}={value}" for name, value in pairs) + f"&key={key}").encode()


def sign(fields: Mapping[str, str], key: str, sign_type: str = "MD5") -> str:
    """Upper-case hex of the MD5 or HMAC-SHA256."""
    text = signed_text(fields, key)
    if sign_type == "HMAC-SHA256":
        return hmac.new(key.encode(), text, hashlib.sha256).hexdigest().upper()
    return hashlib.md5(text).hexdigest().upper()  # noqa: S324 - the provider's own default


def is_signed(fields: Mapping[str, str], key: str, sign_type: str = "MD5") -> bool:
    """Whether ``sign`` is there and right."""
    given = fields.get("sign", "").encode()
    return hmac.compare_digest(given, sign(fields, key, sign_type).encode())
