"""The admin API under ``/_admin/``: scripts, clock, book and the patient's phone.

=======================================  ===========================================================
POST /_admin/behaviours                  bind: ``{"match": {...}, "do": [...]}`` or a list of those
DELETE /_admin/behaviours                forget all bindings
GET /_admin/behaviours                   the table of behaviours
POST /_admin/clock                       ``{"advance_s": 30}``; answers the provider's time
GET /_admin/book                         all trades, refunds and arrivals
POST /_admin/phone/new-code              ``{"wallet": "wechat"}``; a payer code like a phone shows
GET /_admin/phone/CODE                   what that phone shows now
POST /_admin/phone/CODE/password         ``{"ok": true}``: the payer types the password, or refuses
POST /_admin/differences                 ``{"day": "2026-11-22", "seed": 7, "each": 2}``: that day's
                                         bills are changed; answers how, one by one
POST /_admin/bills                       ``{"day": "2026-11-22"}``; both bills as they are now
POST /_admin/comments                    ``{"out_trade_no": ..., "stars": 5, "text": ...}``
POST /_admin/reset                       empty book, no bindings (the clock stays)
=======================================  ===========================================================
"""

import json
import secrets
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from simulators.gateway import bills
from simulators.gateway.behaviours import TABLE, BadScript
from simulators.gateway.clock import spaced
from simulators.gateway.model import ENDED_WITHOUT_MONEY, PayerCode, State, Trade, Wallet
from simulators.gateway.provider import Provider
from simulators.gateway.scripts import read_binding
from simulators.gateway.wire import Answer, HttpRequest

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX = "/_admin/"
_CODE_PREFIXES = {Wallet.WECHAT: ("10", "11", "12", "13", "14"), Wallet.ALIPAY: ("28",)}
_CODE_DIGITS = 18


class Admin:
    """Answers admin requests over one provider; no I/O."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._routes: dict[tuple[str, str], Callable[[Any], Any]] = {
            ("GET", "behaviours"): lambda _: self._table(),
            ("POST", "behaviours"): self._bind,
            ("DELETE", "behaviours"): lambda _: provider.scripts.clear(),
            ("POST", "clock"): self._move_clock,
            ("GET", "clock"): lambda _: self._time(),
            ("GET", "book"): lambda _: book_as_json(provider),
            ("POST", "phone/new-code"): self._new_code,
            ("POST", "differences"): self._change_bills,
            ("POST", "bills"): self._bills,
            ("POST", "comments"): self._comment,
            ("POST", "reset"): lambda _: self._reset(),
        }

    def answer(self, request: HttpRequest) -> Answer:
        """Answer JSON; 400 with a sentence for a wrong request, 404 for an unknown one."""
        path = urlsplit(request.target).path.removeprefix(PREFIX)
        try:
            given = json.loads(request.body or b"{}")
            route = self._routes.get((request.method, path))
            result = route(given) if route else self._phone(request.method, path, given)
        except LookupError as error:
            return _json({"error": f"nothing here: {error}"}, 404)
        except (BadScript, ValueError, TypeError, AttributeError) as error:
            return _json({"error": str(error)}, 400)
        return _json({"ok": True} if result is None else result)

    def _table(self) -> dict[str, Any]:
        return {
            name: {
                "says": one.says,
                "on": one.calls,
                "wallets": one.wallets,
                "parameters": one.parameters,
                "times": one.times or "always",
            }
            for name, one in TABLE.items()
        }

    def _bind(self, given: Any) -> None:
        bindings = [read_binding(one) for one in (given if isinstance(given, list) else [given])]
        for one in bindings:
            self._provider.scripts.bind(one)

    def _move_clock(self, given: Any) -> dict[str, Any]:
        self._provider.clock.advance(float(_needed(given, "advance_s")))
        return self._time()

    def _time(self) -> dict[str, Any]:
        now = self._provider.clock.now()
        return {"now": now, "beijing": spaced(now)}

    def _change_bills(self, given: Any) -> list[dict[str, Any]]:
        day = date.fromisoformat(str(_needed(given, "day")))
        seed, each = int(_needed(given, "seed")), int(_needed(given, "each"))
        return [asdict(one) for one in bills.change(self._provider.book, day, seed, each)]

    def _bills(self, given: Any) -> list[dict[str, Any]]:
        day = date.fromisoformat(str(_needed(given, "day")))
        book = self._provider.book
        return [asdict(entry) for wallet in Wallet for entry in bills.entries(book, wallet, day)]

    def _comment(self, given: Any) -> dict[str, Any]:
        number = str(_needed(given, "out_trade_no"))
        trade = self._provider.book.find(Wallet.WECHAT, number)
        if trade is None:
            raise LookupError("no such order of WeChat's")
        stars, text = int(_needed(given, "stars")), str(_needed(given, "text"))
        return asdict(self._provider.book.comment(trade, stars, text))

    def _reset(self) -> None:
        self._provider.book.clear()
        self._provider.scripts.clear()

    def _new_code(self, given: Any) -> dict[str, str]:
        return {"code": new_code(self._provider, Wallet(_needed(given, "wallet")))}

    def _phone(self, method: str, path: str, given: Any) -> Any:
        parts = path.split("/")
        match (method, *parts):
            case ("GET", "phone", code):
                return phone(self._provider, code)
            case ("POST", "phone", code, "password"):
                return type_password(self._provider, code, agrees=bool(_needed(given, "ok")))
            case _:
                raise LookupError(f"{method} {'/'.join(parts[:1])}")


def _needed(given: Any, name: str) -> Any:
    if not isinstance(given, dict) or name not in given:
        raise BadScript(f"{name} is missing")
    return given[name]


def new_code(provider: Provider, wallet: Wallet) -> str:
    """Issue a payer code; it lives as long as the rules say (one minute)."""
    prefix = secrets.choice(_CODE_PREFIXES[wallet])
    rest = _CODE_DIGITS - len(prefix)
    code = prefix + f"{secrets.randbelow(10**rest):0{rest}d}"
    expires_at = provider.clock.now() + provider.rules.code_life_s
    provider.book.codes[code] = PayerCode(wallet, expires_at)
    return code


def phone(provider: Provider, code: str) -> dict[str, Any]:
    """What the phone shows: idle, expired, password, paid or failed."""
    found, trade = _of_phone(provider, code)
    if trade is None:
        over = found.expires_at is not None and found.expires_at <= provider.clock.now()
        used = found.used_by is not None
        return {"shows": "failed" if used else "expired" if over else "idle"}
    shown = {
        "amount_fen": trade.order.amount_fen,
        "merchant": provider.rules.merchant_name,
        "subject": trade.order.subject,
    }
    if trade.state is State.PAYING:
        return {"shows": "password", **shown}
    if trade.state is State.PAID:
        refunded = trade.refunded_fen(provider.clock.now())
        return {"shows": "paid", **shown, "refunded_fen": refunded}
    return {"shows": "failed", **shown, "why": trade.ended_by, "state": trade.state}


def type_password(provider: Provider, code: str, *, agrees: bool) -> dict[str, Any]:
    """Type the password, or refuse; nothing happens if the phone is not asking."""
    _, trade = _of_phone(provider, code)
    if trade is not None and trade.state is State.PAYING:
        provider.book.move(trade, State.PAID if agrees else State.FAILED, "payer")
    return phone(provider, code)


def _of_phone(provider: Provider, code: str) -> tuple[PayerCode, Trade | None]:
    found = provider.book.codes.get(code)
    if found is None:
        raise LookupError("no phone shows this code")
    return found, provider.book.find(found.wallet, found.used_by or "")


def book_as_json(provider: Provider) -> dict[str, Any]:
    """The provider's book: what tests compare the box's journal with."""
    book, now = provider.book, provider.clock.now()
    book.settle()
    trades = {
        f"{wallet}/{number}": _trade(one, now) for (wallet, number), one in book.trades.items()
    }
    calls = [
        {
            "seq": one.sequence,
            "at": one.at,
            "wallet": one.wallet,
            "call": one.call,
            "out_trade_no": one.out_trade_no,
        }
        for one in book.arrivals
    ]
    for one in book.arrivals:
        trade = trades.get(f"{one.wallet}/{one.out_trade_no}")
        if trade is not None:
            trade["calls"].append(one.call)
    return {"now": now, "trades": list(trades.values()), "calls": calls}


def _trade(trade: Trade, now: float) -> dict[str, Any]:
    order = trade.order
    return {
        "wallet": order.wallet,
        "out_trade_no": order.out_trade_no,
        "trade_no": trade.trade_no,
        "amount_fen": order.amount_fen,
        "state": trade.state,
        "ended_by": trade.ended_by,
        "code_last4": order.code[-4:],
        "subject": order.subject,
        "device": order.device,
        "created_at": trade.created_at,
        "paid_at": trade.paid_at,
        "history": [{"at": at, "state": state} for at, state in trade.history],
        "refunded_fen": trade.refunded_fen(now),
        "given_back": trade.paid_at is not None and trade.state in ENDED_WITHOUT_MONEY,
        "refunds": [
            {
                "number": one.number,
                "refund_no": one.provider_no,
                "amount_fen": one.amount_fen,
                "status": one.status(now),
                "requested_at": one.requested_at,
                "done_at": one.done_at,
            }
            for one in trade.refunds
        ],
        "calls": [],
    }


def _json(value: Any, status: int = 200) -> Answer:
    body = json.dumps(value, ensure_ascii=False).encode()
    return Answer(body, "application/json; charset=utf-8", status)
