"""A virtual-clock asyncio loop: time passes only while everybody waits, and nothing is real.

`Life` is the power of one box: every callback belongs to the life in whose context it was made.
When the power is cut, what that life still had to do is dropped, in the middle of any await,
without an exception and without clean-up: exactly what a power cut does to a process.
"""

import asyncio
import contextvars
import gc
from asyncio import base_events, events
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections import deque

T = TypeVar("T")

TICK_S = 1e-7  # a turn of the loop takes time: a rest lost in rounding must not stop the clock
AWAITS_ON_THE_WAY_OUT = 50  # clean-up handlers of one task, far more than any has


class Deadlock(RuntimeError):
    """Nothing is scheduled and somebody still waits: it would wait for ever."""


class PowerCut(BaseException):
    """Unwinds the one call that was running when the power went; nobody may catch it."""


class Life:
    """One box's time under power."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.context = contextvars.copy_context()
        self.context.run(_LIFE.set, self)


_LIFE: contextvars.ContextVar[Life | None] = contextvars.ContextVar("life", default=None)


def _dead(context: contextvars.Context | None) -> bool:
    life = _LIFE.get() if context is None else context.get(_LIFE)
    return life is not None and not life.alive


class _Hands:
    """The selector that waits for nothing real: it moves the clock to the next timer."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Deadlock("nothing is scheduled, and somebody waits")
        self.now_s += max(timeout, TICK_S)
        return []

    def close(self) -> None:
        """There is nothing to close."""


class VirtualLoop(base_events.BaseEventLoop):
    """Starts at 0 s. `steps` counts callbacks: with the seed it names any instant of a history."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Hands()
        self._ready: deque[asyncio.Handle]  # asyncio's own queues
        self._scheduled: list[asyncio.TimerHandle]
        self._clock_resolution = 1e-9
        self.steps = 0
        self.faults: list[dict[str, Any]] = []
        self._countdown = 0
        self._on_countdown: Callable[[], None] = _nothing
        self.set_exception_handler(self._note)

    def time(self) -> float:
        """Seconds since the history began."""
        return self._selector.now_s

    def call_soon(  # type: ignore[override]  # the stubs' variadic generic
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """Queue a callback, unless the life it belongs to is over."""
        if _dead(context):
            return events.Handle(_nothing, (), self, context)
        self.steps += 1
        if self._countdown:
            self._count()
        return super().call_soon(callback, *args, context=context)

    def call_at(  # type: ignore[override]  # the stubs' variadic generic
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Set a timer, unless the life it belongs to is over."""
        if _dead(context):
            return events.TimerHandle(when, _nothing, (), self, context)
        return super().call_at(when, callback, *args, context=context)

    def after_steps(self, count: int, callback: Callable[[], None]) -> None:
        """Call when so many more callbacks were queued, whatever stands between."""
        self._countdown, self._on_countdown = count, callback

    def bury(self, life: Life) -> None:
        """End a life: nothing of it ever runs again."""
        life.alive = False
        for handle in (*self._ready, *self._scheduled):
            if _dead(_context(handle)):
                handle.cancel()

    def _count(self) -> None:
        self._countdown -= 1
        if not self._countdown:
            super().call_soon(self._on_countdown, context=_WORLD)

    def _note(self, _loop: asyncio.AbstractEventLoop, fault: dict[str, Any]) -> None:
        if not isinstance(fault.get("exception"), PowerCut):
            self.faults.append(fault)

    def _process_events(self, event_list: list[Any]) -> None:
        """Nothing real ever becomes ready."""

    def _write_to_self(self) -> None:
        """There are no other threads."""

    def close(self) -> None:
        """End."""
        super().close()


_WORLD = contextvars.copy_context()


def _context(handle: asyncio.Handle) -> contextvars.Context:
    found: contextvars.Context = handle._context  # type: ignore[attr-defined]  # noqa: SLF001  asyncio keeps it there
    return found


def _nothing(*_: object) -> None:
    """What a dead life still wanted."""


def run(loop: VirtualLoop, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine function to its end on a virtual loop, and leave nothing behind."""
    collecting = gc.isenabled()
    gc.disable()  # a buried task must not be finalised while the history still runs
    try:
        return loop.run_until_complete(main())
    finally:
        for task in asyncio.all_tasks(loop):
            _forget(task)
        loop._ready.clear()  # noqa: SLF001  nothing of a finished history runs
        loop._scheduled.clear()  # noqa: SLF001
        loop.close()
        if collecting:
            gc.enable()


def _forget(task: asyncio.Task[Any]) -> None:
    """Close what a buried task was doing: each await on its way out is refused once more."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001  dropped on purpose
    coroutine = task.get_coro()
    for _ in range(AWAITS_ON_THE_WAY_OUT):
        try:
            coroutine.close()
        except Exception:  # noqa: BLE001, S112  whatever a clean-up says, nobody is there to hear it
            continue
        return
