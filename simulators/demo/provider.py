"""The gateways' admin API: the patient's phone, the luck of a code, and the providers' book."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx

from simulators.differences import Difference, Entry

TIMEOUT_S = 5.0  # it is on this machine


class GatewayGone(Exception):
    """The gateways cannot be asked."""


@dataclass(frozen=True, slots=True)
class Trade:
    """One order as its provider holds it."""

    wallet: str
    out_trade_no: str
    amount_fen: int
    state: str
    """paying | paid | failed | closed | returned"""
    refunded_fen: int
    calls: tuple[str, ...]

    @property
    def held_fen(self) -> int:
        """What the hospital has of it."""
        return self.amount_fen - self.refunded_fen if self.state == "paid" else 0


class ProviderAdmin:
    """One client for the life of the demo; GatewayGone where the gateways do not answer."""

    def __init__(self) -> None:
        self.port = 0
        self._base_url = ""
        self._client = httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False)

    def lead_to(self, port: int) -> None:
        """Ask the gateways that listen at this port from now on."""
        self.port = port
        self._base_url = f"http://127.0.0.1:{port}/_admin"

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def new_code(self, wallet: str) -> str:
        """Return a payer code as a phone shows it, good for a minute."""
        return str((await self._ask("POST", "/phone/new-code", {"wallet": wallet}))["code"])

    async def phone(self, code: str) -> dict[str, Any]:
        """Return what the phone with this code shows."""
        return await self._ask("GET", f"/phone/{code}")

    async def type_password(self, code: str, *, ok: bool) -> None:
        """Type the password, or refuse."""
        await self._ask("POST", f"/phone/{code}/password", {"ok": ok})

    async def bind(self, code: str, do: list[dict[str, Any]]) -> None:
        """Decide what this code will meet; an empty list is the normal course."""
        await self._ask("POST", "/behaviours", {"match": {"code": code}, "do": do})

    async def trades(self, numbers: set[str] | None = None) -> list[Trade]:
        """Return the orders of these numbers that a provider holds; None = all it holds."""
        book = await self._ask("GET", "/book")
        rows = book["trades"]
        return [_trade(row) for row in rows if numbers is None or row["out_trade_no"] in numbers]

    async def plant(self, day: date, seed: int, each: int) -> list[Difference]:
        """Change the bills of a day; return how, one by one."""
        asked = {"day": day.isoformat(), "seed": seed, "each": each}
        rows: Any = await self._ask("POST", "/differences", asked)
        return [Difference(**row) for row in rows]

    async def bills(self, day: date) -> list[Entry]:
        """Return the lines of both bills of a day."""
        rows: Any = await self._ask("POST", "/bills", {"day": day.isoformat()})
        return [Entry(**row) for row in rows]

    async def advance(self, seconds: float) -> None:
        """Let the providers' time pass."""
        await self._ask("POST", "/clock", {"advance_s": seconds})

    async def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        try:
            answer = await self._client.request(method, self._base_url + path, json=body)
            answer.raise_for_status()
            value: dict[str, Any] = answer.json()
        except httpx.HTTPError as error:
            raise GatewayGone(type(error).__name__) from None
        return value


def _trade(one: dict[str, Any]) -> Trade:
    return Trade(
        one["wallet"], one["out_trade_no"], one["amount_fen"], one["state"], one["refunded_fen"],
        tuple(one["calls"]),
    )  # fmt: skip
