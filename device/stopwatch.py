"""Notes when a payment passes its marks; whoever does a piece of work notes that it is done.

The watch of a payment goes with its task (`contextvars`), so that the network edge notes what was
sent and answered without knowing whose it is.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

from device.domain.desk.effects import CallPay
from device.domain.desk.events import Scanned
from device.domain.payment import AttemptState
from device.domain.record import Change, PutAttempt, PutTrace
from device.domain.replies import Reply, Result
from device.domain.trace import Mark, Trace

MOST_MARKS = 64  # a charge has three results at most; more would be a fault, not a trace


@dataclass(slots=True)
class Stopwatch:
    """The marks of one attempt as they come."""

    now_s: Callable[[], float]
    """The monotonic clock."""
    out_trade_no: str = ""
    his_id: str = ""
    passed: list[tuple[Mark, float]] = field(default_factory=list)

    def note(self, mark: Mark) -> None:
        """It is passed now."""
        if len(self.passed) < MOST_MARKS:
            self.passed.append((mark, self.now_s()))

    def trace(self) -> Trace:
        """Return the marks, counted from the first."""
        start_s = self.passed[0][1]
        marks = tuple((mark, round((at_s - start_s) * 1e3, 3)) for mark, at_s in self.passed)
        return Trace(self.out_trade_no, marks)


RUNNING: ContextVar[Stopwatch | None] = ContextVar("stopwatch", default=None)


def note(mark: Mark) -> None:
    """Note it on the watch of this task, if it has one."""
    watch = RUNNING.get()
    if watch:
        watch.note(mark)


class PaymentTimer:
    """The desk's part: one payment at a time, from its scan to the answer that the HIS hears."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._scan: Stopwatch | None = None
        """Of the newest code; most are used, some are refused."""
        self.running: Stopwatch | None = None
        """Of the attempt that is under way; it goes with the call."""

    def scanned(self, scan: Scanned) -> None:
        """A code is at the desk; if it is used, its payment is timed from here."""
        self._scan = Stopwatch(self._now_s)
        if scan.first_key_s:
            self._scan.passed.append((Mark.FIRST_KEY, scan.first_key_s))
        self._scan.note(Mark.TAKEN)

    def called(self, effect: CallPay) -> None:
        """The intent of the scanned code is on disk."""
        watch = self.running = self._scan
        self._scan = None
        if watch:
            watch.out_trade_no = effect.attempt.out_trade_no
            watch.his_id = effect.charge.key.his_id
            watch.note(Mark.INTENT)

    def committed(self, change: Change) -> PutTrace | None:
        """A change is on disk. Return the trace if that ends the attempt without an answer."""
        watch = self.running
        attempts = [w.attempt for w in change if isinstance(w, PutAttempt)]
        mine = [a for a in attempts if watch and a.out_trade_no == watch.out_trade_no]
        if not watch or not mine:
            return None
        watch.note(Mark.STORED)
        return self._finish(watch) if mine[-1].state is AttemptState.FAILED else None

    def told(self, reply: Reply) -> PutTrace | None:
        """Return the trace if this reply is the answer that its payment waited for."""
        watch = self.running
        if not watch or not isinstance(reply, Result) or reply.id != watch.his_id:
            return None
        if reply.status == "unknown":
            return None
        watch.note(Mark.TOLD)
        return self._finish(watch)

    def _finish(self, watch: Stopwatch) -> PutTrace:
        self.running = None
        return PutTrace(watch.trace())
