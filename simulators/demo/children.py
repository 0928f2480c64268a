"""The demo's child processes: started, watched, ended; a power cut is `kill -9`.

Each child runs in a session of its own, so that Ctrl-C in the terminal reaches the demo alone and
the demo ends its children in order.
"""

import asyncio
import contextlib
import ctypes
import os
import re
import signal
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

KEPT_LINES = 60  # of a child's output, enough to read a traceback on the page
END_PATIENCE_S = 6.0  # SIGTERM to SIGKILL; an idle box is gone within 5 s (config)
PR_SET_PDEATHSIG = 1  # linux/prctl.h
MAX_LINE_BYTES = 65536  # a longer line of output is a fault, not a reason to fill the memory


class ChildState(StrEnum):
    """Where a child stands; the comment says what is true in it."""

    STOPPED = "stopped"  # not started, or ended because we asked
    STARTING = "starting"  # the process runs, its ready line has not come
    RUNNING = "running"  # it said that it is ready
    DEAD = "dead"  # it ended by itself: a fault, said on the page


class ChildError(Exception):
    """A child did not become ready; the message holds its last lines."""


@dataclass(frozen=True, slots=True)
class Program:
    """What is run, and the line by which it says that it is ready."""

    name: str
    command: tuple[str, ...]
    ready: re.Pattern[str]


class Child:
    """One program, restartable under the same name."""

    def __init__(
        self,
        program: Program,
        on_change: Callable[[], None] = lambda: None,
        on_line: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.name = program.name
        self.state = ChildState.STOPPED
        self.exit_code: int | None = None
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._program = program
        self._on_change = on_change
        self._on_line = on_line
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while one runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self, patience_s: float) -> re.Match[str]:
        """Start and return the match of its ready line; ChildError if it does not come."""
        self.exit_code = None
        found: asyncio.Future[re.Match[str]] = asyncio.get_running_loop().create_future()
        self._process = await asyncio.create_subprocess_exec(
            *self._program.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
            preexec_fn=_die_with_parent,
            limit=MAX_LINE_BYTES,
        )
        self._set(ChildState.STARTING)
        self._reader = asyncio.create_task(self._read(self._process, found))
        return await self._until_ready(found, patience_s)

    async def _until_ready(
        self, found: asyncio.Future[re.Match[str]], patience_s: float
    ) -> re.Match[str]:
        try:
            return await asyncio.wait_for(asyncio.shield(found), patience_s)
        except TimeoutError:
            found.cancel()
            await self.kill()
            raise ChildError(self._complaint(f"not ready after {patience_s:g} s")) from None

    def _complaint(self, what: str) -> str:
        return "\n  ".join([f"{self.name}: {what}", *list(self.lines)[-12:]])

    async def _read(
        self, process: asyncio.subprocess.Process, found: asyncio.Future[re.Match[str]]
    ) -> None:
        """Take in its output until it ends, and say how it ended."""
        assert process.stdout is not None
        while line := await _line(process.stdout):
            self._take(line.rstrip(), found)
        self.exit_code = await process.wait()
        if not found.done():
            found.set_exception(ChildError(self._complaint(f"ended with {self.exit_code}")))
            found.exception()  # looked at here: nobody may be waiting any more
        if self.state is not ChildState.STOPPED:
            self._set(ChildState.DEAD)

    def _take(self, line: str, found: asyncio.Future[re.Match[str]]) -> None:
        self.lines.append(line)
        match = self._program.ready.search(line)
        if match and not found.done():
            self._set(ChildState.RUNNING)
            found.set_result(match)
        self._on_line(line)

    async def stop(self) -> None:
        """Ask it to end, and make it end after END_PATIENCE_S."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """Pull the plug: kill -9."""
        await self._end(signal.SIGKILL)

    async def _end(self, how: signal.Signals) -> None:
        if self._process is None or self._reader is None:
            return
        self._set(ChildState.STOPPED)
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(how)
        done, _ = await asyncio.wait({self._reader}, timeout=END_PATIENCE_S)
        if not done:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._reader

    def _set(self, state: ChildState) -> None:
        self.state = state
        self._on_change()


def _die_with_parent() -> None:
    """Let the kernel end this child when the demo is gone, however that came about.

    A box that was left behind would go on opening its scanner's pty, and that name is given to the
    next demo. Linux only; elsewhere a demo that is killed leaves its children.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


async def _line(stream: asyncio.StreamReader) -> str:
    """Return the next line with its end; empty when the output has ended."""
    try:
        return (await stream.readline()).decode(errors="replace")
    except ValueError:
        return "(a line too long to show)\n"
