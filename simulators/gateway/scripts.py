"""Which rules apply to a call: bindings made by scenario file or admin API.

A binding says what it matches and what to do. By payer code, last digits, amount or "next" it is
matched once, at the first pay of a number, and stays with that number for all its calls. By
``out_trade_no``, or with nothing but perhaps a wallet, it is matched at each call.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from simulators.gateway.behaviours import TABLE, BadScript, Rule, read_rule
from simulators.gateway.model import Wallet

CRITERIA = ("wallet", "code", "digits", "amount_fen", "next", "out_trade_no")


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a call the bindings look at."""

    wallet: Wallet
    call: str
    out_trade_no: str
    code: str = field(default="", repr=False)
    amount_fen: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    """All criteria given must hold."""

    wallet: Wallet | None = None
    code: str = field(default="", repr=False)
    digits: str = field(default="", repr=False)
    amount_fen: int | None = None
    next: bool = False
    out_trade_no: str = ""

    @property
    def is_of_a_payment(self) -> bool:
        """True if it is decided at the pay and stays with the number."""
        return bool(self.code or self.digits or self.next or self.amount_fen is not None)

    def holds(self, asked: Asked) -> bool:
        """Whether all given criteria hold."""
        return (
            self.wallet in (None, asked.wallet)
            and self.code in ("", asked.code)
            and asked.code.endswith(self.digits)
            and self.amount_fen in (None, asked.amount_fen)
            and self.out_trade_no in ("", asked.out_trade_no)
        )


@dataclass(slots=True)
class Binding:
    """A match and its rules."""

    match: Match
    rules: list[Rule]


class Turn:
    """The rules of one call. ``take`` uses a rule up."""

    def __init__(self, asked: Asked, rules: Iterable[Rule] = ()) -> None:
        self._rules = [
            rule
            for rule in rules
            if asked.call in rule.on and asked.wallet in TABLE[rule.name].wallets
        ]

    def take(self, *names: str) -> Rule | None:
        """Take the first rule of these names that still applies; it counts as used once."""
        for rule in self._rules:
            if rule.name in names and rule.left != 0:
                if rule.left is not None:
                    rule.left -= 1
                return rule
        return None


class Scripts:
    """All bindings, and the rules each number has got."""

    def __init__(self) -> None:
        self._bindings: list[Binding] = []
        self._of_number: dict[tuple[Wallet, str], list[Rule]] = {}

    def clear(self) -> None:
        """Forget all bindings, also those already with a number."""
        self._bindings.clear()
        self._of_number.clear()

    def bind(self, binding: Binding) -> None:
        """Add; of two that match, the one bound last wins."""
        self._bindings.insert(0, binding)

    def turn(self, asked: Asked) -> Turn:
        """Return the rules for this call."""
        key = (asked.wallet, asked.out_trade_no)
        if asked.call == "pay" and key not in self._of_number:
            self._of_number[key] = self._first(asked)
        rules = list(self._of_number.get(key, ()))
        for binding in self._bindings:
            if not binding.match.is_of_a_payment and binding.match.holds(asked):
                rules.extend(binding.rules)
        return Turn(asked, rules)

    def _first(self, asked: Asked) -> list[Rule]:
        for binding in self._bindings:
            if binding.match.is_of_a_payment and binding.match.holds(asked):
                if binding.match.next:
                    self._bindings.remove(binding)
                return [rule.fresh() for rule in binding.rules]
        return []


def read_binding(value: object) -> Binding:
    """Read ``{"match": {...}, "do": name or rule or list of them}``."""
    if not isinstance(value, dict) or set(value) - {"match", "do"} or "do" not in value:
        raise BadScript('a binding is {"match": {...}, "do": [...]}')
    do = value["do"]
    rules = [read_rule(one) for one in (do if isinstance(do, list) else [do])]
    match = _read_match(value.get("match", {}))
    for rule in rules:
        if match.wallet is not None and match.wallet not in TABLE[rule.name].wallets:
            raise BadScript(f"behaviour {rule.name}: not one of {match.wallet}'s")
    return Binding(match, rules)


def _read_match(value: object) -> Match:
    if not isinstance(value, dict) or set(value) - set(CRITERIA):
        raise BadScript(f"match {value!r}: the criteria are {', '.join(CRITERIA)}")
    amount = value.get("amount_fen")
    try:
        return Match(
            wallet=Wallet(value["wallet"]) if "wallet" in value else None,
            code=str(value.get("code", "")),
            digits=str(value.get("digits", "")),
            amount_fen=None if amount is None else int(amount),
            next=bool(value.get("next", False)),
            out_trade_no=str(value.get("out_trade_no", "")),
        )
    except (TypeError, ValueError) as error:
        raise BadScript(f"match: {error}") from None
