"""The demo's children are real processes: ready lines, deaths, power cuts."""

import asyncio
import re
import sys

import pytest

from simulators.demo.children import Child, ChildError, ChildState, Program

READY = re.compile(r"ready at (\d+)")
STAYS = "print('ready at 42', flush=True); import time; time.sleep(60)"


def program(text: str) -> Program:
    return Program("one", (sys.executable, "-c", text), READY)


async def test_a_child_is_running_once_its_ready_line_came() -> None:
    states: list[ChildState] = []
    child = Child(program(STAYS), lambda: states.append(child.state))

    match = await child.start(10)
    await child.kill()

    assert match[1] == "42"
    assert states == [ChildState.STARTING, ChildState.RUNNING, ChildState.STOPPED]


async def test_a_child_that_ends_at_once_is_told_with_its_last_words() -> None:
    child = Child(program("raise SystemExit('no such port')"))

    with pytest.raises(ChildError, match="no such port"):
        await child.start(10)

    assert child.state is ChildState.DEAD


async def test_a_child_that_dies_later_is_noticed() -> None:
    dead = asyncio.Event()

    def changed() -> None:
        if child.state is ChildState.DEAD:
            dead.set()

    child = Child(program("print('ready at 1', flush=True); raise SystemExit(3)"), changed)
    await child.start(10)

    await asyncio.wait_for(dead.wait(), 10)

    assert child.exit_code == 3


async def test_a_child_that_never_gets_ready_is_ended() -> None:
    child = Child(program("import time; time.sleep(60)"))

    with pytest.raises(ChildError, match="not ready"):
        await child.start(0.3)

    assert child.pid is None


async def test_a_killed_child_can_be_started_again() -> None:
    child = Child(program(STAYS))
    await child.start(10)
    first = child.pid
    await child.kill()

    await child.start(10)

    assert child.state is ChildState.RUNNING
    assert child.pid not in {first, None}
    await child.stop()
