"""Where the journal's work runs: in one thread of its own, or at once (the simulator)."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

T = TypeVar("T")


class Runner(Protocol):
    """Runs work one after another, in the order it was given."""

    async def run(self, work: Callable[[], T]) -> T:
        """Return what the work returns. Cancelling the caller does not stop the work."""
        ...

    def post(self, work: Callable[[], None]) -> None:
        """Queue work that cannot fail and that nobody waits for."""
        ...

    def stop(self) -> None:
        """End; nothing may be given any more."""
        ...


class WriterThread:
    """One thread with its queue: a slow card stalls it and never the loop."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="journal")

    async def run(self, work: Callable[[], T]) -> T:
        """Run in the thread; a commit that was asked for is made even if the asker is gone."""
        return await asyncio.shield(
            asyncio.get_running_loop().run_in_executor(self._executor, work)
        )

    def post(self, work: Callable[[], None]) -> None:
        """Queue and forget."""
        self._executor.submit(work)

    def stop(self) -> None:
        """Finish what is queued and end the thread."""
        self._executor.shutdown()


class Inline:
    """No thread: for the simulator's one virtual clock, and for commands."""

    async def run(self, work: Callable[[], T]) -> T:
        """Run now."""
        return work()

    def post(self, work: Callable[[], None]) -> None:
        """Run now."""
        work()

    def stop(self) -> None:
        """Nothing to end."""
