"""Tokens of programs: made, shown once as `ID.SECRET`, kept as a hash, revoked."""

import hashlib
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from center.accounts.models import Token, User
from center.accounts.roles import Permission

ID_BYTES = 6
SECRET_BYTES = 32
KEY_BYTES = 32  # AES-256
LONGEST_NOTE = 100


@dataclass(frozen=True, slots=True)
class Made:
    """A new token and what nobody can read again."""

    token: Token
    bearer: str
    """What a program sends: `Authorization: Bearer ID.SECRET`."""
    key_hex: str
    """Seals answers, for programs that ask for it (center §5)."""


def make(user: User, scope: Iterable[Permission], note: str, by: str) -> Made:
    """Make a token that may do what both the scope and the user's role allow."""
    secret, key = secrets.token_urlsafe(SECRET_BYTES), os.urandom(KEY_BYTES)
    token = Token.objects.create(
        id=secrets.token_hex(ID_BYTES),
        digest=hashlib.sha256(secret.encode()).digest(),
        key=key,
        user=user,
        scope=[permission.value for permission in scope],
        note=note[:LONGEST_NOTE],
        created_by=by,
    )
    return Made(token, f"{token.pk}.{secret}", key.hex())


def revoke(token: Token) -> bool:
    """End it for good; return whether it was still good."""
    still_good = Token.objects.filter(pk=token.pk, revoked_at=None)
    return bool(still_good.update(revoked_at=datetime.now(UTC)))
