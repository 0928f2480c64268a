"""What the checkers may look at: the books of all sides, and what crossed between them."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from simulators.gateway.book import Book
from simulators.gateway.model import State, Trade, Wallet
from simulators.world.center import Center
from simulators.world.disk import Disk
from simulators.world.names import DESK_CODE
from simulators.world.patient import Scans
from simulators.world.wire import Sent


class Key(NamedTuple):
    """A charge: HIS id and try."""

    his_id: str
    try_: int


class Attempt(NamedTuple):
    """A row of the journal, read by SQL of our own."""

    out_trade_no: str
    his_id: str
    try_: int
    amount_fen: int
    state: str
    wallet: str


NAME = "trim(business_date || ' ' || his_id)"
"""What the world calls a bill: its id, with the date where ids restart daily."""
ATTEMPT = f"SELECT out_trade_no, {NAME}, try, amount_fen, state, wallet FROM attempts"  # noqa: S608  a constant
OPEN = "state IN ('intended','waiting','unknown','reversing','refund_due','refunding')"
"""Word for word as the journal's partial index has it: SQLite uses it only then."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that did not hold."""

    invariant: str
    text: str
    at_s: float


@dataclass(slots=True)
class View:
    """The world as its judges see it."""

    disk: Disk
    book: Book
    scans: Scans
    now_s: Callable[[], float]
    wanted: dict[Key, set[int]] = field(default_factory=dict)
    """What the HIS asked for, in fen; more than one where it contradicted itself."""
    keys: dict[str, Key] = field(default_factory=dict)
    """Order number -> charge, learned from the journal when the pay arrived."""
    numbers: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """HIS id -> its order numbers, as `keys`."""
    pay_left_s: dict[str, float] = field(default_factory=dict)
    last_sent: dict[str, str] = field(default_factory=dict)
    """Order number -> the box's newest call about it."""
    calls: dict[str, list[str]] = field(default_factory=dict)
    """Order number -> every call whose bytes left the box."""
    luck: dict[str, str] = field(default_factory=dict)
    """Order number -> what its code was to meet at the provider."""
    met_nothing: set[str] = field(default_factory=set)
    """Numbers whose reverse reached a provider that had no such order (M9)."""
    from_memory: set[str] = field(default_factory=set)
    """Numbers that are reversed while the disk fails."""
    unasked: set[str] = field(default_factory=set)
    """Orders that a lying card lost and that no wallet was asked about since (M25)."""
    center: Center | None = None
    """The statistics centre, where this hospital has one."""
    of_this_life: set[str] = field(default_factory=set)
    disturbed: set[str] = field(default_factory=set)
    """Numbers that met a fault: no time limit holds for them."""
    disturbed_s: float = -1.0
    """When something last disturbed the whole desk."""
    wall_jumped_s: float = -1.0
    """When the wall clock last jumped."""
    lost: set[str] = field(default_factory=set)
    """Numbers of cards that were replaced: forgotten until the HIS asks about them."""
    forgotten: set[str] = field(default_factory=set)
    """Numbers that a card which lied about syncing ever lost: the centre gives them back."""
    card_s: float = -1.0
    """When the card was last replaced."""
    asked_s: dict[str, float] = field(default_factory=dict)
    """Order number -> when a box with this card last asked a wallet about it, as epoch seconds."""
    listed: dict[Key, dict[str, Any]] = field(default_factory=dict)
    """What the HIS heard last of every try: its own list, as finance has it."""
    wished: set["Key"] = field(default_factory=set)
    """Charges of which the HIS heard that its cancel wish is stored."""
    going: set[str] = field(default_factory=set)
    """Orders of which the HIS heard that they are being given back or closed."""
    busy_with: str = ""
    """The bill that the HIS is collecting: its `pay` was taken on and is not answered yet."""
    heard: set[tuple[str, int]] = field(default_factory=set)
    """(bill, revision) that reached the HIS."""
    elsewhere: set[str] = field(default_factory=set)
    """Numbers of which another desk gave money back: the box learns it before its next refund."""
    booked: set[Key] = field(default_factory=set)
    """Charges of which the HIS heard `paid` with `booked: true`."""
    denied: set[Key] = field(default_factory=set)
    """Charges of which the HIS ever said `booked: false`."""
    refused: set[Key] = field(default_factory=set)
    """Charges that the HIS will not book, and was told so."""
    undone: set[str] = field(default_factory=set)
    """Bills of which the HIS itself asked for money back."""
    summed: list[dict[str, Any]] = field(default_factory=list)
    """The rows of every day's `summary`, asked for at the end."""
    logged: list[str] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    until: frozenset[str] = frozenset()
    """Rules of which one violation is enough."""
    enough: Callable[[], None] = lambda: None

    def blame(self, invariant: str, text: str) -> None:
        """Note a violation."""
        self.violations.append(Violation(invariant, text, self.now_s()))
        if invariant in self.until:
            self.enough()

    def learn(self, row: Attempt) -> None:
        """Note which charge an order number belongs to."""
        self.keys[row.out_trade_no] = Key(row.his_id, row.try_)
        self.numbers[row.his_id].add(row.out_trade_no)

    def attempt(self, out_trade_no: str) -> Attempt | None:
        """The committed row of an order number."""
        found = self.disk.rows(f"{ATTEMPT} WHERE out_trade_no = ?", out_trade_no)
        return Attempt(*found[0]) if found else None

    def attempts(self) -> list[Attempt]:
        """Every committed attempt."""
        return [Attempt(*row) for row in self.disk.rows(ATTEMPT)]

    def open_attempts(self) -> list[Attempt]:
        """Every committed attempt that is not at an end."""
        return [Attempt(*row) for row in self.disk.rows(f"{ATTEMPT} WHERE {OPEN}")]

    def trade(self, out_trade_no: str) -> Trade | None:
        """The provider's order of this number."""
        for wallet in Wallet:
            if trade := self.book.find(wallet, out_trade_no):
                return trade
        return None

    def held_fen(self, trade: Trade) -> int:
        """What the merchant holds of an order."""
        if trade.state is not State.PAID:
            return 0
        return trade.order.amount_fen - trade.refunded_fen(self.book.clock.now())

    def held(self) -> Counter[Key | None]:
        """What the merchant holds of each try; under None what belongs to none."""
        held: Counter[Key | None] = Counter()
        for number, trade in self.trades():
            held[self.keys.get(number)] += self.held_fen(trade)
        return held

    def trades(self) -> list[tuple[str, Trade]]:
        """Every order of this desk that a provider has, by number."""
        every = ((number, trade) for (_, number), trade in self.book.trades.items())
        return [(number, trade) for number, trade in every if number.startswith(DESK_CODE)]

    def refunded(self) -> set[str]:
        """Orders of which a part was given back by a refund."""
        now = self.book.clock.now()
        return {number for number, trade in self.trades() if trade.refunded_fen(now)}

    def with_a_person(self) -> dict[str, Key]:
        """Orders that are `manual`, and may be: what this card alone did, the box ends itself."""
        others = self.lost | self.forgotten | self.elsewhere
        manual = [row for row in self.attempts() if row.state == "manual"]
        return {r.out_trade_no: Key(r.his_id, r.try_) for r in manual if r.out_trade_no in others}

    def given_elsewhere(self) -> set[Key]:
        """Charges of which another desk gave money back."""
        return {self.keys[n] for n in self.elsewhere if n in self.keys}

    def answers(self) -> dict[Key, dict[str, Any]]:
        """The journal's newest answer of every try."""
        newest: dict[Key, dict[str, Any]] = {}
        rows = self.disk.rows(
            f"SELECT {NAME}, try, content FROM answers WHERE type = 'result'"  # noqa: S608  a constant
            " ORDER BY revision"
        )
        for his_id, try_, content in rows:
            newest[Key(his_id, try_)] = json.loads(content)
        return newest


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request at the provider, and the journal's row at that instant."""

    sent: Sent
    row: Attempt | None
