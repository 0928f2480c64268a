"""What befalls the centre between two payments, and what finance asks of the box through it."""

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from simulators.world.center import Books, Center, CenterLines
from simulators.world.chance import Stream
from simulators.world.world import World

TROUBLES: Mapping[str, float] = {
    "center_away": 4,
    "center_rolled_back": 2,
    "center_conflict": 1,
    "card_lied": 3,
}
TROUBLE_SHARE = 0.12  # of the moments between two payments in trouble
ACTION_SHARE = 0.2
COPY_SHARE = 0.1  # the centre's database is copied, to be restored some day
LINE_SHARE = 0.15  # of the exchanges in trouble
CATCHES_UP_S = 600.0  # longer than any back-off
LOOK_S = 5.0
MONTH_S = 30 * 86_400.0
ACTIONS: Mapping[str, float] = {"query": 2, "reverse": 1, "refund": 2}


@dataclass(frozen=True, slots=True)
class _Kept:
    """The card as it was, and how much of it the centre had then."""

    image: Path
    card: tuple[float, str, str]
    attempts: frozenset[str]


class Finance:
    """Nothing of it happens where the hospital has no centre."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._numbers = itertools.count(1)
        self._books: Books | None = None
        self._kept: _Kept | None = None

    async def between(self, *, stormy: bool) -> None:
        """What happens before the next patient comes."""
        world = self._world
        lines = world.center_lines
        if lines is None:
            return
        stream = world.chance.stream("finance")
        lines.share = LINE_SHARE if stormy and not world.chance.calm else 0.0
        if self._books is None or stream.happens(COPY_SHARE):
            self._books = lines.center.photograph()
        if self._kept:
            await self._lie(stream)
        if stormy and stream.happens(ACTION_SHARE):
            self._act(stream, lines.center)
        kind = stream.fault(TROUBLE_SHARE if stormy else 0.0, TROUBLES)
        if kind:
            world.log(f"finance {kind}")
            await getattr(self, f"_{kind}")(stream, lines)

    async def end(self) -> None:
        """All is well again: in some hospitals only after a month without the centre."""
        world, lines = self._world, self._world.center_lines
        if lines is None:
            return
        if world.month_away:
            world.sometimes("centre away for 30 days")
            world.close_the_desk()
            await asyncio.sleep(MONTH_S)
            world.quiet = False
        lines.away, lines.share = False, 0.0
        await self._until_even()

    # ------------------------------------------------------------ troubles of the centre

    async def _center_away(self, stream: Stream, lines: CenterLines) -> None:
        """Away over the next payments; it comes back while the box still backs off."""
        if not lines.away:
            lines.away = True
            back_s = stream.spread(30.0, 7_200.0)
            world = self._world
            world.loop.call_later(back_s, self._back, context=world.world.copy())

    def _back(self) -> None:
        lines = self._world.center_lines
        if lines and not self._world.month_away:
            lines.away = False

    async def _center_rolled_back(self, _: Stream, lines: CenterLines) -> None:
        """Restored from the copy that was made some payments ago."""
        before, self._books = self._books, None
        if before and not self._world.view.unasked:
            lines.center.roll_back(before)

    async def _center_conflict(self, _: Stream, lines: CenterLines) -> None:
        """Not while rows are missing there after a restore: that would be two disasters at once."""
        newest = "SELECT epoch, acknowledged FROM epochs ORDER BY first_id DESC LIMIT 1"
        found = self._world.disk.rows(newest)
        whole = found and len(lines.center.books.rows.get(found[0][0], ())) >= found[0][1]
        if whole and not self._world.view.unasked:
            lines.center.hold_a_twins_row(found[0][0])
            self._books = None

    # ------------------------------------------------------------ a card that lied about syncing

    async def _card_lied(self, _: Stream, _lines: CenterLines) -> None:
        """From here on the card only pretends to write; that shows at the next power cut."""
        world = self._world
        if world.box is None or not world.box.ready or not world.disk.all_synced or self._kept:
            return
        attempts = frozenset(row.out_trade_no for row in world.view.attempts())
        self._kept = _Kept(world.disk.photograph(), self._card(), attempts)

    def _card(self) -> tuple[float, str, str]:
        """Which card, on which board, in which epoch: of one that is lost whole nobody knows."""
        world = self._world
        assert world.board.board_serial_file
        found = world.disk.rows("SELECT epoch FROM epochs ORDER BY first_id DESC LIMIT 1")
        epoch = found[0][0] if found else ""
        return world.view.card_s, world.board.board_serial_file.read_text(), epoch

    async def _lie(self, stream: Stream) -> None:
        """The power goes, and what is on the card is what was there a payment or two ago."""
        world, kept = self._world, self._kept
        self._kept = None
        assert kept
        if not await self._at_rest() or kept.card != self._card():
            return
        lost = {r.out_trade_no for r in world.view.attempts()} - kept.attempts
        world.cut_power()
        world.disk.put_back(kept.image)
        world.view.unasked |= lost
        world.view.forgotten |= lost
        self._books = None
        for checker in world.checkers:
            checker.on_card_lied()
        world.log(f"the card lied about syncing: {len(lost)} orders are gone")
        await asyncio.sleep(stream.spread(2.0, 60.0))
        world.power_on()
        await self._until_even()

    async def _at_rest(self) -> bool:
        """Wait until nothing is under way and the centre has everything; False if that fails."""
        world = self._world
        for _ in range(int(CATCHES_UP_S / LOOK_S)):
            box = world.box
            rest = box and box.ready and not world.view.open_attempts() and not self.open_refunds()
            if rest and not world.network.in_flight and self.even():
                return True
            await asyncio.sleep(LOOK_S)
        return False

    def open_refunds(self) -> bool:
        """Whether a refund is under way."""
        sql = "SELECT 1 FROM refunds WHERE state IN ('requested','sent','pending') LIMIT 1"
        return bool(self._world.disk.rows(sql))

    async def _until_even(self) -> None:
        for _ in range(int(CATCHES_UP_S / LOOK_S)):
            if self.even():
                return
            await asyncio.sleep(LOOK_S)

    def even(self) -> bool:
        """Whether the centre has all that the journal has, and the journal all that it lost."""
        lines = self._world.center_lines
        if lines is None:
            return True
        rows, books = self._world.disk.rows, lines.center.books.rows
        sql = (
            "SELECT epoch, coalesce(ended, (SELECT count(*) FROM events e"
            " WHERE e.epoch = p.epoch)),"
            " acknowledged, lost_from, ended FROM epochs p"
        )
        found = rows(sql)
        return (
            bool(found)
            and all(
                acknowledged == end
                and not lost_from
                and (len(books.get(epoch, ())) == end or ended is not None)
                for epoch, end, acknowledged, lost_from, ended in found
            )
            and not lines.center.open_actions()
        )

    # ------------------------------------------------------------ approved actions

    def _act(self, stream: Stream, center: Center) -> None:
        attempts = self._world.view.attempts()
        if not attempts:
            return
        attempt = stream.choice(sorted(attempts))
        name = f"C-{next(self._numbers)}"
        kind = stream.weighted(ACTIONS)
        fen = stream.whole(1, attempt.amount_fen)
        if kind != "query":
            self._world.view.undone.add(attempt.his_id)
        center.actions[name] = {
            "id": name,
            "kind": kind,
            "out_trade_no": attempt.out_trade_no,
            "amount_fen": fen,
            "by": "0201",
            "approved_by": "0202",
        }
        self._world.log(f"finance asks {name} {kind} {attempt.out_trade_no[:10]} {fen}")
