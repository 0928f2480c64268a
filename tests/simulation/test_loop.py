"""The virtual clock, and lives that end in the middle of an await."""

import asyncio

import pytest

from simulators.world.loop import Deadlock, Life, VirtualLoop, run


def test_time_passes_only_while_everybody_waits() -> None:
    loop = VirtualLoop()

    async def main() -> float:
        await asyncio.sleep(3600.0)
        return loop.time()

    assert run(loop, main) == pytest.approx(3600.0, abs=0.001)


def test_waiting_for_nothing_is_found() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock):
        run(VirtualLoop(), main)


def test_a_buried_life_does_nothing_more_and_cleans_nothing_up() -> None:
    loop, done = VirtualLoop(), []

    async def box() -> None:
        try:
            await asyncio.sleep(1.0)
            done.append("went on")
        finally:
            done.append("cleaned up")

    async def main() -> list[str]:
        life = Life("first")
        loop.create_task(box(), context=life.context.copy())
        await asyncio.sleep(0.5)
        loop.bury(life)
        await asyncio.sleep(5.0)
        return list(done)

    assert run(loop, main) == []


def test_what_a_dead_life_waited_for_does_not_wake_it() -> None:
    loop, woken = VirtualLoop(), []

    async def box(future: asyncio.Future[None]) -> None:
        await future
        woken.append(True)

    async def main() -> None:
        life, future = Life("first"), loop.create_future()
        loop.create_task(box(future), context=life.context.copy())
        await asyncio.sleep(0.1)
        loop.bury(life)
        future.set_result(None)
        await asyncio.sleep(0.1)

    run(loop, main)
    assert not woken
