# ruff: noqa: D102, ARG002  `Checker` says what each hook is told; a judge takes what it needs
"""What the HIS is told and the glass shows (M14, M22)."""

import json

from device.domain.screens import PaidScreen, Screen
from simulators.world.checkers.checker import Checker, Fields
from simulators.world.view import NAME, View


class StoredAnswers(Checker):
    """M14: what is told was stored before, and a revision never changes its meaning."""

    invariant = "M14"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._told: dict[tuple[str, str, int], Fields] = {}

    def on_new_card(self) -> None:
        self._told.clear()

    def on_said(self, connection: str, message: Fields) -> None:
        if message.get("type") not in {"result", "refund_result"}:
            return
        said = {k: v for k, v in message.items() if k != "re"}
        if not said["revision"]:  # M21: a failing disk alone lets an answer go unstored
            if (said["status"], said["reason"]) != ("unknown", "storage_failed"):
                self.blame(f"{said['id']} was told {said['status']} without a revision")
            return
        place = (said["id"], said.get("business_date", ""), said["revision"])
        if self._told.setdefault(place, said) != said:
            self.blame(f"{place} was told with two contents")
        sql = "SELECT content FROM answers WHERE his_id = ? AND business_date = ? AND revision = ?"
        stored = self.view.disk.rows(sql, *place)
        if not stored:
            self.blame(f"{place} was told and is not stored")
        elif json.loads(stored[0][0]) != said:
            self.blame(f"{place} was told otherwise than stored")


class OfferedUntilKnown(Checker):
    """his-link §3.6: what the HIS has not confirmed is offered, also after a boot."""

    invariant = "OFFERS"

    def on_rest(self) -> None:
        sql = (
            f"SELECT {NAME}, revision FROM answers WHERE newest = 1 AND offer = 1"  # noqa: S608  a constant
            " AND delivered = 0"
        )
        for name, revision in self.view.disk.rows(sql):
            if (name, revision) not in self.view.heard:
                self.blame(f"{name} was never offered its revision {revision}")


class NoEarlySuccess(Checker):
    """M22: success is not shown before paid is durable."""

    invariant = "M22"

    def on_show(self, screen: Screen) -> None:
        if isinstance(screen, PaidScreen):
            sql = "SELECT 1 FROM attempts WHERE state = 'paid' AND amount_fen = ?"
            if not self.view.disk.rows(sql, screen.amount_fen):
                self.blame(f"the display says paid {screen.amount_fen} before it is durable")
