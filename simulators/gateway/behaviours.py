"""What a gateway can be told to do wrong, as one table.

A *rule* is a behaviour with its parameters, bound to one of the five calls and good for a number
of times. The table says for each behaviour on which calls it makes sense, whose language it is
part of, and its parameters with their defaults. `paybox gateway --list` prints it.
"""

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from simulators.gateway.model import Wallet

CALLS = ("pay", "query", "reverse", "refund", "refund_query")
EVERY = (*CALLS, "bill", "comments")  # what is lost on the way may be a bill too
PAY = ("pay",)
BOTH = (Wallet.WECHAT, Wallet.ALIPAY)
WECHAT = (Wallet.WECHAT,)
ALIPAY = (Wallet.ALIPAY,)
ALWAYS = 0  # value of `times`: never used up

Parameters = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One line of the table."""

    says: str
    calls: tuple[str, ...] = CALLS
    wallets: tuple[Wallet, ...] = BOTH
    parameters: Parameters = field(default_factory=dict)
    times: int = 1


_HOW = {"how": "close"}  # close | reset | silence

TABLE: MappingProxyType[str, Behaviour] = MappingProxyType(
    {
        # What the payer does
        "paid": Behaviour("paid at once, whatever the amount", PAY),
        "password": Behaviour(
            "the payer is asked and pays after so many seconds", PAY, BOTH, {"after_s": 5.0}
        ),
        "password_never": Behaviour("the payer is asked and does nothing (phone API works)", PAY),
        "password_cancelled": Behaviour(
            "the payer is asked and refuses; WeChat then shows PAYERROR or NOTPAY",
            PAY,
            BOTH,
            {"after_s": 5.0, "shows": "PAYERROR"},
        ),
        "decline": Behaviour(
            "refused with this code, e.g. NOTENOUGH or ACQ.BUYER_BALANCE_NOT_ENOUGH",
            PAY,
            BOTH,
            {"code": ""},
        ),
        # What the provider says instead of, or after, doing it
        "error": Behaviour(
            "answers this error code; `processed` says whether it was done all the same",
            CALLS,
            BOTH,
            {"code": "", "text": "", "processed": False},
        ),
        "system_error": Behaviour(
            "SYSTEMERROR / ACQ.SYSTEM_ERROR, though done", CALLS, BOTH, {"processed": True}
        ),
        "system_error_not_created": Behaviour(
            "SYSTEMERROR / ACQ.SYSTEM_ERROR, and nothing done", CALLS, BOTH, {"processed": False}
        ),
        "bank_error": Behaviour("BANKERROR", PAY, WECHAT, {"processed": False}),
        "unavailable": Behaviour(
            "return_code SYSTEMERROR / 20000 isp.unknow-error", CALLS, BOTH, {"processed": True}
        ),
        # Doubt that only time ends
        "query_lag": Behaviour(
            "for so long after the pay the query says there is no such order, or this code",
            ("query",),
            BOTH,
            {"for_s": 5.0, "code": ""},
            ALWAYS,
        ),
        "late_pay": Behaviour(
            "the pay lands later: after_s, or so long after an empty reverse; how: as in "
            "drop_before, or error: the answer is a system error (or the error bound beside it)",
            PAY,
            BOTH,
            {"after_s": None, "after_reverse_s": None, **_HOW},
        ),
        # Reverse and cancel
        "reverse_paying": Behaviour("reverse refused with USERPAYING", ("reverse",), WECHAT),
        "recall": Behaviour("reverse answers recall=Y and has no effect", ("reverse",), WECHAT),
        "retry_flag": Behaviour(
            "cancel answers retry_flag=Y and has no effect", ("reverse",), ALIPAY
        ),
        "no_action": Behaviour(
            "cancel answers 10000 without action, no effect", ("reverse",), ALIPAY
        ),
        "reverse_no_effect": Behaviour("reverse says done and does nothing", ("reverse",)),
        "reverse_expired": Behaviour(
            "REVERSE_EXPIRE / ACQ.TRADE_CANCEL_TIME_OUT", ("reverse",), times=ALWAYS
        ),
        # Refunds
        "refund_processing": Behaviour(
            "accepted, done only after so many seconds", ("refund",), BOTH, {"for_s": 10.0}
        ),
        "refund_not_enough": Behaviour(
            "NOTENOUGH / ACQ.SELLER_BALANCE_NOT_ENOUGH, later good", ("refund",)
        ),
        "refund_change": Behaviour(
            "the bank sends it back: CHANGE or REFUNDCLOSE",
            ("refund",),
            WECHAT,
            {"for_s": 0.0, "status": "CHANGE"},
        ),
        # Content: changed before signing, so the signature is right
        "other_amount": Behaviour("another amount in the answer", CALLS, BOTH, {"fen": 1}),
        "other_number": Behaviour("another out_trade_no in the answer"),
        "other_state": Behaviour(
            "the query says this state, e.g. ACCEPT or TRADE_FINISHED, whatever is true",
            ("query",),
            BOTH,
            {"state": ""},
        ),
        "other_merchant": Behaviour("a foreign mch_id in the answer", CALLS, WECHAT),
        "other_currency": Behaviour("fee_type USD in the answer", CALLS, WECHAT),
        # Form: how the text is written and signed
        "bad_signature": Behaviour("a signature that does not verify"),
        "no_signature": Behaviour("no signature"),
        "duplicate_tag": Behaviour("total_fee twice, the second wrong", CALLS, WECHAT),
        "doctype": Behaviour("an entity bomb before the answer", CALLS, WECHAT),
        "duplicate_node": Behaviour("the response node twice, the second wrong", CALLS, ALIPAY),
        "sign_first": Behaviour("sign before the response node", CALLS, ALIPAY),
        "escaped_slashes": Behaviour(r"/ written as \/", CALLS, ALIPAY),
        "whitespace": Behaviour("blanks and newlines in the JSON", CALLS, ALIPAY),
        "sha1_signature": Behaviour("signed with SHA-1 instead of SHA-256", CALLS, ALIPAY),
        "charset_error": Behaviour(
            "refused: charset is not in the query", CALLS, ALIPAY, {"processed": False}
        ),
        # Delivery: what becomes of the bytes
        "drop_before": Behaviour("not processed, no answer", EVERY, BOTH, _HOW),
        "drop_after": Behaviour("processed, no answer", EVERY, BOTH, _HOW),
        "reset": Behaviour("processed, reset after so many bytes", EVERY, BOTH, {"bytes": 40}),
        "truncated": Behaviour("processed, half of the body, then closed", EVERY),
        "late": Behaviour("processed, answered so much later", EVERY, BOTH, {"delay_s": 20.0}),
        "http_502": Behaviour("HTTP 502 with HTML", EVERY, BOTH, {"processed": True}),
        "html": Behaviour("HTTP 200 with HTML", EVERY, BOTH, {"processed": True}),
        "garbage": Behaviour("bytes that are no HTTP body of ours", EVERY, BOTH),
        "empty": Behaviour("HTTP 200 with an empty body", EVERY, BOTH),
        "redirect": Behaviour("HTTP 302 to another path", EVERY, BOTH, {"processed": True}),
        "huge": Behaviour("processed, so many bytes of body", EVERY, BOTH, {"bytes": 5_000_000}),
        "drip": Behaviour(
            "processed, the answer comes byte by byte, one each so many seconds",
            CALLS,
            BOTH,
            {"interval_s": 1.0},
        ),
    }
)


@dataclass(slots=True)
class Rule:
    """A behaviour bound to calls; ``left`` is how often it still applies (None = always)."""

    name: str
    on: tuple[str, ...]
    parameters: Parameters
    left: int | None

    def get(self, name: str) -> Any:
        """One parameter."""
        return self.parameters[name]

    def fresh(self) -> "Rule":
        """Return a copy with its own count."""
        return Rule(self.name, self.on, self.parameters, self.left)


_CHOICES = {
    "how": ("close", "reset", "silence"),
    "shows": ("PAYERROR", "NOTPAY"),
    "status": ("CHANGE", "REFUNDCLOSE"),
}
_LATE_HOW = (*_CHOICES["how"], "error")


class BadScript(ValueError):
    """A scenario or an admin call that is wrong; the text says what is allowed."""


def read_rule(value: object) -> Rule:
    """Read ``"name"`` or ``{"name": ..., "on": ..., "times": ..., parameters...}``."""
    given = {"name": value} if isinstance(value, str) else value
    if not isinstance(given, dict) or given.get("name") not in TABLE:
        raise BadScript(f"behaviour {given!r}: the names are {', '.join(sorted(TABLE))}")
    name = str(given["name"])
    behaviour = TABLE[name]
    extra = {key: one for key, one in given.items() if key not in ("name", "on", "times")}
    if unknown := set(extra) - set(behaviour.parameters):
        allowed = ", ".join(["on", "times", *behaviour.parameters])
        raise BadScript(f"behaviour {name}: no parameter {sorted(unknown)}; allowed: {allowed}")
    for key, one in extra.items():
        _check_parameter(name, key, one)
    return Rule(
        name,
        _read_calls(name, given.get("on", behaviour.calls[0])),
        {**behaviour.parameters, **extra},
        _read_times(name, given.get("times", behaviour.times)),
    )


def _check_parameter(name: str, key: str, value: object) -> None:
    choices = _LATE_HOW if (name, key) == ("late_pay", "how") else _CHOICES.get(key, ())
    default = TABLE[name].parameters[key]
    if choices:
        good, allowed = value in choices, ", ".join(choices)
    elif isinstance(default, bool | str):
        good, allowed = isinstance(value, type(default)), type(default).__name__
    else:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        good, allowed = is_number and float(str(value)) >= 0, "a number, not negative"
    if not good:
        raise BadScript(f"behaviour {name}: {key} = {value!r}; allowed: {allowed}")


def _read_calls(name: str, on: object) -> tuple[str, ...]:
    allowed = TABLE[name].calls
    calls = allowed if on == "any" else tuple([on] if isinstance(on, str) else _list(on))
    if not calls or set(calls) - set(allowed):
        raise BadScript(f"behaviour {name}: on = {on!r}; allowed: any, {', '.join(allowed)}")
    return calls


def _read_times(name: str, times: object) -> int | None:
    if times in ("always", ALWAYS):
        return None
    if not isinstance(times, int) or times < 0:
        raise BadScript(f"behaviour {name}: times = {times!r}; allowed: 1, 2, ... or always")
    return times


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
