"""A model of the statistics centre, written from the contract (center §3, §4) and nothing else.

It takes sealed batches over lines that lose, delay, double and mix up, can be away for a month, be
rolled back to an older state, hold a row of a twin, and repeats its actions until their rows come.
"""

import asyncio
import copy
import gzip
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from simulators.world.chance import Stream
from simulators.world.keys import CENTER_KEY
from simulators.world.loop import VirtualLoop
from simulators.world.names import BOX_ID

Row = dict[str, Any]

GENESIS = "0" * 64
MAX_ROWS = 500
OK, FORBIDDEN, CONFLICT = 200, 403, 409
NONCE = 12
FAULTS = {
    "lost_request": 2.0,
    "lost_answer": 3.0,
    "late_answer": 1.0,
    "duplicate": 2.0,
    "stale": 1.5,
    "other_answer": 1.5,
    "unsealed": 1.0,
    "garbled": 1.0,
}
TWICE_OR_OUT_OF_ORDER = frozenset({"duplicate", "stale", "other_answer"})


@dataclass(slots=True)
class Books:
    """What the centre has stored: rolled back as a whole."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    """Epoch -> its rows by seq, without a gap."""
    arrived: list[Row] = field(default_factory=list)
    """Every row in the order of its arrival: the newest of a uid counts."""


@dataclass(slots=True)
class Center:
    """The centre, for one box."""

    books: Books = field(default_factory=Books)
    actions: dict[str, Row] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """What a centre would raise an alarm about: a broken chain, a digest that does not fit."""
    conflicts: int = 0
    batches: int = 0

    def receive(self, headers: httpx.Headers, body: bytes, *, behind: int = 0) -> tuple[int, bytes]:
        """Take a sealed batch; return status and sealed answer. `behind`: an old cursor is told."""
        box, key_id = headers["X-Box"], headers["X-Key"]
        try:
            batch = opened(headers, body)
        except InvalidTag:
            return FORBIDDEN, b"not sealed"
        assert batch["box"] == box == BOX_ID
        self.batches += 1
        status, answer = self._answer(batch, behind)
        told = f"{status}|/v1/sync|{box}|{key_id}|{body[:NONCE].hex()}".encode()
        nonce = self.batches.to_bytes(NONCE, "big")
        packed = gzip.compress(json.dumps(answer).encode(), 1)
        return status, nonce + AESGCM(CENTER_KEY).encrypt(nonce, packed, told)

    def _answer(self, batch: Row, behind: int) -> tuple[int, Row]:
        epoch, held = batch["epoch"], self.books.rows.setdefault(batch["epoch"], [])
        before = _parting(held, batch["rows"])
        if before > 1:  # where they parted is not known: earlier rows are to go up again
            return OK, {"v": 1, "epoch": epoch, "ack": before - 1, "rejected": [], "do": []}
        if before == 1:
            self.conflicts += 1
            return CONFLICT, {"v": 1, "epoch": epoch, "error": "conflict", "seq": 1}
        for row in batch["rows"]:
            seq = row["seq"]
            if seq <= len(held) and held[seq - 1] != row:
                self.conflicts += 1
                return CONFLICT, {"v": 1, "epoch": epoch, "error": "conflict", "seq": seq}
        for row in batch["rows"]:
            if row["seq"] == len(held) + 1:
                self._store(epoch, held, row)
        answer: Row = {
            "v": 1,
            "epoch": epoch,
            "ack": max(0, len(held) - behind),
            "rejected": [],
            "do": list(self.open_actions().values()),
        }
        if "want" in batch:
            wanted = self.books.rows.get(batch["want"]["epoch"], [])
            start = batch["want"]["from"] - 1
            answer["rows"] = wanted[start : start + MAX_ROWS]
        return OK, answer

    def _store(self, epoch: str, held: list[Row], row: Row) -> None:
        before = held[-1]["hash"] if held else GENESIS
        if row["prev"] != before or row["hash"] != hash_of(row):
            self.faults.append(f"row {row['seq']} of {epoch} breaks the chain")
        if row["kind"] == "digest" and not _fits(held, row):
            self.faults.append(f"digest {row['seq']} of {epoch} does not fit")
        held.append(row)
        self.books.arrived.append(row)

    def open_actions(self) -> dict[str, Row]:
        """Actions of which no row has arrived."""
        done = {row["do_id"] for row in self.books.arrived if row["do_id"]}
        return {name: action for name, action in self.actions.items() if name not in done}

    def newest(self) -> dict[str, Row]:
        """Uid -> the row that counts."""
        return {row["uid"]: row for row in self.books.arrived}

    def photograph(self) -> Books:
        """A copy of the books, to roll back to; the rows themselves never change."""
        books = self.books
        return Books({epoch: [*held] for epoch, held in books.rows.items()}, [*books.arrived])

    def roll_back(self, books: Books) -> None:
        """The centre's database is restored from an old copy."""
        self.books = books

    def hold_a_twins_row(self, epoch: str) -> None:
        """A copy of the card wrote on in another box: its next row came first."""
        held = self.books.rows.setdefault(epoch, [])
        if not held:
            return
        twin = copy.deepcopy(held[-1])
        twin |= {"seq": len(held) + 1, "uid": "*twin", "kind": "do", "state": "refused"}
        twin |= {"prev": held[-1]["hash"], "do_id": ""}
        for name in ("date", "count", "sum_fen", "last_hash"):
            twin.pop(name, None)
        self._store(epoch, held, twin | {"hash": hash_of(twin)})


def _parting(held: list[Row], rows: list[Row]) -> int:
    """The seq before the first row, if that row follows another one than is held there; or 0."""
    before: int = rows[0]["seq"] - 1 if rows else 0
    return before if 0 < before <= len(held) and rows[0]["prev"] != held[before - 1]["hash"] else 0


def opened(headers: httpx.Headers, body: bytes) -> Row:
    """Return a sealed batch; InvalidTag if it is none."""
    context = f"POST|/v1/sync|{headers['X-Box']}|{headers['X-Key']}".encode()
    text = AESGCM(CENTER_KEY).decrypt(body[:NONCE], body[NONCE:], context)
    batch: Row = json.loads(gzip.decompress(text))
    return batch


def unsealed(batch: Row) -> bytes:
    """What a machine in between says that knows everything but the key: money is to go back."""
    paid = [row for row in batch["rows"] if (row["kind"], row["state"]) == ("payment", "paid")]
    undo = {"kind": "reverse", "by": "0201", "approved_by": "0202"}
    do = [{"id": f"F-{r['seq']}", "out_trade_no": r["out_trade_no"]} | undo for r in paid[-1:]]
    last = batch["rows"][-1]["seq"] if batch["rows"] else 0
    told = {"v": 1, "epoch": batch["epoch"], "ack": last, "rejected": [], "do": do}
    return json.dumps(told).encode()


def hash_of(row: Row) -> str:
    """The hash of a row by the contract's rule."""
    left = {name: value for name, value in row.items() if name not in {"prev", "hash"}}
    text = json.dumps(left, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256((row["prev"] + text).encode()).hexdigest()


def _fits(held: list[Row], digest: Row) -> bool:
    since: list[Row] = []
    for row in reversed(held):
        if row["kind"] == "digest":
            break
        since.append(row)
    last = held[-1]["hash"] if held else GENESIS
    counted = len(since), sum(row["amount_fen"] for row in since), last
    return counted == (digest["count"], digest["sum_fen"], digest["last_hash"])


@dataclass(slots=True)
class CenterLines(httpx.AsyncBaseTransport):
    """The way from the box to the centre."""

    loop: VirtualLoop
    center: Center
    stream: Stream
    on_fault: Callable[[str], None]
    share: float = 0.0
    away: bool = False
    _kept: tuple[int, bytes] = (OK, b"")
    """The answer to an earlier request."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request; raises what httpx would."""
        timeouts = request.extensions["timeout"]
        if self.away:
            await asyncio.sleep(timeouts["connect"])
            raise httpx.ConnectTimeout("away")
        await asyncio.sleep(self.stream.between(0.005, 0.1))
        fault = self.stream.fault(self.share, FAULTS)
        if fault:
            self.on_fault(fault)
        if fault == "lost_request":
            raise httpx.ConnectError("lost")
        if fault == "unsealed":  # a machine in between answers, and the centre has heard nothing
            return _response(OK, unsealed(opened(request.headers, await request.aread())))
        behind = self.stream.whole(1, 20) if fault == "stale" else 0
        body = await request.aread()
        answer = self.center.receive(request.headers, body, behind=behind)
        if fault == "duplicate":
            later_s = self.stream.spread(0.001, 90.0)
            self.loop.call_later(later_s, self.center.receive, request.headers, body)
        return await self._back(fault, answer, timeouts["read"])

    async def _back(self, fault: str, answer: tuple[int, bytes], read_s: float) -> httpx.Response:
        await asyncio.sleep(self.stream.between(0.005, 0.1))
        if fault == "lost_answer":
            raise httpx.ReadError("lost")
        if fault == "late_answer":
            await asyncio.sleep(read_s)
            raise httpx.ReadTimeout("late")
        before, self._kept = self._kept, answer
        status, body = before if fault == "other_answer" else answer
        if fault == "garbled" and body:
            body = body[:-1] + bytes([body[-1] ^ 1])
        return _response(status, body)


def _response(status: int, body: bytes) -> httpx.Response:
    return httpx.Response(status, stream=httpx.ByteStream(body))
