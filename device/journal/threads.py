"""Where the journal's work runs: in one thread of its own, or at once (the simulator)."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

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


class _Job:
    """Work, what is to be done before it, and who waits for its result."""

    def __init__(self, before: list[Callable[[], None]], work: Callable[[], Any]) -> None:
        self._before = before
        self._work = work
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[Any] = self._loop.create_future()

    def do(self) -> None:
        """Run it in the thread; whoever waits is told in the loop, if there still is one."""
        try:
            for earlier in self._before:
                earlier()
            result, error = self._work(), None
        except BaseException as raised:  # noqa: BLE001  whatever it is belongs to who waits
            result, error = None, raised
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._tell, result, error)

    def _tell(self, result: Any, error: BaseException | None) -> None:
        if self.done.done():  # whoever waited is gone
            return
        if error is None:
            self.done.set_result(result)
        else:
            self.done.set_exception(error)


class WriterThread:
    """One thread with its queue: a slow card stalls it and never the loop.

    A bare queue and one wake-up each way: an executor's futures cost a payment three times a tenth
    of a millisecond.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._posted: list[Callable[[], None]] = []
        self._thread = threading.Thread(target=self._serve, name="journal", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[], T]) -> T:
        """Run in the thread; a commit that was asked for is made even if the asker is gone."""
        before, self._posted = self._posted, []
        job = _Job(before, work)
        self._jobs.put(job)
        result: T = await job.done
        return result

    def post(self, work: Callable[[], None]) -> None:
        """Keep it for the next run: waking the thread now would take the interpreter from the loop.

        In a payment that is while the request is signed, and before the HIS hears.
        """
        self._posted.append(work)

    def stop(self) -> None:
        """Finish what is queued and end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while job := self._jobs.get():
            job.do()


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
