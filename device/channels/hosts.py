"""Which host is asked, and whether a connection to it is warm (payment-states §1.6, §3).

A provider has one address or two. The spare is asked only where the request surely did not leave
(`NotSent`), so a pay whose answer did not come is never sent a second time.
"""

import asyncio
from collections.abc import Callable, Sequence

from device.channels.http import HttpClient
from device.clock import Clock
from device.errors import NotSent, ProviderError

WARM_FOR_S = 25.0  # less than the 30 s between idle probes, so that each of them is a real one
WARM_WITHIN_S = 3.0  # payment-states §1.6: `offline` is said within 3 s of the pay
SPARE_AFTER_S = 1.0  # a host that has not answered a query by then gets a rival
SPARE_FOR_S = 180.0  # wechat.md §3: the spare is kept for three minutes, then the first is tried

Probe = Callable[[], tuple[str, bytes]]
"""Makes the path and body of a cheap request that changes nothing."""


class Hosts:
    """One or two addresses of a provider behind one client."""

    def __init__(
        self, client: HttpClient, bases: Sequence[str], content_type: str, clock: Clock
    ) -> None:
        self._client = client
        self._bases = [base.rstrip("/") for base in bases if base]
        self._content_type = content_type
        self._clock = clock
        self._spare_until = float("-inf")
        self._answered: dict[str, float] = {}
        self._warming: asyncio.Task[bool] | None = None

    async def post(self, path: str, body: bytes, *, read_timeout_s: float) -> bytes:
        """Return the answer of the first host that can be reached; raises `ProviderError`s."""
        fault: NotSent | None = None
        for base in self._order():
            try:
                return await self._ask(base, path, body, read_timeout_s)
            except NotSent as error:
                fault = error
        raise fault or NotSent("no host")

    async def warm(self, probe: Probe) -> bool:
        """Leave an open, just used connection for the next request; True if a host answered.

        Costs nothing while one answered in the last 25 s and its connection was not closed by the
        other side since. Calls at the same time share one probe.
        """
        if self._is_warm():
            return True
        if self._warming is None or self._warming.done():
            self._warming = asyncio.create_task(self._race(probe))
        return await asyncio.shield(self._warming)

    async def aclose(self) -> None:
        """Stop warming."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)

    def _order(self) -> list[str]:
        spare_first = self._clock.monotonic() < self._spare_until
        return self._bases[::-1] if spare_first else list(self._bases)

    def _is_warm(self) -> bool:
        answered = self._answered.get(self._order()[0])
        fresh = answered is not None and self._clock.monotonic() - answered < WARM_FOR_S
        return fresh and self._client.alive

    async def _ask(self, base: str, path: str, body: bytes, read_timeout_s: float) -> bytes:
        try:
            answer = await self._client.post(
                base + path,
                body,
                content_type=self._content_type,
                read_timeout_s=read_timeout_s,
            )
        except ProviderError:
            self._answered.pop(base, None)
            raise
        self._note(base)
        return answer

    def _note(self, base: str) -> None:
        """Prefer the host that answered; the spare for three minutes from its first answer."""
        now = self._clock.monotonic()
        self._answered[base] = now
        if base == self._bases[0]:
            self._spare_until = float("-inf")
        elif now >= self._spare_until:
            self._spare_until = now + SPARE_FOR_S

    async def _race(self, probe: Probe) -> bool:
        tasks: list[asyncio.Task[bool]] = []
        try:
            async with asyncio.timeout(WARM_WITHIN_S):
                for base in self._order():
                    tasks.append(asyncio.create_task(self._answers(base, probe)))
                    await asyncio.wait(
                        tasks, timeout=SPARE_AFTER_S, return_when=asyncio.FIRST_COMPLETED
                    )
                    if any(task.done() and task.result() for task in tasks):
                        return True
                return await _any_true(tasks)
        except TimeoutError:
            return False
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _answers(self, base: str, probe: Probe) -> bool:
        path, body = probe()
        try:
            await self._ask(base, path, body, WARM_WITHIN_S)
        except ProviderError:
            return False
        return True


async def _any_true(tasks: Sequence[asyncio.Task[bool]]) -> bool:
    for next_done in asyncio.as_completed(tasks):
        if await next_done:
            return True
    return False
