# ruff: noqa: D102  `Checker` says what each hook is told; a judge takes what it needs
"""What the statistics centre holds beside the journal and the providers (M16, M17, M24, M25)."""

from collections import Counter

from simulators.gateway.clock import beijing
from simulators.world.checkers.checker import Checker
from simulators.world.wire import Sent

ENDED = "'paid','failed','reversed','refunded','manual'"


class OnceAtTheCenter(Checker):
    """M16: every event is at the centre, once, without a gap, and the newest of a uid counts."""

    invariant = "M16"

    def at_end(self) -> None:
        if self.view.center is None:
            return
        self._same_rows()
        self._same_states()
        for name in self.view.center.open_actions():
            self.blame(f"action {name} never came back as a row")

    def _same_rows(self) -> None:
        assert self.view.center
        rows = self.view.disk.rows
        for epoch, ended in rows("SELECT epoch, ended FROM epochs ORDER BY first_id"):
            sql = "SELECT hash FROM events WHERE epoch = ? AND seq <= ? ORDER BY id"
            here = [h for (h,) in rows(sql, epoch, 10**9 if ended is None else ended)]
            there = [row["hash"] for row in self.view.center.books.rows.get(epoch, [])]
            if here != (there if ended is None else there[:ended]):
                self.blame(f"epoch {epoch}: {len(here)} events here, {len(there)} at the centre")

    def _same_states(self) -> None:
        assert self.view.center
        newest = self.view.center.newest()
        for table, number in (("attempts", "out_trade_no"), ("refunds", "out_refund_no")):
            for uid, state in self.view.disk.rows(f"SELECT {number}, state FROM {table}"):  # noqa: S608  ours
                there = newest[uid]["state"] if uid in newest else "nothing"
                if there != state:
                    self.blame(f"{uid} is {state}, the centre has {there}")


class ChainAtTheCenter(Checker):
    """M17: the centre finds no broken chain, and each digest fits what came before it."""

    invariant = "M17"

    def at_end(self) -> None:
        for fault in self.view.center.faults if self.view.center else ():
            self.blame(f"at the centre: {fault}")


class DaysAtTheCenter(Checker):
    """M24: per Beijing day, the centre's newest rows add up to what the provider holds."""

    invariant = "M24"

    def at_end(self) -> None:
        if self.view.center is None:
            return
        apart = self.view.with_a_person().keys() | self.view.elsewhere | self.view.lost
        provider: Counter[str] = Counter()
        for number, trade in self.view.trades():
            held = self.view.held_fen(trade)
            if held and number not in apart:
                provider[f"{beijing(trade.paid_at or 0):%Y-%m-%d}"] += held
        center = self._center(apart)
        if center != provider:
            self.blame(f"the provider has {dict(provider)}, the centre {dict(center)}")

    def _center(self, apart: set[str]) -> Counter[str]:
        assert self.view.center
        newest = self.view.center.newest().values()
        paid = {r["uid"]: r for r in newest if (r["kind"], r["state"]) == ("payment", "paid")}
        held = Counter({uid: row["amount_fen"] for uid, row in paid.items()})
        for row in newest:
            if (row["kind"], row["state"]) == ("refund", "refunded") and row["ref"] in paid:
                held[row["ref"]] -= row["amount_fen"]
        days: Counter[str] = Counter()
        for uid, fen in held.items():
            if fen and uid not in apart:
                days[paid[uid]["money_at"][:10]] += fen
        return days


class OnlyApproved(Checker):
    """center §4: the box carries out what the centre asked for, and nothing in its name."""

    invariant = "ACTIONS"

    def at_end(self) -> None:
        actions = self.view.center.actions if self.view.center else {}
        for (name,) in self.view.disk.rows("SELECT DISTINCT do_id FROM events WHERE do_id <> ''"):
            if name not in actions:
                self.blame(f"the box carried out {name}, and the centre never asked for it")


class LostIsFetched(Checker):
    """M25: what a card lost that lied about syncing is known again, and was asked about."""

    invariant = "M25"

    def on_sent(self, sent: Sent) -> None:
        if sent.call == "query":
            self.view.unasked.discard(sent.out_trade_no)

    def at_end(self) -> None:
        if self.view.center is None:
            return
        for number in sorted(self.view.unasked):
            self.blame(f"{number} was lost by a lying card, and nobody asked about it")
        known = {n for (n,) in self.view.disk.rows("SELECT out_trade_no FROM attempts")}
        known |= {n for (n,) in self.view.disk.rows("SELECT out_refund_no FROM refunds")}
        for uid, row in self.view.center.newest().items():
            number = row["out_trade_no"]
            ours = row["kind"] in {"payment", "refund"} and number not in self.view.lost
            if ours and uid not in known:
                self.blame(f"{uid} is {row['state']} at the centre and unknown to the journal")
        self._went_on()

    def _went_on(self) -> None:
        """An epoch of which the centre has more is never gone on with."""
        assert self.view.center
        sql = "SELECT epoch, (SELECT count(*) FROM events e WHERE e.epoch = p.epoch) FROM epochs p"
        for epoch, count in self.view.disk.rows(f"{sql} WHERE ended IS NULL"):
            there = len(self.view.center.books.rows.get(epoch, []))
            if there > count:
                self.blame(f"epoch {epoch} goes on with {count} events, the centre has {there}")
        for (lost_from,) in self.view.disk.rows("SELECT lost_from FROM epochs WHERE lost_from > 0"):
            self.blame(f"events from {lost_from} on were never fetched")
