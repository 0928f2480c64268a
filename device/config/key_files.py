"""Secrets are files: the only two ways to read one. What they return is never logged."""

import re
from pathlib import Path

from device.config.reader import wrong

KEY_LENGTH = 32  # bytes of box.key, his.key and center.key
LARGEST_SECRET = 65536  # bytes; a key file that is longer is another file


def read_key(path: Path) -> bytes:
    """Return the 32 bytes of a key file: raw, or 64 hex digits with optional white space after."""
    data = read_bounded(path, LARGEST_SECRET)
    digits = data.rstrip()
    if len(data) == KEY_LENGTH:
        return data
    if re.fullmatch(rb"[0-9A-Fa-f]{64}", digits):
        return bytes.fromhex(digits.decode())
    raise wrong(path, "", "", "must hold exactly 32 raw bytes or 64 hex digits")


def read_text_secret(path: Path) -> str:
    """Return the text of a secret file without the white space at its end."""
    try:
        text = read_bounded(path, LARGEST_SECRET).decode().rstrip()
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise wrong(path, "", "", "must hold text in UTF-8")
    return text


def read_bounded(path: Path, limit: int) -> bytes:
    """Return the whole file; ConfigError if it cannot be read or is longer than the limit."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no such name"
        raise wrong(path, "", "", f"cannot be read: {why}") from None
    if len(data) > limit:
        raise wrong(path, "", "", f"is too long: must be at most {limit} bytes")
    return data
