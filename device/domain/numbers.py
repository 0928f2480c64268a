"""Order numbers are functions, so that a re-send collides (payment-states §1.8).

Vectors: tests/vectors/numbers.json. Never changed after release.
"""

import base64
import hashlib
import hmac

TRADE_DIGEST_LENGTH = 28  # with the desk code's 4: the 32 characters WeChat allows
REFUND_DIGEST_LENGTH = 31  # with the `R` in front: 32
BOX_REFUND_ID = "*"  # the refund that the box starts itself; no HIS id may look like it


def out_trade_no(  # noqa: PLR0913  every one is part of the number
    key: bytes, desk_code: str, desk: str, business_date: str, his_id: str, try_: int, attempt: int
) -> str:
    """Return the 32 characters that name one payment attempt at the provider."""
    text = f"pay\n{desk}\n{business_date}\n{his_id}\n{try_}\n{attempt}"
    digest = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return desk_code + base64.b32encode(digest).decode()[:TRADE_DIGEST_LENGTH]


def out_refund_no(trade_no: str, refund_id: str) -> str:
    """Return the 32 characters that name one refund at the provider."""
    digest = hashlib.sha256(f"{trade_no}|{refund_id}".encode()).digest()
    return "R" + base64.b32encode(digest).decode()[:REFUND_DIGEST_LENGTH]


def keyed_hash(key: bytes, kind: str, text: str) -> str:
    """Return what is stored instead of a payer code or patient number: 64 hex characters."""
    return hmac.new(key, f"{kind}\n{text}".encode(), hashlib.sha256).hexdigest()
