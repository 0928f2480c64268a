"""The bytes between a box and the statistics centre (center §3, docs/sync.md). Pure, for both ends.

A batch goes up in `POST {url}/v1/sync`, an answer comes back. Both are sealed: a nonce of 12 random
bytes, then AES-256-GCM over the gzip of the JSON, with a key of 32 bytes for each box. What is not
sealed with that key for that box, and an answer for that very request and status, is refused with
`SyncError` and changes nothing. Vectors: tests/vectors/sync.json.
"""

import json
import logging
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from device.domain.action import Action, ActionKind
from device.domain.chain import GENESIS, KINDS, WHOLE_NUMBERS, WireRow, columns_of, row_hash
from device.domain.trace import Mark, Trace
from device.errors import SyncError

log = logging.getLogger(__name__)

__all__ = [
    "GENESIS",
    "Answer",
    "Batch",
    "Conflict",
    "Rejected",
    "Want",
    "WireRow",
    "answer_context",
    "nonce_of",
    "read_answer",
    "read_batch",
    "request_context",
    "row_fault",
    "row_hash",
    "seal",
    "unseal",
    "write_answer",
    "write_batch",
]

VERSION = 1
PATH = "/v1/sync"
BOX_HEADER, KEY_HEADER = "X-Box", "X-Key"
CONTENT_TYPE = "application/octet-stream"
MAX_ROWS = 500  # of a batch, and of the rows that a centre gives back
GZIP = zlib.MAX_WBITS | 16  # gzip's frame by zlib: the gzip module's header is another in 3.13
NONCE_BYTES = 12
TAG_BYTES = 16
MAX_SEALED_BYTES = 1_048_576  # twenty times what 500 usual rows need
MAX_TEXT_BYTES = 8_388_608  # 500 rows at their longest; more is no batch but a bomb
MAX_TEXT = 256  # characters of one field of a row
MAX_FEN = 2**53 - 1  # every JSON reader holds it exactly
CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # and half characters: not UTF-8
OK, CONFLICT = 200, 409
MAX_TRACES = 50  # in a batch; a desk has a payment a minute
MAX_MARKS = 64  # as many as a box notes
MAX_UID = 100
MAX_TRACE_MS = 86_400_000.0  # a day
HASH_FAULT = "the hash does not fit"


@dataclass(frozen=True, slots=True)
class Want:
    """The box asks for its own rows of an earlier epoch (payment-states M25)."""

    epoch: str
    from_seq: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What a box sends: rows of one epoch without a gap; without rows it asks for the cursor."""

    box: str
    version: str
    epoch: str
    first: int
    """The seq of the first row; without rows, of the next one."""
    rows: tuple[WireRow, ...] = ()
    health: Mapping[str, Any] = field(default_factory=dict)
    want: Want | None = None
    traces: tuple[Trace, ...] = ()
    """Where the time of some payments went; for people, no money hangs on it."""

    @property
    def last(self) -> int:
        """The seq of the last row; without rows, of the one before."""
        return self.first + len(self.rows) - 1


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that went to quarantine; it counts as acknowledged."""

    seq: int
    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the centre says to a batch, with status 200."""

    epoch: str
    ack: int
    """The highest gap-free seq that the centre holds of this epoch; 0 = none."""
    rejected: tuple[Rejected, ...] = ()
    do: tuple[Action, ...] = ()
    rows: tuple[WireRow, ...] | None = None
    """What `want` asked for, oldest first; None = it was not asked."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Status 409: the centre holds another row under this seq. Nothing of the batch was stored."""

    epoch: str
    seq: int


# ---------------------------------------------------------------- the envelope


def request_context(box: str, key_id: str) -> bytes:
    """Return the additional data of a batch."""
    return f"POST|{PATH}|{box}|{key_id}".encode()


def answer_context(status: int, box: str, key_id: str, request: bytes) -> bytes:
    """Return the additional data of an answer; `request`: the sealed batch it answers."""
    return f"{status}|{PATH}|{box}|{key_id}|{nonce_of(request).hex()}".encode()


def nonce_of(sealed: bytes) -> bytes:
    """Return the nonce in front of sealed bytes."""
    return sealed[:NONCE_BYTES]


def seal(key: bytes, text: bytes, context: bytes, nonce: bytes) -> bytes:
    """Return the sealed text; the nonce is random and never used twice with a key."""
    return nonce + AESGCM(key).encrypt(
        nonce, zlib.compress(text, zlib.Z_BEST_COMPRESSION, wbits=GZIP), context
    )


def unseal(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """Return the text; SyncError if it was not sealed by the holder of the key in this context."""
    if not NONCE_BYTES + TAG_BYTES < len(sealed) <= MAX_SEALED_BYTES:
        raise SyncError("not sealed: wrong length")
    try:
        packed = AESGCM(key).decrypt(nonce_of(sealed), sealed[NONCE_BYTES:], context)
    except InvalidTag:
        raise SyncError("not sealed with this key for this box") from None
    return _unpacked(packed)


def _unpacked(packed: bytes) -> bytes:
    """Unzip, but never more than a batch can be."""
    unzip = zlib.decompressobj(wbits=GZIP)
    try:
        text = unzip.decompress(packed, MAX_TEXT_BYTES)
    except zlib.error:
        raise SyncError("sealed, but not gzip") from None
    if not unzip.eof or unzip.unused_data:
        raise SyncError("sealed, but not one gzip stream of a batch's size")
    return text


# ---------------------------------------------------------------- batches


def write_batch(batch: Batch) -> bytes:
    """Return the batch as JSON."""
    message: dict[str, Any] = {
        "v": VERSION,
        "box": batch.box,
        "version": batch.version,
        "epoch": batch.epoch,
        "first": batch.first,
    }
    if batch.health:
        message["health"] = dict(batch.health)
    if batch.want:
        message["want"] = {"epoch": batch.want.epoch, "from": batch.want.from_seq}
    if batch.traces:
        message["traces"] = [{"uid": t.out_trade_no, "marks": t.marks} for t in batch.traces]
    return _json(message | {"rows": list(batch.rows)})


def read_batch(text: bytes) -> Batch:
    """Return the batch; SyncError if it is none. Each row is judged alone: see `row_fault`."""
    message = _message(text)
    first = _whole(message, "first", 1)
    rows = _rows(message.get("rows", []))
    if any(row.get("seq") != seq for seq, row in enumerate(rows, first)):
        raise SyncError("rows: seq has a gap")
    want = message.get("want")
    return Batch(
        box=_text(message, "box"),
        version=_text(message, "version"),
        epoch=_text(message, "epoch"),
        first=first,
        rows=rows,
        health=_table(message.get("health", {}), "health"),
        want=_want(_table(want, "want")) if want is not None else None,
        traces=_traces(message.get("traces")),
    )


def _traces(given: object) -> tuple[Trace, ...]:
    """Return those that can be read: one of a newer box, or a broken one, must not stop a batch."""
    if not isinstance(given, list):
        return ()
    return tuple(t for t in map(_trace, given[:MAX_TRACES]) if t)


def _trace(given: Any) -> Trace | None:
    try:
        uid, marks = given["uid"], given["marks"]
        read = tuple((Mark(name), float(ms)) for name, ms in marks[:MAX_MARKS])
    except (KeyError, TypeError, ValueError):
        return None
    good = isinstance(uid, str) and 0 < len(uid) <= MAX_UID and not CONTROL.search(uid)
    return Trace(uid, read) if good and all(0 <= ms <= MAX_TRACE_MS for _, ms in read) else None


def row_fault(row: Mapping[str, Any]) -> str:
    """Return why a row cannot be believed, by its own: fields, kinds of values, hash; '' = good.

    Whether it follows the row before is another question: `row["prev"]` against that one's `hash`.
    """
    fault = fields_fault(row)
    if fault:
        return fault
    return "" if row_hash(row["prev"], row) == row["hash"] else HASH_FAULT


def fields_fault(row: Mapping[str, Any]) -> str:
    """Return what is wrong with the fields of a row and the kinds of their values; '' = good."""
    fields = _DIGEST_FIELDS if row.get("kind") == "digest" else _FIELDS
    if row.keys() != fields.names:
        odd = sorted(str(name) for name in fields.names.symmetric_difference(row))
        return f"fields missing or unknown: {CONTROL.sub('?', ', '.join(odd))[:MAX_TEXT]}"
    if not fields.all_fit(row):
        wrong = sorted(name for name in fields.names if not _fits(name, row[name]))
        return f"not allowed: {', '.join(wrong)}"
    return "" if row["kind"] in KINDS else "unknown kind"


def _fits(name: str, value: object) -> bool:
    if name in WHOLE_NUMBERS:
        return type(value) is int and 0 <= value <= MAX_FEN
    return type(value) is str and len(value) <= MAX_TEXT and not CONTROL.search(value)


class _Fields:
    """The fields of a kind of row."""

    def __init__(self, kind: str) -> None:
        self.names = frozenset((*columns_of(kind), "prev", "hash"))
        self._texts = itemgetter(*sorted(self.names - WHOLE_NUMBERS))
        self._wholes = itemgetter(*sorted(self.names & WHOLE_NUMBERS))

    def all_fit(self, row: Mapping[str, Any]) -> bool:
        """`_fits` for all of them at once, in a sixth of the time: a centre reads many rows."""
        texts, wholes = self._texts(row), self._wholes(row)
        if {*map(type, texts)} != {str} or {*map(type, wholes)} != {int}:
            return False
        if max(map(len, texts)) > MAX_TEXT:
            return False
        whole = "".join(texts)
        if not whole.isprintable() and CONTROL.search(whole):  # no control character is printable
            return False
        return bool(min(wholes) >= 0 and max(wholes) <= MAX_FEN)


_FIELDS, _DIGEST_FIELDS = _Fields("payment"), _Fields("digest")


# ---------------------------------------------------------------- answers


def write_answer(answer: Answer | Conflict) -> tuple[int, bytes]:
    """Return the HTTP status and the JSON of an answer."""
    if isinstance(answer, Conflict):
        message = {"v": VERSION, "epoch": answer.epoch, "error": "conflict", "seq": answer.seq}
        return CONFLICT, _json(message)
    message = {
        "v": VERSION,
        "epoch": answer.epoch,
        "ack": answer.ack,
        "rejected": [{"seq": r.seq, "why": r.why} for r in answer.rejected],
        "do": [_action_fields(action) for action in answer.do],
    }
    if answer.rows is not None:
        message["rows"] = list(answer.rows)
    return OK, _json(message)


def _action_fields(action: Action) -> dict[str, Any]:
    return {
        "id": action.id,
        "kind": action.kind.value,
        "out_trade_no": action.out_trade_no,
        "amount_fen": action.amount_fen,
        "by": action.by,
        "approved_by": action.approved_by,
    }


def read_answer(status: int, text: bytes) -> Answer | Conflict:
    """Return the answer; SyncError if it is none, or an error of the centre's."""
    message = _message(text)
    if status == CONFLICT:
        return Conflict(_text(message, "epoch"), _whole(message, "seq", 1))
    if status != OK:
        raise SyncError(f"the centre answers {status}: {str(message.get('error', ''))[:MAX_TEXT]}")
    rejected = [_table(r, "rejected") for r in _list(message, "rejected")]
    rows = message.get("rows")
    return Answer(
        epoch=_text(message, "epoch"),
        ack=_whole(message, "ack", 0),
        rejected=tuple(
            Rejected(_whole(r, "seq", 1), str(r.get("why", ""))[:MAX_TEXT]) for r in rejected
        ),
        do=tuple(_actions(_list(message, "do"))),
        rows=_rows(rows) if rows is not None else None,
    )


def _actions(told: Sequence[Any]) -> Iterator[Action]:
    """What can be read: an action of a later version must not stop the acknowledgements."""
    for each in told:
        try:
            yield _action(_table(each, "do"))
        except SyncError as error:
            log.warning("an action of the centre is not understood: %s", error)


def _action(told: Mapping[str, Any]) -> Action:
    if told.get("kind") not in tuple(ActionKind):
        raise SyncError("do: unknown kind")
    return Action(
        id=_text(told, "id"),
        kind=ActionKind(told["kind"]),
        out_trade_no=_text(told, "out_trade_no"),
        amount_fen=_whole(told, "amount_fen", 0) if "amount_fen" in told else 0,
        by=str(told.get("by", ""))[:MAX_TEXT],
        approved_by=str(told.get("approved_by", ""))[:MAX_TEXT],
    )


# ---------------------------------------------------------------- JSON that is not trusted


def _json(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode()


def _message(text: bytes) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):  # also bad UTF-8
        raise SyncError("sealed, but not JSON") from None
    if not isinstance(message, dict) or message.get("v") != VERSION:
        raise SyncError(f"not a message of version {VERSION}")
    return message


def _want(told: Mapping[str, Any]) -> Want:
    return Want(_text(told, "epoch"), _whole(told, "from", 1))


def _rows(value: object) -> tuple[WireRow, ...]:
    if not isinstance(value, list) or len(value) > MAX_ROWS:
        raise SyncError(f"rows: not a list of at most {MAX_ROWS}")
    return tuple(dict(_table(row, "rows")) for row in value)


def _table(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise SyncError(f"{name}: not an object")
    return value


def _list(message: Mapping[str, Any], name: str) -> Sequence[Any]:
    value = message.get(name, [])
    if not isinstance(value, list) or len(value) > MAX_ROWS:
        raise SyncError(f"{name}: not a list of at most {MAX_ROWS}")
    return value


def _text(message: Mapping[str, Any], name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT or CONTROL.search(value):
        raise SyncError(f"{name}: not a text of 1 to {MAX_TEXT} characters")
    return value


def _whole(message: Mapping[str, Any], name: str, least: int) -> int:
    value = message.get(name)
    if type(value) is not int or not least <= value <= MAX_FEN:
        raise SyncError(f"{name}: not a whole number from {least} on")
    return value
