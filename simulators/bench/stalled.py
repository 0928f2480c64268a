"""`python -m simulators.bench.stalled SECONDS -c paybox.toml`: the box on a card that stalls.

The real program; each commit waits that long in the writer's thread before it begins. A beat in
the loop notes how late it is; the worst is printed when the box ends.
"""

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Any

from device.__main__ import main
from device.app.box import Box
from device.journal.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

BEAT_S = 0.005


def stall(seconds: float) -> None:
    """Let every commit wait first."""
    commit: Callable[..., Any] = Store.commit

    def late(store: Store, change: Any) -> None:
        time.sleep(seconds)
        commit(store, change)

    Store.commit = late  # type: ignore[method-assign, assignment]


class Beat:
    """Comes every 5 ms, and notes how late it was at worst."""

    def __init__(self) -> None:
        self.worst_s = 0.0
        self._loop = asyncio.get_running_loop()
        self._due_s = self._loop.time()
        self._beat()

    def _beat(self) -> None:
        now_s = self._loop.time()
        self.worst_s = max(self.worst_s, now_s - self._due_s)
        self._due_s = now_s + BEAT_S
        self._loop.call_at(self._due_s, self._beat)


def watch() -> None:
    """Beat while the box is ready; print the worst of it."""
    serve = Box._until_stopped  # noqa: SLF001  from ready to SIGTERM: the box's life

    async def watched(box: Box, tasks: list[asyncio.Task[None]]) -> int:
        beat = Beat()
        code = await serve(box, tasks)
        sys.stdout.write(f"worst_ms={beat.worst_s * 1e3:.3f}\n")
        sys.stdout.flush()
        return code

    Box._until_stopped = watched  # type: ignore[method-assign, assignment]  # noqa: SLF001


if __name__ == "__main__":
    stall(float(sys.argv[1]))
    watch()
    raise SystemExit(main(["run", *sys.argv[2:]]))
