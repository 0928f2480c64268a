"""The patient's phone: the code it shows, and what its provider makes it show afterwards."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from device.domain.money import format_yuan
from simulators.demo import codes
from simulators.demo.luck import NORMAL, Luck
from simulators.demo.provider import GatewayGone, ProviderAdmin
from simulators.demo.scanner import ScannerCable

WALLETS = ("wechat", "alipay")
PROVIDER_NAMES = {"wechat": "微信支付", "alipay": "支付宝"}
LOOK_EVERY_S = 0.15  # a phone's push arrives in about this time
REFRESH_AFTER_S = 55.0  # a code lives for a minute; phones draw a new one a little earlier

_PAGES = {
    "idle": "code",
    "expired": "code",
    "password": "password",
    "paid": "paid",
    "failed": "failed",
}


@dataclass(slots=True)
class Shown:
    """What is on the glass of the phone."""

    page: str = "code"
    facts: dict[str, Any] | None = None
    presented: bool = False


class Phone:
    """One phone with two wallets."""

    def __init__(
        self,
        provider: ProviderAdmin,
        scanner: ScannerCable,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.wallet = WALLETS[0]
        self.code = ""
        self.luck = NORMAL
        self.shown = Shown()
        self._provider = provider
        self._scanner = scanner
        self._on_change = on_change
        self._made_at = 0.0

    @property
    def page(self) -> str:
        """What it shows: code, password, paid or failed."""
        return self.shown.page

    async def show_code(self, wallet: str | None = None) -> None:
        """Open the wallet's payment page with a fresh code."""
        self.wallet = wallet or self.wallet
        self.code = await self._provider.new_code(self.wallet)
        self._made_at = time.monotonic()
        self.shown = Shown()
        self._on_change()

    async def present(self) -> None:
        """Hold the phone to the scanner: its luck is decided, its code goes down the cable."""
        await self._provider.bind(self.code, self.luck.behaviours(self.wallet))
        self.shown.presented = True
        self.present_again()

    def present_again(self) -> None:
        """Hold the same code to the scanner once more, as who sees 请重新扫码 does."""
        self._scanner.read_code(self.code)

    async def type_password(self, *, ok: bool) -> None:
        """Type the password, or leave the page."""
        await self._provider.type_password(self.code, ok=ok)
        await self.look()

    async def look(self) -> None:
        """See what the provider makes the phone show."""
        facts = await self._provider.phone(self.code)
        page = _PAGES[facts["shows"]]
        if (page, facts) != (self.shown.page, self.shown.facts):
            self.shown.page, self.shown.facts = page, facts
            self._on_change()

    async def live(self) -> None:
        """Look at the phone for ever; an idle code is drawn anew before it expires."""
        while True:
            with contextlib.suppress(GatewayGone):
                await self._live_once()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _live_once(self) -> None:
        if not self.code:
            await self.show_code()
        old = time.monotonic() - self._made_at > REFRESH_AFTER_S
        if old and self.shown.page == "code":
            await self.show_code()
        await self.look()

    def section(self) -> dict[str, object]:
        """Return what the page draws."""
        facts = self.shown.facts or {}
        return {
            "wallet": self.wallet,
            "provider": PROVIDER_NAMES[self.wallet],
            "page": self.shown.page,
            "code": _grouped(self.code),
            "bars": codes.code128(self.code),
            "qr": codes.qr(self.code),
            "amount_fen": facts.get("amount_fen", 0),
            "payee": facts.get("subject") or facts.get("merchant", ""),
            "receipt": _receipt(facts),
            "title": _title(facts),
            "message": _message(facts, self.luck),
        }


def _grouped(digits: str) -> str:
    """Groups of four, the rest at the end, as both wallets print it."""
    return " ".join([digits[0:4], digits[4:8], digits[8:12], digits[12:]])


def _receipt(facts: dict[str, Any]) -> list[tuple[str, str]]:
    lines = [("收款方", str(facts.get("merchant", ""))), ("商品", str(facts.get("subject", "")))]
    if facts.get("refunded_fen"):
        lines.append(("已退款", f"¥{format_yuan(facts['refunded_fen'])}"))
    return lines


def _title(facts: dict[str, Any]) -> str:
    return "已原路退回" if facts.get("state") == "returned" else "付款未完成"


def _message(facts: dict[str, Any], luck: Luck) -> str:
    if facts.get("state") == "returned":
        return f"¥{format_yuan(facts['amount_fen'])} 已退回付款账户"
    if facts.get("state"):
        return "订单已关闭，没有扣款"
    return luck.failed_text
