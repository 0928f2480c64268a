"""A virtual-clock asyncio loop: time passes only while everybody waits, and nothing is real.

`Life` is the power of one box: every callback belongs to the life in whose context it was made.
When the power is cut, what that life still had to do is dropped, in the middle of any await,
without an exception and without clean-up: exactly what a power cut does to a process.
"""

import asyncio
import contextvars
import gc
import heapq
import itertools
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


class VirtualLoop(base_events.BaseEventLoop):
    """Starts at 0 s. `steps` counts callbacks: with the seed it names any instant of a history.

    asyncio's own turn of the loop (`_run_once`) asks a selector; this one only moves the clock, and
    timers of the same instant go off in the order in which they were set.
    """

    def __init__(self) -> None:
        super().__init__()
        self._ready: deque[asyncio.Handle]  # asyncio's own queue
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._set = itertools.count()
        self._now_s = 0.0
        self._stopping: bool
        self.steps = 0
        self.faults: list[dict[str, Any]] = []
        self._countdown = 0
        self._on_countdown: Callable[[], None] = _nothing
        self.set_exception_handler(self._note)

    def time(self) -> float:
        """Seconds since the history began."""
        return self._now_s

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
        handle = events.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

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
        timer = events.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._set), timer))
        return timer

    def _run_once(self) -> None:
        """One turn: if nothing is ready the clock moves to the next timer; what is due runs."""
        ready, timers = self._ready, self._timers
        self._now_s += TICK_S
        if not ready and not self._stopping:
            while timers and timers[0][2].cancelled():
                heapq.heappop(timers)
            if not timers:
                raise Deadlock("nothing is scheduled, and somebody waits")
            self._now_s = max(self._now_s, timers[0][0])
        while timers and timers[0][0] <= self._now_s:
            ready.append(heapq.heappop(timers)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()  # noqa: SLF001  as asyncio does

    def _timer_handle_cancelled(self, _handle: asyncio.TimerHandle) -> None:
        """It is left out when its time comes."""

    def after_steps(self, count: int, callback: Callable[[], None]) -> None:
        """Call when so many more callbacks were queued, whatever stands between."""
        self._countdown, self._on_countdown = count, callback

    def bury(self, life: Life) -> None:
        """End a life: nothing of it ever runs again."""
        life.alive = False
        for handle in (*self._ready, *(timer for _, _, timer in self._timers)):
            if _dead(_context(handle)):
                handle.cancel()

    def _count(self) -> None:
        self._countdown -= 1
        if not self._countdown:
            self._ready.append(events.Handle(self._on_countdown, (), self, _WORLD))

    def _note(self, _loop: asyncio.AbstractEventLoop, fault: dict[str, Any]) -> None:
        if not isinstance(fault.get("exception"), PowerCut):
            self.faults.append(fault)

    def _process_events(self, event_list: list[Any]) -> None:
        """Nothing real ever becomes ready."""

    def _write_to_self(self) -> None:
        """There are no other threads."""

    def forget(self) -> None:
        """Nothing of a finished history runs."""
        self._ready.clear()
        self._timers.clear()


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
        loop.forget()
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
