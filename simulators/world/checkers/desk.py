# ruff: noqa: D102, ARG002  `Checker` says what each hook is told; a judge takes what it needs
"""What the HIS link promises beside the money (his-link §3.7, §3.8)."""

from simulators.gateway.model import State
from simulators.world.checkers.checker import UNDER_WAY, Checker, Fields
from simulators.world.view import NAME, Key, View

CONFIRM_WAIT_S = 60.0  # his-link §3.8


def key_of(message: Fields) -> Key:
    """The charge that a result is about, by the world's name of the bill."""
    return Key(f"{message.get('business_date', '')} {message['id']}".strip(), message["try"])


class Bookings(Checker):
    """BOOK: what is booked is paid and stays; what is refused goes back; an offer is answered."""

    invariant = "BOOK"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._offered_s: dict[Key, float] = {}
        """When the HIS first heard of an offer; the time counts anew after a boot."""
        self._held: set[Key] = set()
        self._excused: set[Key] = set()
        """What was said of these bookings may be lost."""

    def on_boot(self) -> None:
        now_s = self.view.now_s()
        self._held |= {key for key in self._offered_s if self._is_held(key)}  # before the cut
        self._offered_s = dict.fromkeys(self._offered_s, now_s)

    def on_new_card(self) -> None:
        """What the HIS said of its bookings was on the old card."""
        self._offered_s.clear()
        self._held.clear()
        self.view.booked.clear()
        self.view.refused.clear()

    def on_card_lied(self) -> None:
        """Events do not carry what the HIS said of its bookings: the centre cannot give it back."""
        self._excused |= self._offered_s.keys() | self.view.booked
        self._offered_s.clear()
        self._held.clear()

    def on_said(self, connection: str, message: Fields) -> None:
        if message.get("type") != "result" or not message["revision"]:
            return
        key, status = key_of(message), message["status"]
        if key in self._excused:
            return
        if message["booked"] and status == "paid":
            self.view.booked.add(key)
            self._must_be_held(key, message)
        elif message["booked"] and key not in self.view.booked:
            self.blame(f"{key} is booked and {status}")
        elif status == "paid" and key in self.view.booked and self._is_newest(message):
            self.blame(f"{key} was booked, and is not any more")
        if message["reason"] == "not_booked" and key not in self.view.denied:
            self.blame(f"{key} is given back, and nobody refused it")
        self._not_held_too_soon(key, message)

    def _not_held_too_soon(self, key: Key, message: Fields) -> None:
        if message["status"] != "paid":
            return
        since_s = self._offered_s.setdefault(key, self.view.now_s())
        if not message["attention"] or key in self._held or not self._is_held(key):
            return
        self._held.add(key)
        if self.view.now_s() < since_s + CONFIRM_WAIT_S:
            self.blame(f"{key} is held {self.view.now_s() - since_s:.0f} s after its offer")

    def _is_held(self, key: Key) -> bool:
        sql = f"SELECT booking FROM charges WHERE {NAME} = ? AND try = ?"  # noqa: S608  a constant
        return self.view.disk.rows(sql, *key) == [("held",)]

    def _must_be_held(self, key: Key, message: Fields) -> None:
        trade = self.view.trade(message["out_trade_no"])
        given_back = message["out_trade_no"] in self.view.elsewhere
        if not given_back and (trade is None or trade.state is not State.PAID):
            self.blame(f"{key} is booked, the provider has {trade.state if trade else 'no order'}")

    def _is_newest(self, message: Fields) -> bool:
        newest = self.view.answers().get(key_of(message))
        return newest is not None and newest["revision"] == message["revision"]

    def at_end(self) -> None:
        elsewhere, held = self.view.given_elsewhere(), self.view.held()
        for key in self.view.booked - elsewhere - self._excused:
            if key.his_id not in self.view.undone and not held[key]:
                self.blame(f"{key} was booked, and given back though nobody asked for it")
        answers = self.view.answers()
        for key in self.view.refused:
            manual = answers.get(key, {}).get("state") == "manual"
            if held[key] and not manual:
                self.blame(f"{key} was refused, and is held")
        sql = "SELECT his_id FROM charges WHERE state = 'paid' AND booking = 'offered'"
        for (his_id,) in self.view.disk.rows(sql):
            self.blame(f"{his_id} stays an offer: neither answered nor held")


class OnlyArmedIsReplaced(Checker):
    """SUPERSEDE: what has been paid for, or may be, is never replaced."""

    invariant = "SUPERSEDE"

    def on_said(self, connection: str, message: Fields) -> None:
        if message.get("type") != "result" or message.get("reason") != "superseded":
            return
        key = key_of(message)
        for row in self.view.attempts():
            if (row.his_id, row.try_) == key and row.state in UNDER_WAY | {"paid"}:
                self.blame(f"{key} was replaced while {row.out_trade_no} is {row.state}")


class DaysAreSummed(Checker):
    """SUMMARY: what the HIS is told of all days, less what went back, is what the providers hold.

    Not where the sums cannot be known: after a card was lost, where another desk gave back, where
    the wall clock jumped (a reverse has no time but the box's), or where a person must look.
    """

    invariant = "SUMMARY"

    def at_end(self) -> None:
        view = self.view
        manual = view.disk.rows("SELECT 1 FROM attempts WHERE state = 'manual'")
        if view.card_s >= 0 or view.wall_jumped_s >= 0 or view.elsewhere or manual:
            return
        told = sum(row["paid_fen"] - row["refund_fen"] for row in view.summed)
        held = sum(view.held_fen(trade) for _, trade in view.trades())
        others = (
            "SELECT coalesce(sum(amount_fen), 0) FROM refunds WHERE state = 'refunded'"
            " AND out_trade_no NOT IN (SELECT out_trade_no FROM attempts)"
        )
        ((given_back_for_others,),) = view.disk.rows(others)
        if told != held - given_back_for_others:
            self.blame(f"{told} fen in all summaries, {held} held, {given_back_for_others} others'")
