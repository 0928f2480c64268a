"""What the box shows to the outside, read from the files its `png` and `file` drivers write."""

import asyncio
from collections.abc import Callable
from pathlib import Path

LOOK_EVERY_S = 0.025  # a quarter of the shortest blink: nothing is missed, and it costs nothing

Stamp = tuple[int, int, int]
"""Which file it is, when it was written, how long it is."""


async def follow(path: Path, changed: Callable[[bytes], None]) -> None:
    """Call `changed` with the whole content at the start and after every replacement, for ever."""
    stamp: Stamp | None = None
    while True:
        newer = _newer(path, stamp)
        if newer:
            stamp, content = newer
            changed(content)
        await asyncio.sleep(LOOK_EVERY_S)


def _newer(path: Path, stamp: Stamp | None) -> tuple[Stamp, bytes] | None:
    """Return the file's stamp and content if it is another one; a few hundred bytes at most."""
    try:
        status = path.stat()
        now = (status.st_ino, status.st_mtime_ns, status.st_size)
        return None if now == stamp or not status.st_size else (now, path.read_bytes())
    except FileNotFoundError:
        return None
