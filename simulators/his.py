"""A HIS that does everything right: asks over a real connection and keeps its own books.

For the demo's desk page and for tests, kill -9 of the box among them: it connects again by itself,
asks about what it has not heard the end of, answers every result with `received`, and books only on
`paid` (his-link §2-3).
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from device.his_link.body import Writing
from device.his_link.calls import Fields, NoAnswer
from device.his_link.host import ANSWER_TIMEOUT_S, PLAIN, Client, OpenStream

RECONNECT_S = 0.5  # a box restarts in a second or two
PAY_TIMEOUT_S = 400.0  # the longest ttl and then some
ANSWER_TYPES = frozenset({"result", "refund_result"})
OPEN_STATUSES = frozenset({"", "unknown", "pending"})


@dataclass(slots=True)
class Entry:
    """What the books say about one id: of a charge or of a refund."""

    id: str
    type: str
    """pay | reverse | refund"""
    request: Fields
    status: str = ""
    """The newest result's; empty while none was heard."""
    revision: int = 0
    results: list[Fields] = field(default_factory=list)
    """Every result, oldest first, each revision once."""
    error: Fields | None = None
    """The box refused the request: nothing was changed by it."""

    @property
    def final(self) -> bool:
        """Whether nothing more is expected."""
        return self.error is not None or self.status not in OPEN_STATUSES

    @property
    def result(self) -> Fields | None:
        """The newest result."""
        return self.results[-1] if self.results else None


class HisSimulator:
    """One HIS workplace. `run()` keeps the connection; the other methods ask the box.

    `on_message(direction, fields)` sees every message, `sent` or `received`, for the desk page.
    """

    def __init__(  # noqa: PLR0913  how it connects, and what tests watch
        self,
        address: str,
        open_stream: OpenStream,
        *,
        writing: Writing = PLAIN,
        key: bytes | None = None,
        on_message: Callable[[str, Fields], None] | None = None,
        reconnect_s: float = RECONNECT_S,
    ) -> None:
        self.address = address
        self.books: dict[str, Entry] = {}
        self.last_sent: Fields = {}
        self.last_received: Fields = {}
        self.dropped: list[Fields] = []
        """Results of ids this HIS never asked about: acknowledged, not booked."""
        self._open_stream = open_stream
        self._writing = writing
        self._key = key
        self._on_message = on_message or (lambda _direction, _fields: None)
        self._reconnect_s = reconnect_s
        self._client: Client | None = None
        self._changed = asyncio.Condition()
        self._asks: set[asyncio.Task[None]] = set()

    # -------------------------------------------------------------- the connection

    @property
    def is_connected(self) -> bool:
        """Whether the box can be asked now."""
        return self._client is not None and self._client.is_open

    async def run(self) -> None:
        """Stay connected until cancelled; after each connect ask about everything open."""
        try:
            while True:
                with contextlib.suppress(OSError, NoAnswer):
                    await self._serve()
                await self._notify()
                await asyncio.sleep(self._reconnect_s)
        finally:
            self._drop_connection()

    async def connected(self, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        """Return when connected; TimeoutError if that takes too long."""
        await self._until(lambda: self.is_connected, timeout_s)

    async def _serve(self) -> None:
        self._client = await Client.connect(
            self.address, self._open_stream, self._writing, key=self._key
        )
        await self._notify()
        try:
            for entry in [e for e in self.books.values() if not e.final]:
                self._ask_again(entry)
            while True:
                await self._heard(await self._client.unasked())
        finally:
            self._drop_connection()

    def _ask_again(self, entry: Entry) -> None:
        task = asyncio.create_task(self._query_entry(entry))
        self._asks.add(task)
        task.add_done_callback(self._asks.discard)

    async def _query_entry(self, entry: Entry) -> None:
        with contextlib.suppress(NoAnswer):
            await self._ask_what_became(entry)

    async def _ask_what_became(self, entry: Entry) -> None:
        type_ = "query" if entry.type == "pay" else "refund_query"
        answer = await self.ask(type_, _key(entry.request))
        if answer.get("code") == "not_found":
            entry.error = None
            await self._open(entry)

    def _drop_connection(self) -> None:
        for task in self._asks:
            task.cancel()
        if self._client is not None:
            self._client.close()
            self._client = None

    # -------------------------------------------------------------- what a cashier does

    async def pay(self, id_: str, amount_fen: int, **fields: object) -> Entry:
        """Collect; return the books' entry at the first answer, `settled` waits for the end."""
        request = {"id": id_, "amount_fen": amount_fen, "business": "outpatient_fee", **fields}
        return await self._begin("pay", request)

    async def reverse(self, id_: str, pay_id: str, **fields: object) -> Entry:
        """Undo a payment wholly."""
        return await self._begin("reverse", {"id": id_, "pay_id": pay_id, **fields})

    async def refund(self, id_: str, amount_fen: int, **fields: object) -> Entry:
        """Give back a part; name `pay_id` or `out_trade_no`."""
        return await self._begin("refund", {"id": id_, "amount_fen": amount_fen, **fields})

    async def query(self, id_: str, **fields: object) -> Fields:
        """Ask what became of a charge."""
        return await self.ask("query", {"id": id_, **fields})

    async def cancel(self, id_: str, **fields: object) -> Fields:
        """Stop collecting."""
        return await self.ask("cancel", {"id": id_, **fields})

    async def ask(
        self, type_: str, fields: Fields | None = None, timeout_s: float = ANSWER_TIMEOUT_S
    ) -> Fields:
        """Ask anything; NoAnswer if the connection goes or the time is over."""
        if self._client is None:
            raise NoAnswer("not connected")
        self._record_sent(type_, fields or {})
        answer = await self._client.request(type_, fields, timeout_s=timeout_s)
        await self._heard(answer)
        return answer

    async def settled(self, id_: str, timeout_s: float = PAY_TIMEOUT_S) -> Entry:
        """Return the entry when nothing more is expected of it; TimeoutError."""
        await self._until(lambda: id_ in self.books and self.books[id_].final, timeout_s)
        return self.books[id_]

    async def ask_about(self, id_: str) -> None:
        """Ask what became of an id of the books; if the box never heard of it, ask for it again."""
        await self._ask_what_became(self.books[id_])

    async def _begin(self, type_: str, request: Fields) -> Entry:
        entry = self.books[request["id"]] = Entry(request["id"], type_, request)
        await self._open(entry)
        return entry

    async def _open(self, entry: Entry) -> None:
        answer = await self.ask(entry.type, entry.request, PAY_TIMEOUT_S)
        if answer.get("type") == "error":
            entry.error = answer
            await self._notify()

    # -------------------------------------------------------------- the books

    async def _heard(self, message: Fields) -> None:
        self.last_received = message
        self._on_message("received", message)
        if message.get("type") in ANSWER_TYPES:
            self._acknowledge(message)
            self._book(message)
            await self._notify()

    def _acknowledge(self, message: Fields) -> None:
        entry = self.books.get(message["id"])
        date = message.get("business_date") or (entry and entry.request.get("business_date"))
        receipt = {"id": message["id"], "revision": message["revision"]}
        receipt |= {"business_date": date} if date else {}
        if self._client is not None:
            self._record_sent("received", receipt)
            self._client.post("received", receipt)

    def _book(self, message: Fields) -> None:
        entry = self.books.get(message["id"])
        if entry is None:
            self.dropped.append(message)
        elif _same_try(message, entry) and message["revision"] > entry.revision:
            entry.revision = message["revision"]
            entry.status = message["status"]
            entry.results.append(message)

    def _record_sent(self, type_: str, fields: Fields) -> None:
        self.last_sent = {"type": type_, **fields}
        self._on_message("sent", self.last_sent)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _until(self, reached: Callable[[], bool], timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(reached)


def _same_try(message: Fields, entry: Entry) -> bool:
    return bool(message.get("try", 1) == entry.request.get("try", 1))


def _key(request: Fields) -> Fields:
    return {name: request[name] for name in ("id", "try", "business_date") if name in request}
