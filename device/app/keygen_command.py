"""`paybox keygen DIR`: the three keys of a new box; existing files are never touched."""

import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from device.app.arguments import parser_of

KEY_FILES = ("box.key", "his.key", "center.key")
KEY_LENGTH = 32  # bytes; what `config.read_key` takes
OWNER_ONLY = 0o600
OWNER_ONLY_FOLDER = 0o700
FAILED = 1
DESCRIPTION = """\
为新扫码墩生成 box.key、his.key、center.key（各 32 字节，仅本用户可读，绝不覆盖）。
Make the keys of a new box: 32 random bytes each, owner-only, never overwritten.
"""


def main(arguments: Sequence[str]) -> int:
    """Make the keys; 1 if one is there already or cannot be written."""
    parser = parser_of("keygen", DESCRIPTION)
    parser.add_argument("folder", metavar="DIR", type=Path, help="目录 / the folder")
    folder: Path = parser.parse_args(arguments).folder
    existing = [name for name in KEY_FILES if (folder / name).exists()]
    if existing:
        return _complain(f"已存在，未改动 / exists, left as it is: {existing[0]}")
    try:
        folder.mkdir(mode=OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
        for name in KEY_FILES:
            _write_key(folder / name)
            sys.stdout.write(f"{folder / name}\n")
    except OSError as error:
        return _complain(f"无法写入 / cannot write: {error.strerror}")
    return 0


def _write_key(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(KEY_LENGTH) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _complain(line: str) -> int:
    sys.stderr.write(f"paybox keygen: {line}\n")
    return FAILED
