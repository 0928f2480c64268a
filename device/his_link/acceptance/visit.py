"""One visit to a box: fresh ids, payer codes, connections, and the word for what went wrong."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from device.domain.money import format_yuan
from device.his_link import frames
from device.his_link.body import Writing
from device.his_link.calls import Fields, NoAnswer
from device.his_link.host import Client, OpenStream

ANSWER_S = 10.0  # a question that only reads
PAY_S = 120.0  # with a patient in front of the scanner
LAST_BYTES_S = 0.1  # three bytes at 1200 baud take a quarter of it
QUIET_S = 0.4  # nothing more is expected after this
BUSINESS = "outpatient_fee"
OF_CHARGES = frozenset({"pay", "query", "cancel", "confirm", "reverse", "refund"})
RECEIPT = ("id", "revision", "business_date")


if TYPE_CHECKING:
    from device.domain.ports import ByteStream


class Wrong(Exception):
    """What the box did, in Chinese, for the report."""


class Skipped(Exception):
    """Why a check cannot be made on this link."""


def must(good: object, what: str) -> None:
    """Raise `Wrong` unless it is so."""
    if not good:
        raise Wrong(what)


class Raw:
    """The bytes of a line, for what no client would send."""

    def __init__(self) -> None:
        self.events: list[frames.Event] = []
        self.took_s: list[float] = []
        """When each event came, since the line was opened."""
        self.bytes = b""
        self._decoder = frames.Decoder(frames.TCP_BODY_BYTES)
        self._news = asyncio.Event()
        self._started_s = time.monotonic()
        self.stream: ByteStream
        self.acknowledges = True
        self.open = True

    def data_received(self, data: bytes) -> None:
        """Bytes arrived."""
        self.bytes += data
        now_s = time.monotonic() - self._started_s
        for event in self._decoder.feed(data, now_s):
            self.events.append(event)
            self.took_s.append(now_s)
            if self.acknowledges and isinstance(event, frames.Frame):
                self.write(frames.ack(event.seq))
        self._news.set()

    def closed(self) -> None:
        """The line is gone."""
        self.open = False
        self._news.set()

    def write(self, data: bytes) -> None:
        """Send as it is."""
        self.stream.write(data)

    async def until(self, enough: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Wait; `Wrong` if it does not come."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not enough():
                    self._news.clear()
                    await self._news.wait()
        must(enough(), what)

    def of(self, kind: type[Any]) -> list[Any]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


@dataclass(slots=True)
class Visit:
    """What every check is given."""

    address: str
    open_stream: OpenStream
    writing: Writing
    key: bytes | None = field(default=None, repr=False)
    max_amount_fen: int = 5_000_000
    prompt: Callable[[str], None] | None = None
    """Asks a person to scan; without it codes are made up, as emulated providers take them."""
    business_date: str = ""
    """Of every charge, where ids restart daily."""
    client: Client = field(init=False)
    ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    answer_s: float = ANSWER_S
    lines: list[Raw] = field(default_factory=list)
    """Opened by the check that runs now."""
    stamp: str = field(default_factory=lambda: f"AT{time.time_ns() // 1000 % 10**10:010d}")

    @property
    def serial(self) -> bool:
        """Whether there is one connection only."""
        return self.address.startswith("serial:")

    def id(self) -> str:
        """An id that this box has never seen."""
        return f"{self.stamp}-{next(self.ids)}"

    async def connect(self) -> Client:
        """Open the client's connection; it is the one that `ask` uses."""
        self.client = await self.another()
        return self.client

    async def another(self) -> Client:
        """Return one more connection."""
        return await Client.connect(self.address, self.open_stream, self.writing, key=self.key)

    async def raw(self) -> Raw:
        """Return a line without a client on it."""
        made = Raw()
        made.stream = await self.open_stream(self.address, made)
        self.lines.append(made)
        return made

    async def close_lines(self) -> None:
        """Close what a check has opened."""
        if self.lines:
            await self._let_out()
        while self.lines:
            self.lines.pop().stream.close()

    async def hang_up(self) -> None:
        """Close the client's connection."""
        await self._let_out()
        self.client.close()

    async def _let_out(self) -> None:
        """A serial port that is closed drops what it has not sent: let the last ACK go out."""
        if self.serial:
            await asyncio.sleep(LAST_BYTES_S)

    async def ask(self, type_: str, timeout_s: float = 0.0, **fields: Any) -> Fields:
        """Ask; `Wrong` if nothing is answered. `try` and `re` are words of Python and of ours."""
        named = {name.rstrip("_"): value for name, value in fields.items()}
        asked = self.dated(type_, named)
        try:
            return await self.client.request(type_, asked, timeout_s=timeout_s or self.answer_s)
        except NoAnswer:
            raise Wrong(f"{type_} 没有得到答复") from None

    def post(self, type_: str, **fields: Any) -> None:
        """Send without waiting for the answer."""
        self.client.post(type_, self.dated(type_, fields))

    def dated(self, type_: str, fields: Fields) -> Fields:
        """Name the day of a charge, where ids restart daily (his-link §3.1)."""
        dated = self.business_date and type_ in OF_CHARGES
        return {"business_date": self.business_date, **fields} if dated else fields

    async def refused(self, code: str, type_: str, **fields: Any) -> Fields:
        """Ask what must be refused with this code."""
        answer = await self.ask(type_, **fields)
        got = answer.get("code", answer.get("status"))
        must(answer.get("type") == "error", f"{type_} 应被拒绝（{code}），却答复了 {got}")
        must(got == code, f"{type_} 应答 {code}，却是 {got}")
        return answer

    async def pay(self, id_: str, fen: int, **fields: Any) -> Fields:
        """Collect with a payer code; return the first answer."""
        if self.prompt:
            self.prompt(f"请扫码付款 {format_yuan(fen)} 元（{id_}）")
        return await self.pay_again(id_, fen, **fields)

    async def pay_again(self, id_: str, fen: int, **fields: Any) -> Fields:
        """The same `pay` once more: nobody has to scan."""
        if not self.prompt:
            fields.setdefault("auth_code", self.code())
        asked = {"id": id_, "amount_fen": fen, "business": BUSINESS, **fields}
        return await self.ask("pay", PAY_S, **asked)

    def code(self, prefix: str = "13") -> str:
        """A payer code nobody has used; `28` is Alipay's."""
        return f"{prefix}{time.time_ns() // 100 % 10**16:016d}"

    async def paid(self, id_: str, fen: int, **fields: Any) -> Fields:
        """Collect; `Wrong` unless it is paid. The result is acknowledged."""
        answer = await self.pay(id_, fen, **fields)
        while answer.get("status") == "unknown":
            answer = await self.next_about(id_, PAY_S)
        must(answer.get("status") == "paid", f"付款应为 paid，却是 {told(answer)}")
        await self.received(answer)
        return answer

    async def received(self, answer: Fields) -> None:
        """Tell the box that we have it."""
        receipt = {name: answer[name] for name in RECEIPT if name in answer}
        await self.client.tell("received", receipt)

    async def next_about(self, id_: str, timeout_s: float) -> Fields:
        """The next unasked result about an id."""
        message = await self.heard(id_, timeout_s)
        if message is None:
            raise Wrong(f"{id_} 的结果没有送来")
        return message

    async def heard(self, id_: str, timeout_s: float = QUIET_S) -> Fields | None:
        """What the box says by itself about an id within this time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while True:
                    message = await self.client.unasked()
                    if message.get("id") == id_ and message.get("type") != "progress":
                        return message
        return None


def told(answer: Fields) -> str:
    """An answer in a few words; nothing of a payer."""
    words = (answer.get(name) for name in ("type", "code", "status", "state", "reason"))
    return " ".join(str(word) for word in words if word)
