"""Hands that turn by themselves never, streams in memory, and a tiny desk."""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from device.domain.replies import ErrorReply, HelloOk, Part, Reply, Result, StatusResult
from device.domain.requests import Hello, Pay, Query, Received, Request, Status
from device.domain.words import ErrorCode
from device.his_link import frames
from device.his_link.frames import Decoder, Frame
from device.his_link.link import HisLink
from device.his_link.messages import Codec


class Timer:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Hands:
    """A clock and timers that move only when told."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self._order = itertools.count()
        self._timers: list[tuple[float, int, Timer, Callable[[], None]]] = []

    def monotonic(self) -> float:
        return self.now_s

    def wall(self) -> datetime:
        return datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    def sane(self) -> bool:
        return True

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        timer = Timer()
        heapq.heappush(self._timers, (self.now_s + delay_s, next(self._order), timer, callback))
        return timer

    def advance(self, seconds: float) -> None:
        until_s = self.now_s + seconds
        while self._timers and self._timers[0][0] <= until_s + 1e-9:
            at_s, _, timer, callback = heapq.heappop(self._timers)
            self.now_s = max(self.now_s, at_s)
            if not timer.cancelled:
                callback()
        self.now_s = until_s

    @property
    def pending(self) -> int:
        return sum(not timer.cancelled for _, _, timer, _ in self._timers)


class MemoryStream:
    """The far end of a connection, as raw bytes."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.is_closed = True

    def taken(self) -> list[bytes]:
        """Return what was written since the last time."""
        written, self.written = self.written, []
        return written

    def bodies(self) -> list[bytes]:
        """Return the bodies of the frames written since the last time."""
        events = Decoder(frames.TCP_BODY_BYTES).feed(b"".join(self.taken()), 0.0)
        return [event.body for event in events if isinstance(event, Frame)]


@dataclass
class TinyDesk:
    """Answers like a desk whose every patient pays at once, or is told to wait."""

    link: HisLink | None = None
    answers_now: bool = True
    requests: list[tuple[int, int, Request]] = field(default_factory=list)
    opened: list[tuple[int, bool]] = field(default_factory=list)
    acknowledged: list[tuple[int, Reply]] = field(default_factory=list)

    def on_request(self, connection: int, seq: int, request: Request) -> None:
        if not isinstance(request, Hello):  # every sealed session begins with one
            self.requests.append((connection, seq, request))
        if self.answers_now and not isinstance(request, Received):
            assert self.link is not None
            self.link.send(connection, self.answer(request), seq)

    def on_connection(self, connection: int, is_open: bool) -> None:  # noqa: FBT001  the port's
        self.opened.append((connection, is_open))

    def on_acknowledged(self, connection: int, reply: Reply) -> None:
        self.acknowledged.append((connection, reply))

    def answer_part(self, number: int) -> Part:
        return Part(f"part-{number}", "ok", "就绪")

    def answer(self, request: Request) -> Reply:
        match request:
            case Hello():
                return HelloOk("BOX-0001", "MZ-03", "2026-11-22T09:00:00+08:00")
            case Status():
                return StatusResult((self.answer_part(1),))
            case Pay():
                return Result(request.id, request.try_, 1, "paid", amount_fen=request.amount_fen)
            case Query():
                return Result(request.id, request.try_ or 1, 1, "unknown", state="armed")
            case _:
                return ErrorReply(ErrorCode.NOT_FOUND, "没有这笔单")


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def codec() -> Codec:
    return Codec("MZ-03", 5_000_000)


@pytest.fixture
def desk() -> TinyDesk:
    return TinyDesk()


@pytest.fixture
def link(codec: Codec, desk: TinyDesk, hands: Hands) -> HisLink:
    desk.link = HisLink(
        codec,
        desk.on_request,
        desk.on_connection,
        hands,
        on_acknowledged=desk.on_acknowledged,
        call_later=hands.call_later,
    )
    return desk.link


@pytest.fixture
def new_stream() -> Callable[[], MemoryStream]:
    return MemoryStream
