"""The box's end of the line on a rehearsal: what a scene may do to a HIS, and what the HIS does.

No money, no provider, no journal: `book` holds what `query` and a repeated `pay` are answered.
"""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from device.domain.ports import ByteStream
from device.domain.words import Form
from device.his_link import frames
from device.his_link.body import Writing, form_of, parse
from device.his_link.handshake import HELLO_REQUIRED, Say
from device.his_link.rehearsal.sealed import SealedEnd
from device.his_link.text import BadBody

ACK_S = 2.5  # the HIS acknowledges a frame within this
SENDS = 3  # of our frame, the same bytes
PATIENCE_S = 15.0  # for what a program does by itself: reconnect, ask, say `received`

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing the HIS did."""

    kind: str
    """frame | ack | nak | enq | bad | opened | closed"""
    at_s: float
    seq: int = 0
    raw: bytes = field(default=b"", repr=False)
    message: Fields = field(default_factory=dict, repr=False)

    @property
    def type(self) -> str:
        """Of a frame."""
        return str(self.message.get("type", ""))

    @property
    def id(self) -> str:
        """Of a frame."""
        return str(self.message.get("id", ""))


NOTHING = Heard("frame", 0.0)


class Skipped(Exception):
    """Why a scene cannot be played on this line."""


class Stage:
    """One HIS on one line, over as many connections as it makes."""

    def __init__(
        self,
        encoding: str = "utf-8",
        patience_s: float = PATIENCE_S,
        key: bytes | None = None,
    ) -> None:
        self.log: list[Heard] = []
        self.book: dict[str, Fields] = {}
        self.faults: list[str] = []
        self.patience_s = patience_s
        self.deaf = 0
        """So many frames of the HIS are not heard at all."""
        self.naks = 0
        """So many are refused."""
        self.dark = False
        """The box is off: connections are closed at once."""
        self.serial = False
        self.sealed = SealedEnd(key) if key else None
        self.notice: Callable[[str], None] = lambda _: None
        """Tells whoever looks on why nothing goes on."""
        self.seq = 0
        self._encoding = encoding
        self._form = Form.JSON
        self._stream: ByteStream | None = None
        self._news = asyncio.Event()
        self._pays: asyncio.Queue[Heard] = asyncio.Queue()
        self._orders = itertools.count(1)
        self._last = NOTHING
        self._held: list[tuple[ByteStream, bytes]] | None = None
        """What waits until a frame that drips is over."""

    # -------------------------------------------------------------- the line

    def attach(self, stream: ByteStream) -> "Ear":
        """Return who hears this connection; the newest is the one that is spoken to."""
        if self.dark:
            stream.close()
            return Ear(self, stream)
        self._stream, self._last = stream, NOTHING
        if self.sealed:
            self.sealed.forget()
        self._note(Heard("opened", time.monotonic()))
        return Ear(self, stream)

    def hang_up(self) -> None:
        """Drop the line without a word."""
        if self._stream:
            self._stream.close()
            self._stream = None

    def closed(self, stream: ByteStream) -> None:
        """The HIS has closed it, or we have."""
        if stream is self._stream:
            self._stream = None
        self._note(Heard("closed", time.monotonic()))

    def take(self, stream: ByteStream, event: frames.Event) -> None:
        """One signal or frame of the HIS."""
        now_s = time.monotonic()
        match event:
            case frames.Ack(seq):
                self._note(Heard("ack", now_s, seq))
            case frames.Nak():
                self._note(Heard("nak", now_s))
            case frames.Enq():
                self._write(stream, frames.HERE_BYTES)
                self._note(Heard("enq", now_s))
            case frames.BadFrame():
                self._write(stream, frames.NAK_BYTES)
                self._note(Heard("bad", now_s))
            case frames.Frame(seq, body, raw):
                self._frame(stream, Heard("frame", now_s, seq, raw), body)

    def _parsed(self, body: bytes) -> Fields:
        self._form = form_of(body)
        try:
            return parse(body, self._encoding)
        except BadBody:
            return {}

    def _note(self, heard: Heard) -> None:
        self.log.append(heard)
        self._news.set()

    def _frame(self, stream: ByteStream, heard: Heard, body: bytes) -> None:
        if self.deaf or self.naks:
            self._lost(stream, heard)
            return
        self._write(stream, frames.ack(heard.seq))
        if heard.raw == self._last.raw:
            self._note(replace(self._last, at_s=heard.at_s))
            return
        message = self._message(heard.seq, body)
        self._last = replace(heard, message=message or {})
        self._note(self._last)
        if message is not None:
            self._answer(self._last)

    def _lost(self, stream: ByteStream, heard: Heard) -> None:
        """The line swallows a frame, or the box wants it once more; it is not even opened."""
        self._note(heard)
        if self.deaf:
            self.deaf -= 1
        else:
            self.naks -= 1
            self._write(stream, frames.NAK_BYTES)

    def _message(self, seq: int, body: bytes) -> Fields | None:
        """What stands in a body; None if it was about the sealed session itself."""
        if self.sealed is None:
            return self._parsed(body)
        taken = self.sealed.take(seq, body)
        if not isinstance(taken, Say):
            return self._parsed(taken.body)
        if taken.message == HELLO_REQUIRED and not self.sealed.known:
            self.notice("HIS 的报文打不开，已答 hello_required：密钥不同，没有密封，或没有先 hello")
        self._unsealed(Writing(form=form_of(body)).encode(taken.message))
        if self.sealed.nonce_again:
            self.fault("hello 的 nonce 用过：每次 hello 都要新的 16 个随机字节")
        return None

    def _unsealed(self, body: bytes) -> None:
        self.seq = frames.next_seq(self.seq)
        self.put(frames.encode(self.seq, body))

    # -------------------------------------------------------------- answers that need no scene

    def _answer(self, heard: Heard) -> None:
        known = self.book.get(heard.id)
        if heard.type == "pay" and known is None:
            self._pays.put_nowait(heard)
        elif heard.type in {"pay", "query", "cancel"}:
            self.write(known or _error("not_found", heard.id), re=heard.seq)
        elif heard.type == "hello":
            self.write(_hello_ok(self.book), re=heard.seq)
        elif heard.type == "status":
            parts = [{"part": "journal", "state": "ok", "text": "演练"}]
            self.write({"type": "status_result", "parts": parts}, re=heard.seq)
        elif heard.type != "received":
            self.write(_error("unsupported", heard.id), re=heard.seq)

    # -------------------------------------------------------------- what a scene does

    async def pay(self) -> Heard:
        """Wait for the next bill, however long the cashier takes."""
        return await self._pays.get()

    def result(self, pay: Heard, revision: int, status: str, **more: object) -> Fields:
        """Make the result of a bill, and keep it for questions."""
        said = {
            "type": "result",
            "id": pay.id,
            "try": int(pay.message.get("try", 1)),
            "revision": revision,
            "status": status,
            "reason": "",
            "message": "",
            "amount_fen": self.fen(pay),
            "refunded_fen": 0,
            "out_trade_no": f"REHEARSAL{next(self._orders):08d}" if status == "paid" else "",
            "booked": False,
            "attention": False,
            **more,
        }
        self.book[pay.id] = said
        return said

    @staticmethod
    def fen(pay: Heard) -> int:
        """The amount, however it was written."""
        yuan = str(pay.message.get("amount", "0"))
        return int(pay.message.get("amount_fen", round(float(yuan) * 100)))

    def can_speak(self) -> bool:
        """Whether what is said can be sealed, if it must be."""
        return self.sealed is None or self.sealed.ready

    def frame(self, message: Fields, re: int | None = None) -> bytes:
        """Encode under the next SEQ."""
        self.seq = frames.next_seq(self.seq)
        said = {**message, "re": f"{re:02X}"} if re else message
        body = Writing(self._encoding, self._form).encode(said)
        if self.sealed:
            body = self.sealed.seal(self.seq, body)
        return frames.encode(self.seq, body)

    def forget_session(self) -> None:
        """On a sealed link: say that a hello is needed, as after a restart of the box."""
        assert self.sealed
        self.sealed.forget()
        self._unsealed(Writing(form=self._form).encode(HELLO_REQUIRED))

    def write(self, message: Fields, re: int | None = None) -> bytes:
        """Send once, without waiting for anything."""
        raw = self.frame(message, re)
        self.put(raw)
        return raw

    def put(self, data: bytes) -> None:
        """Send bytes as they are."""
        if self._stream:
            self._write(self._stream, data)

    async def drip(self, raw: bytes, pause_s: float) -> None:
        """Send byte by byte; what else is to be said meanwhile follows.

        Bytes in between would break the frame, and the HIS would be blamed for it.
        """
        self._held, stream = [], self._stream
        try:
            for byte in raw:
                if stream and stream is self._stream:
                    stream.write(bytes([byte]))
                await asyncio.sleep(pause_s)
        finally:
            held, self._held = self._held, None
            for where, data in held:
                where.write(data)

    def _write(self, stream: ByteStream, data: bytes) -> None:
        if self._held is None:
            stream.write(data)
        else:
            self._held.append((stream, data))

    async def say(self, message: Fields, re: int | None = None) -> bytes:
        """Send and wait for the ACK; three sends, then it is the HIS's fault."""
        if not await self.until(self.can_speak):
            self.fault("密封连接：重连后没有 hello")
            return b""
        raw = self.frame(message, re)
        await self.say_raw(raw, self.seq)
        return raw

    async def say_raw(self, raw: bytes, seq: int) -> None:
        """Send these bytes until they are acknowledged."""
        mark = len(self.log)
        for _ in range(SENDS):
            self.put(raw)
            if await self.until(lambda: self.acked(seq, mark), ACK_S):
                return
        self.fault("扫码墩的帧没有得到 ACK（06 SEQ）")

    def acked(self, seq: int, mark: int = 0) -> bool:
        """Whether the HIS has acknowledged this SEQ since the mark."""
        return any(h.kind == "ack" and h.seq == seq for h in self.log[mark:])

    async def until(self, enough: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Wait for something; whether it came in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s or self.patience_s):
                while not enough():
                    self._news.clear()
                    await self._news.wait()
        return enough()

    async def received(self, result: Fields) -> None:
        """The HIS must say `received` with this id and revision."""
        wanted = (result["id"], result["revision"])
        came = await self.until(lambda: wanted in self._receipts())
        if not came:
            about = [revision for id_, revision in self._receipts() if id_ == result["id"]]
            wrong = f"，却回了 revision {about[-1]}" if about else ""
            self.fault(f"没有回 received（revision {result['revision']}）{wrong}")

    def _receipts(self) -> list[tuple[str, object]]:
        return [(h.id, h.message.get("revision")) for h in self.log if h.type == "received"]

    def frames_since(self, mark: int, *types: str) -> list[Heard]:
        """The frames of these types since the mark."""
        return [h for h in self.log[mark:] if h.type in types]

    def no_other_bill(self, pay: Heard, mark: int) -> None:
        """While this one is open, another bill may be this one again under a new id."""
        others = [h for h in self.frames_since(mark, "pay") if h.id != pay.id]
        same = [h for h in others if self.fen(h) == self.fen(pay)]
        if same:
            self.fault(f"结果不明时换单号 {same[0].id} 又收了同一金额：会收两次钱")
        tries = [h for h in self.frames_since(mark, "pay") if h.id == pay.id and h.raw != pay.raw]
        if any(h.message.get("try", 1) != pay.message.get("try", 1) for h in tries):
            self.fault("结果不明时用下一个 try 又收：应先查询")

    def fault(self, text: str) -> None:
        """Note what the HIS did wrong, once."""
        if text not in self.faults:
            self.faults.append(text)


class Ear:
    """Takes the bytes of one connection."""

    def __init__(self, stage: Stage, stream: ByteStream) -> None:
        self._stage = stage
        self._stream = stream
        self._decoder = frames.Decoder(frames.TCP_BODY_BYTES)

    def data_received(self, data: bytes) -> None:
        """Bytes arrived."""
        for event in self._decoder.feed(data, time.monotonic()):
            self._stage.take(self._stream, event)

    def closed(self) -> None:
        """The connection is gone."""
        self._stage.closed(self._stream)


def _error(code: str, id_: str) -> Fields:
    return {"type": "error", "code": code, "message": "演练", "id": id_}


def _hello_ok(book: dict[str, Fields]) -> Fields:
    listed = [id_ for id_, result in book.items() if result["status"] == "paid"]
    return {
        "type": "hello_ok", "v": 1, "box": "REHEARSAL", "desk": "REHEARSAL",
        "time": time.strftime("%Y-%m-%dT%H:%M:%S+08:00"),
        "unsettled": [], "undelivered": listed[-1:],
    }  # fmt: skip
