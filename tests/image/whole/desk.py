"""The people at the desk: the cashier's HIS asks, the patient's phone shows a code."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from device.drivers.streams import open_stream
from device.his_link.calls import Fields, NoAnswer
from device.his_link.host import Client
from simulators.demo.provider import ProviderAdmin
from tests.image.whole.machine import Guest
from tests.image.whole.site import BAUDRATE

END_PATIENCE_S = 120.0  # of one payment; emulated, and WeChat is not reversed before 15 s
LINK_PATIENCE_S = 600.0  # a start, emulated on a busy machine
ASK_EVERY_S = 0.5
TRIES = 5
READ_S = 0.5  # no hand is quicker than the glass
TAKEN_S = 8.0  # a code that is not taken by then is held to the scanner again


class WentOtherwise(Exception):
    """Something that had to happen did not; the text says what."""


class Desk:
    """One desk: a HIS at one end of a cable, phones at the other."""

    def __init__(self, provider: ProviderAdmin) -> None:
        self.provider = provider
        self.guest: Guest
        self.answers: dict[str, Fields] = {}
        """The last answer for each id: the HIS's book."""
        self.offline = 0
        """How often the box was asked for money and said that it is offline."""
        self.scanned_again = 0
        self._taken = asyncio.Event()
        self._client: Client | None = None
        self._states: asyncio.Queue[Fields] = asyncio.Queue()
        self._listening: asyncio.Task[None] | None = None
        self._number = 0

    async def connect(self, guest: Guest, address: str = "") -> None:
        """Plug the HIS in; return once the box answers. TimeoutError."""
        self.guest = guest
        address = address or f"serial://{guest.his_port}?baudrate={BAUDRATE}"
        async with asyncio.timeout(LINK_PATIENCE_S):
            while True:
                self.disconnect()
                with contextlib.suppress(OSError, NoAnswer):
                    self._client = await Client.connect(address, open_stream)
                    await self._client.enq()
                    break
                await asyncio.sleep(0.3)
        self._listening = asyncio.create_task(self._listen(self._client))

    def disconnect(self) -> None:
        """Pull the HIS's end out."""
        if self._listening:
            self._listening.cancel()
        if self._client:
            self._client.close()
        self._client = self._listening = None

    async def until_open(self, patience_s: float = LINK_PATIENCE_S) -> None:
        """Wait until both wallets could take money."""
        needed = ("vpn", "wechat", "alipay", "scanner")
        await self.until_parts(lambda p: all(p[name] == "ok" for name in needed), patience_s)

    async def until_parts(
        self, right: Callable[[dict[str, str]], bool], patience_s: float = LINK_PATIENCE_S
    ) -> None:
        """Wait until the box says this of its parts; WentOtherwise with what it says instead."""
        parts: dict[str, str] = {}
        try:
            async with asyncio.timeout(patience_s):
                while not parts or not right(parts):
                    with contextlib.suppress(NoAnswer):
                        answer = await self.ask("status", {})
                        parts = {one["part"]: one["state"] for one in answer["parts"]}
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise WentOtherwise(f"the box says {parts}") from None

    async def ask(self, type_: str, fields: Fields, timeout_s: float = 10.0) -> Fields:
        """Ask the box; NoAnswer."""
        if self._client is None:
            raise NoAnswer("not connected")
        return await self._client.request(type_, fields, timeout_s=timeout_s)

    # ------------------------------------------------------------ one payment

    def new_id(self) -> str:
        """An id that no bill had."""
        self._number += 1
        return f"CARD{self._number:06d}"

    async def collect(self, id_: str, amount_fen: int = 1234) -> "asyncio.Task[Fields]":
        """The cashier asks for money; return, once it is on the glass, what will be said.

        An emulated machine is so slow that a provider may not answer in the three seconds that a
        desk waits: then the box says that it is offline, and the cashier asks again, as people do.
        """
        for _ in range(TRIES):
            await self.until_open()
            while not self._states.empty():
                self._states.get_nowait()
            fields = {"id": id_, "amount_fen": amount_fen, "business": "outpatient_fee"}
            asked = asyncio.ensure_future(self._asked(id_, fields))
            if await self._armed(asked):
                await asyncio.sleep(READ_S)
                return asked
        raise WentOtherwise(f"{id_}: offline, {TRIES} times")

    async def _armed(self, asked: "asyncio.Task[Fields]") -> bool:
        """Whether the amount is on the glass; not if the box is offline."""
        try:
            await self.state("armed", unless=asked)
        except WentOtherwise:
            if asked.done() and asked.result().get("code") == "offline":
                self.offline += 1
                return False
            raise
        return True

    async def show(self, wallet: str = "wechat", luck: list[dict[str, Any]] | None = None) -> str:
        """The patient shows a fresh code that will meet this luck; return it."""
        code = await self.provider.new_code(wallet)
        await self.provider.bind(code, luck or [])
        self._taken.clear()
        for _ in range(TRIES):
            await self.guest.type(code + "\r")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TAKEN_S):
                    await self._taken.wait()
                    return code
            self.scanned_again += 1  # a busy host loses keys before the guest's kernel sees them
        raise WentOtherwise(f"the code was not taken, {TRIES} times")

    async def state(self, wanted: str, unless: "asyncio.Task[Fields] | None" = None) -> None:
        """Wait for this word of progress; WentOtherwise if the answer comes first, or nothing."""
        seen: list[str] = []
        waiting: set[asyncio.Future[Any]] = {unless} if unless else set()
        try:
            async with asyncio.timeout(END_PATIENCE_S):
                while wanted not in seen:
                    told = asyncio.ensure_future(self._states.get())
                    await asyncio.wait({told, *waiting}, return_when=asyncio.FIRST_COMPLETED)
                    if not told.done():
                        told.cancel()
                        answer = unless.result() if unless else {}
                        raise WentOtherwise(f"instead of {wanted!r}: {answer}")
                    seen.append(str(told.result()["state"]))
        except TimeoutError:
            raise WentOtherwise(f"no {wanted!r}, only {seen}") from None

    async def final(self, id_: str) -> Fields:
        """Ask as a HIS does until the answer is final; WentOtherwise if it never is."""
        answer: Fields = {}
        try:
            async with asyncio.timeout(END_PATIENCE_S):
                while (
                    answer.get("status") in {None, "unknown"} and answer.get("code") != "not_found"
                ):
                    with contextlib.suppress(NoAnswer):
                        answer = await self.ask("query", {"id": id_})
                    await asyncio.sleep(ASK_EVERY_S)
        except TimeoutError:
            raise WentOtherwise(f"{id_}: no final answer, last {answer}") from None
        self.answers[id_] = answer
        return answer

    async def _asked(self, id_: str, fields: Fields) -> Fields:
        answer = await self.ask("pay", fields, timeout_s=END_PATIENCE_S)
        self.answers[id_] = answer
        return answer

    async def _listen(self, client: Client) -> None:
        with contextlib.suppress(NoAnswer):
            while True:
                told = await client.unasked()
                if told["type"] == "progress":
                    self._states.put_nowait(told)
                    if told["state"] == "paying":
                        self._taken.set()
                elif told["type"] == "result":
                    self.answers[str(told["id"])] = told
                    await client.tell("received", {"id": told["id"], "revision": told["revision"]})


Story = Callable[[Desk], Awaitable[None]]
