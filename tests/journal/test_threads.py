"""The writer's thread: in order, one at a time, to the end, whoever still waits."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from device.journal import WriterThread


@pytest.fixture
def thread() -> Iterator[WriterThread]:
    made = WriterThread()
    yield made
    made.stop()


async def test_what_was_posted_is_done_before_what_is_run(thread: WriterThread) -> None:
    done: list[str] = []
    thread.post(lambda: done.append("first"))
    thread.post(lambda: done.append("second"))
    assert done == []  # nothing wakes the thread yet
    assert await thread.run(lambda: [*done, "now"]) == ["first", "second", "now"]
    assert await thread.run(lambda: len(done)) == 2


async def test_the_work_is_not_done_in_the_loop(thread: WriterThread) -> None:
    assert await thread.run(threading.get_ident) != threading.get_ident()


async def test_what_it_raises_goes_to_who_waits(thread: WriterThread) -> None:
    def fail() -> None:
        raise OSError("no disk")

    with pytest.raises(OSError, match="no disk"):
        await thread.run(fail)
    assert await thread.run(lambda: "goes on") == "goes on"


async def test_work_is_done_although_its_asker_is_gone(thread: WriterThread) -> None:
    begun, go_on, done = threading.Event(), threading.Event(), list[str]()

    def work() -> None:
        begun.set()
        go_on.wait(10)
        done.append("written")

    asked = asyncio.create_task(thread.run(work))
    await asyncio.to_thread(begun.wait, 10)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    go_on.set()
    assert await thread.run(lambda: done) == ["written"]


def test_stopping_finishes_what_is_queued() -> None:
    thread, done = WriterThread(), list[int]()

    async def ask() -> None:
        for number in range(3):
            asyncio.ensure_future(thread.run(lambda n=number: done.append(n)))  # type: ignore[misc]  # noqa: RUF006
        await asyncio.sleep(0)

    asyncio.run(ask())
    thread.stop()
    assert done == [0, 1, 2]
