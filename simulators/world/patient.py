"""The patient: looks at the glass, shows codes (often the wrong ones), types a password or not."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from device.domain.screens import AmountDue, DeclinedScreen, Idle, Screen, Starting
from simulators.gateway.provider import Provider
from simulators.gateway.scripts import read_binding
from simulators.world.box import OVERRUN, SimBox
from simulators.world.chance import Stream
from simulators.world.loop import VirtualLoop

DRAWN_S = (0.003, 0.03)  # how long a panel takes
OFFLINE_DRAWN_S = 0.3  # payment-states §2: without a working panel
SLOWEST_SCAN_S = 4.0  # 18 digits and Enter, each just within the scanner's gap
NOISE_GAP_S = 0.3  # what comes later than this after noise is a scan of its own


class Glass:
    """The panel (`domain.ports.Panel`): what people see, and since when."""

    def __init__(self, loop: VirtualLoop, stream: Stream) -> None:
        self._loop = loop
        self._stream = stream
        self.screen: Screen = Starting()
        self.changed = asyncio.Event()
        self.broken = False
        self.monotonic: Callable[[], float] = loop.time
        """Of the box that draws."""
        self.on_show: Callable[[Screen], None] = lambda _: None
        self._history: list[tuple[float, int | None]] = []
        self._free_s = 0.0

    def show(self, screen: Screen, drawn: Callable[[float], None] | None = None) -> None:
        """Draw soon; the report comes when it is on the glass."""
        self.on_show(screen)
        if self.broken:
            if drawn:
                drawn(self.monotonic() + OFFLINE_DRAWN_S)
            self._draw(screen, None)
            return
        drawn_s = self._loop.time() + self._stream.between(*DRAWN_S)
        self._free_s = max(self._free_s, drawn_s)  # one picture after the other
        self._loop.call_at(self._free_s, self._draw, screen, drawn)

    def dark(self) -> None:
        """The power is gone."""
        self._draw(Starting(), None)

    def asked_at(self, at_s: float) -> int | None:
        """The amount that a code would have been for, then."""
        return next((fen for since_s, fen in reversed(self._history) if since_s <= at_s), None)

    def _draw(self, screen: Screen, drawn: Callable[[float], None] | None) -> None:
        self.screen = screen
        self._history.append((self._loop.time(), self.asks_fen))
        self.changed.set()
        if drawn:
            drawn(self.monotonic())

    @property
    def asks_fen(self) -> int | None:
        """The amount that a code would be for."""
        if isinstance(self.screen, AmountDue):
            return self.screen.amount_fen
        if isinstance(self.screen, DeclinedScreen) and self.screen.retry:
            return self.screen.amount_fen
        return None


Do = Sequence[Mapping[str, Any]]
LUCK: Mapping[str, float] = {
    "password": 6,
    "password_never": 2,
    "password_cancelled": 1.5,
    "decline": 4,
    "system_error": 2,
    "system_error_not_created": 2,
    "unavailable": 1,
    "bank_error": 0.7,
    "query_lag": 1.5,
    "late_pay": 2.5,
    "paid_at_last_moment": 2,
    "recall": 1.5,
    "reverse_paying": 1,
    "retry_flag": 1,
    "no_action": 1,
    "reverse_no_effect": 0.7,
    "reverse_refused": 0.7,
    "reverse_expired": 1,
    "other_amount": 0.7,
    "other_number": 0.7,
    "bad_signature": 0.7,
    "no_signature": 0.5,
    "drop_after": 1,
    "drop_before": 1,
    "truncated": 0.5,
    "html": 0.5,
    "empty": 0.5,
    "refund_processing": 2,
    "refund_not_enough": 1.5,
    "refund_error": 1,
    "other_state": 0.6,
    "other_sum": 0.5,
    "order_paid": 0.6,
}
DECLINES = {
    "wechat": ("NOTENOUGH", "AUTHCODEEXPIRE", "AUTH_CODE_INVALID", "NOTSUPORTCARD"),
    "alipay": ("ACQ.BUYER_BALANCE_NOT_ENOUGH", "ACQ.PAYMENT_AUTH_CODE_INVALID"),
}
WAITS_S = {"wechat": 45.0, "alipay": 60.0}
WECHAT_ONLY = frozenset({"bank_error", "recall", "reverse_paying"})
ALIPAY_ONLY = frozenset({"retry_flag", "no_action"})
HONEST_REFUSALS = frozenset({"recall", "reverse_paying", "retry_flag"})
LEADS_TO_REVERSE = frozenset(
    {
        *("recall", "reverse_paying", "retry_flag", "no_action", "reverse_no_effect"),
        "reverse_refused",
    }
)


def luck(kind: str, wallet: str, stream: Stream) -> Do:
    """What a provider does with this code, as `gateway.behaviours` has it."""
    if (wallet == "wechat" and kind in ALIPAY_ONLY) or (wallet == "alipay" and kind in WECHAT_ONLY):
        return ()
    wait_s = WAITS_S[wallet]
    typed = {"name": "password", "after_s": stream.between(1.0, wait_s - 1)}
    at_last = {"name": "password", "after_s": wait_s + stream.between(-0.2, 0.4)}
    never = {"name": "password_never"}
    times = stream.whole(1, 4)
    made: Mapping[str, Do] = {
        "password": (typed,),
        "paid_at_last_moment": (at_last,),
        "password_cancelled": ({"name": kind, "after_s": stream.between(1.0, 40.0)},),
        "decline": ({"name": "decline", "code": stream.choice(DECLINES[wallet])},),
        "query_lag": ({"name": "system_error"}, {"name": kind, "for_s": stream.spread(1.0, 60.0)}),
        "reverse_no_effect": (  # and the payer types on
            {"name": "password", "after_s": wait_s + stream.between(-0.2, 30.0)},
            {"name": kind, "times": times},
        ),
        "reverse_expired": (stream.choice((never, at_last, {"name": "paid"})), {"name": kind}),
        "order_paid": (  # the answer to a pay that was sent twice on the way
            {"name": "error", "on": "pay", "code": _PAID_ALREADY[wallet], "processed": True},
        ),
        "late_pay": (_late(stream, wait_s),),
        "reverse_refused": (
            stream.choice((never, at_last)),
            {"name": "error", "on": "reverse", "code": _REFUSALS[wallet], "times": times},
        ),
        "other_sum": ({"name": "password", "after_s": 1.0},),  # `world.py` changes what is held
        "other_amount": ({"name": kind, "on": stream.choice(("pay", "query"))},),
        "other_number": ({"name": kind, "on": stream.choice(("pay", "query"))},),
        "other_state": (
            {"name": kind, "on": "query", "state": stream.choice(_STATES[wallet])},
            typed,
        ),
        "refund_processing": ({"name": kind, "for_s": stream.spread(1.0, 4000.0)},),
        "refund_not_enough": ({"name": kind, "times": times},),
        "refund_error": ({"name": "system_error", "on": "refund"},),
    }
    if kind in made:
        return made[kind]
    if kind in HONEST_REFUSALS and stream.happens(0.5):  # paid, and nobody can see it in time
        lag = {"name": "query_lag", "for_s": wait_s + 10.0}
        return ({"name": "system_error"}, lag, {"name": kind, "times": times})
    if kind in LEADS_TO_REVERSE:
        return (stream.choice((never, at_last)), {"name": kind, "times": times})
    on = stream.choice(("pay", "query", "reverse")) if kind in _ANYWHERE else "pay"
    return ({"name": kind, "on": on}, *(() if on == "pay" else (never,)))


_ANYWHERE = frozenset(
    {"bad_signature", "no_signature", "drop_after", "drop_before", "truncated", "html", "empty"}
)
_PAID_ALREADY = {"wechat": "ORDERPAID", "alipay": "ACQ.TRADE_HAS_SUCCESS"}
_REFUSALS = {"wechat": "TRADE_ERROR", "alipay": "ACQ.REASON_TRADE_REFUND_FEE_ERR"}
_STATES = {"wechat": ("ACCEPT", "NOTPAY"), "alipay": ("WAIT_BUYER_PAY",)}


def _late(stream: Stream, wait_s: float) -> Mapping[str, Any]:
    how = stream.choice(("silence", "close", "error"))
    if stream.happens(0.5):
        return {"name": "late_pay", "after_reverse_s": stream.spread(0.01, 40_000.0), "how": how}
    return {"name": "late_pay", "after_s": stream.spread(0.5, 3 * wait_s), "how": how}


UNHURRIED = frozenset(
    {
        *("password", "password_never", "password_cancelled", "paid_at_last_moment", "decline"),
        *("system_error", "system_error_not_created", "bank_error"),
    }
)
"""Luck that slows down no call: the time limits of M6 hold all the same."""
MANNERS: Mapping[str, float] = {
    "double_scan": 3,
    "garbage": 1.5,
    "garbled": 1.5,
    "used_code": 1.5,
    "other_wallet": 1,
    "too_early": 2,
    "slow_scan": 2,
    "walks_away": 1.5,
    "scan_while_idle": 1.5,
    "two_phones": 1.5,
}
PATIENCE_S = 120.0


@dataclass(slots=True)
class Scans:
    """Every code that was shown, and which amounts were on the glass at its first key."""

    glass: dict[str, set[int]] = field(default_factory=dict)
    luck: dict[str, str] = field(default_factory=dict)
    """Code -> what it is to meet at the provider."""
    hurried: set[str] = field(default_factory=set)
    """Codes whose payment no time limit holds for: a provider will refuse or delay a call."""
    used: list[str] = field(default_factory=list)
    identities: list[str] = field(default_factory=list)
    """The 11 digits of every patient's number: they may stand nowhere (M19)."""

    def note(self, code: str, amount_fen: int | None) -> None:
        """The first key of this code came now."""
        seen = self.glass.setdefault(code, set())
        if amount_fen is not None:
            seen.add(amount_fen)


class Patient:
    """One person at the desk for one charge."""

    def __init__(  # noqa: PLR0913  what a person sees, holds and touches
        self,
        loop: VirtualLoop,
        glass: Glass,
        provider: Provider,
        scans: Scans,
        stream: Stream,
        box: Callable[[], SimBox | None],
        sometimes: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._glass = glass
        self._provider = provider
        self._scans = scans
        self._stream = stream
        self._box = box
        self._sometimes = sometimes

    async def come(self, wallet: str, share: float) -> None:
        """Show codes until no amount is on the glass; whatever it says is believed."""
        manner = self._stream.fault(share, MANNERS)
        if manner == "scan_while_idle" and isinstance(self._glass.screen, Idle):
            self._show(self.new_code(wallet, 0.0), kind="scan before amount")
        if manner == "walks_away":
            return
        for turn in range(6):
            if not await self._sees():
                return
            await asyncio.sleep(self._stream.spread(0.05, 20.0))
            if self._glass.asks_fen is None:
                continue
            await self._act(manner if turn == 0 else "", wallet, share)
            if not await self._answered():
                return

    async def _sees(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while self._glass.asks_fen is None:
                    self._glass.changed.clear()
                    await self._glass.changed.wait()
        except TimeoutError:
            return False
        return True

    async def _answered(self) -> bool:
        """Wait for what the glass says next; True if a code is asked for (again)."""
        before = self._glass.screen
        try:
            async with asyncio.timeout(3.0):
                while self._glass.screen == before:
                    self._glass.changed.clear()
                    await self._glass.changed.wait()
        except TimeoutError:
            pass
        return True

    async def _act(self, manner: str, wallet: str, share: float) -> None:
        if manner == "garbage":
            self._show(self._stream.digits(self._stream.whole(1, 30)), kind="scanner garbage")
            return
        if manner == "garbled":
            await self._garbled(wallet)
            return
        if manner == "used_code" and self._scans.used:
            self._show(self._stream.choice(self._scans.used), kind="double scan")
            return
        if manner == "other_wallet":
            wallet = "alipay" if wallet == "wechat" else "wechat"
        code = self.new_code(wallet, share)
        await self._scan(code, manner)
        if manner == "two_phones":
            await asyncio.sleep(self._stream.spread(0.01, 1.0))
            await self._scan(self.new_code(wallet, 0.0), "")

    async def _scan(self, code: str, manner: str) -> None:
        self._scans.used.append(code)
        early_s = self._stream.between(1.0, 3.0) if manner == "too_early" else 0.0
        if manner == "slow_scan":  # the trigger is pulled now, the end comes for the next patient
            await self._slowly(code)
            return
        self._show(code, early_s=early_s, kind="scan before amount" if early_s else "")
        if manner == "double_scan":
            await asyncio.sleep(self._stream.spread(0.001, 3.0))
            self._show(code, kind="double scan")

    async def _garbled(self, wallet: str) -> None:
        """The scanner loses keys, reads something else, or leaves the start of a code behind."""
        box, code = self._box(), self.new_code(wallet, 0.0)
        if box is None:
            return
        now_s, half = box.clock.monotonic(), self._stream.whole(1, 17)
        kind = self._stream.choice(("overrun", "link", "too_long", "noise"))
        if kind == "overrun":
            self._sometimes("truncated code after an overrun")
            self._scans.note(code, self._glass.asks_fen)
            box.type(f"{code[:half]}{OVERRUN}{code[half + 2 :]}\r", now_s)
        elif kind == "link":
            box.type("https://example.com/p?id=42\r", now_s)
        elif kind == "too_long":
            box.type(self._stream.digits(80) + "\r", now_s)
        else:
            self._sometimes("scanner noise before a code")
            box.type(self._stream.digits(half), now_s)
            await asyncio.sleep(self._stream.between(NOISE_GAP_S, 2.0))
            self._show(code)

    async def _slowly(self, code: str) -> None:
        """The trigger is pulled now, the end comes for the next amount: the cashier is quicker."""
        box = self._box()
        if box is None:
            return
        first_key_s = box.clock.monotonic()
        self._scans.note(code, self._glass.asks_fen)
        takes_s = self._stream.spread(0.5, SLOWEST_SCAN_S)
        await asyncio.sleep(takes_s / 2)
        box.press()
        await asyncio.sleep(takes_s / 2)
        if box.life.alive:
            if self._glass.asks_fen is not None:
                self._sometimes("A's scan finishing after B is armed")
            box.type(code + "\r", first_key_s)

    def _show(self, code: str, *, early_s: float = 0.0, kind: str = "") -> None:
        box = self._box()
        if box is None:
            return
        self._scans.note(code, self._glass.asked_at(self._loop.time() - early_s))
        if kind:
            self._sometimes(kind)
        box.type(code + "\r", box.clock.monotonic() - early_s)

    def new_code(self, wallet: str, share: float) -> str:
        """A fresh code of a phone, with what it will meet."""
        kind = self._stream.fault(share, LUCK)
        code = {"wechat": "13", "alipay": "28"}[wallet] + self._stream.digits(16)
        do = list(luck(kind, wallet, self._stream)) if kind else []
        if do:
            self._scans.luck[code] = kind
        if do and kind not in UNHURRIED:
            self._scans.hurried.add(code)
        if do:
            self._provider.scripts.bind(read_binding({"match": {"code": code}, "do": do}))
        return code
