"""One history: payments of one seed, the faults around them, the end when all is well again."""

import asyncio
import logging
import re
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from simulators.world import keys
from simulators.world.cashier import Cashier
from simulators.world.chance import Chance, Fault, Stream
from simulators.world.finance import Finance
from simulators.world.loop import Deadlock, VirtualLoop, run
from simulators.world.time import START
from simulators.world.upheavals import Upheavals
from simulators.world.view import Violation
from simulators.world.world import Listening, World

PAYMENTS = 100  # of one seed: patients, not all of whom pay in the end
STORM = 10  # payments in a stretch of trouble, on the average: faults come in bursts
CALM = 90  # and in the calm between, at a busy desk
BEGIN = 10  # payments of trouble with which each history begins
CALM_SHARE = 0.3  # of the payments in a stretch of trouble meet none
STORM_PAUSE_S = 60.0
CALM_PAUSE_S = 8.0  # at the longest, until the next patient
NETWORK_SHARE = 0.12  # of the requests of the others
MISHAP_SHARE = 0.45
MISHAPS: Mapping[str, float] = {
    "power_cut": 5,
    "power_cut_step": 5,
    "power_cut_before_commit": 3,
    "power_cut_after_commit": 3,
    "commit_error_before": 1.5,
    "commit_error_after": 1.5,
    "disk_full": 1.0,
    "disk_dead": 1.0,
    "vpn_down": 2,
    "packets_vanish": 2,
    "wall_jump": 2,
    "clock_unset": 0.7,
    "panel_broken": 1,
}
UPHEAVALS: Mapping[str, float] = {"sigterm": 3, "card_replaced": 2, "other_board": 1}
UPHEAVAL_SHARE = 0.06  # of the payments in trouble

DAY_S = 86_400.0
OFFERED_WITHIN_S = 70.0  # every 30 s an answer that is not delivered is offered
OPENED_S = 9 * 3600.0  # of the first day when a history begins
EVENING_S = 100.0  # between two looks at what is open, a few minutes in
END_S = 26 * 3600.0  # the last watch query comes 24 h after an end
YEARS_S = 10 * 365 * DAY_S


@dataclass(frozen=True, slots=True)
class Told:
    """What one history came to."""

    seed: int
    payments: int
    cuts: int
    virtual_s: float
    faults: tuple[Fault, ...]
    reached: Counter[str]
    violations: tuple[Violation, ...]
    events: tuple[str, ...]
    only: frozenset[str] | None = None
    """The faults that were allowed, if not all."""

    @property
    def troubled(self) -> int:
        """How many patients met a fault, or were one."""
        return len({re.split(r"[./#]", fault.name, maxsplit=1)[0] for fault in self.faults})


def play(
    seed: int,
    payments: int = PAYMENTS,
    only: frozenset[str] | None = None,
    until: frozenset[str] = frozenset(),
    stir: frozenset[str] = frozenset(),
) -> Told:
    """Run one history: the same arguments always give the same one.

    It ends at once when one of the rules in `until` is broken; the kinds of trouble in `stir` come
    far more often than they do by themselves.
    """
    directory = keys.folder()
    try:
        return _play(directory, Chance(seed, only, stir=stir), payments, until)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _play(directory: Path, chance: Chance, payments: int, until: frozenset[str]) -> Told:
    loop = VirtualLoop()
    world = World(loop, chance, directory)
    world.view.until, world.view.enough = until, loop.stop
    listening = Listening(world.view)
    logger = logging.getLogger("device")
    logger.addHandler(listening)
    logger.propagate = False
    try:
        run(loop, lambda: _History(world, payments).main())
    except Deadlock as stuck:
        world.view.blame("box", f"deadlock: {stuck}")
    except RuntimeError:  # asyncio's word for a loop that was stopped
        if not any(one.invariant in until for one in world.view.violations):
            raise
    finally:
        logger.removeHandler(listening)
        logger.propagate = True
        world.disk.forget()
    return Told(
        chance.seed,
        world.payments,
        world.cuts,
        loop.time(),
        tuple(chance.faults),
        world.sometimes.counts,
        tuple(world.view.violations),
        tuple(world.events),
        chance.only,
    )


class _History:
    def __init__(self, world: World, payments: int) -> None:
        self._world = world
        self._payments = payments
        self._cashier = Cashier(world)
        self._upheavals = Upheavals(world, self._cashier)
        self._finance = Finance(world)
        self._upheaval: asyncio.Future[None] | None = None
        self._stormy = True

    async def main(self) -> None:
        world = self._world
        world.power_on()
        for number in range(1, self._payments + 1):
            await self._payment(number)
        await self._end()
        world.judge()
        world.drop()

    async def _payment(self, number: int) -> None:
        world = self._world
        stream = world.chance.stream(f"p{number}")
        pause_s = STORM_PAUSE_S if self._stormy else CALM_PAUSE_S
        calm = stream.happens(CALM_SHARE) or not self._stormy
        world.network.stream = world.chance.stream(f"p{number}/net")
        world.network.share = 0.0 if calm else NETWORK_SHARE
        world.log(f"payment {number}")
        mishap = asyncio.ensure_future(self._mishap(stream, 0.0 if calm else MISHAP_SHARE))
        await self._cashier.serve(number, self._trouble(calm=calm))
        mishap.cancel()
        await self._settle()
        self._mend()
        await self._finance.between(stormy=self._stormy)
        await asyncio.sleep(stream.spread(0.5, pause_s))
        turns = world.chance.stream("weather").happens(1 / (STORM if self._stormy else CALM))
        if turns and number >= BEGIN:
            self._stormy = not self._stormy

    def _trouble(self, *, calm: bool) -> float:
        """In what share of the payments patient and cashier do something unusual."""
        return (0.1 if calm else 0.6) if self._stormy else 0.0

    # ------------------------------------------------------------ what goes wrong

    async def _mishap(self, stream: Stream, share: float) -> None:
        """One thing that goes wrong with the machine or its line during a payment."""
        if await self._upheaved(share):
            return
        kind = stream.fault(share, MISHAPS)
        if not kind:
            return
        await asyncio.sleep(stream.spread(0.01, 60.0))
        self._world.log(f"mishap {kind}")
        if kind != "wall_jump":  # which is to disturb nothing (M18)
            self._world.disturb()
            self._world.troubled = True
        await getattr(self, f"_{kind}")(stream)

    async def _upheaved(self, share: float) -> bool:
        """Whether something befell the whole box; it goes on when the payment has ended."""
        stream = self._world.chance.stream("upheaval")
        kind = stream.fault(UPHEAVAL_SHARE if share else 0.0, UPHEAVALS)
        if not kind or self._upheaval:
            return bool(self._upheaval)
        await asyncio.sleep(stream.spread(0.01, 60.0))
        self._world.log(f"upheaval {kind}")
        self._world.disturb()
        self._world.troubled = True
        self._upheaval = asyncio.ensure_future(getattr(self._upheavals, kind)(stream))
        await asyncio.shield(self._upheaval)
        return True

    async def _settle(self) -> None:
        """An upheaval runs to its end before the next patient comes."""
        if self._upheaval:
            await asyncio.wait({self._upheaval})
            self._upheaval.result()
            self._upheaval = None

    def _mend(self) -> None:
        world = self._world
        world.troubled = world.network.cut_off = False
        world.disk.full = world.disk.dead = False
        world.disk.on_commit = lambda: ""
        world.glass.broken = False
        world.machine.set(vpn_up=True, synchronised=True, jump_s=0.0)
        world.loop.after_steps(0, lambda: None)
        world.disturb()
        if world.box is None:
            world.power_on()

    async def _cut(self, stream: Stream) -> None:
        """Pull the plug, wait, start again; sometimes once more while it recovers."""
        world = self._world
        world.cut_power()
        await self._boot_again(stream)

    async def _boot_again(self, stream: Stream) -> None:
        world = self._world
        await asyncio.sleep(stream.spread(2.0, 600.0))
        if stream.happens(0.15):
            world.sometimes("boot with no network")
            world.network.cut_off = True
        if stream.happens(0.1):
            world.sometimes("boot with a wrong clock")
            world.machine.set(synchronised=False)
        if world.box is None:
            world.power_on()
        await asyncio.sleep(stream.spread(0.05, 20.0))
        world.network.cut_off = False
        world.machine.set(synchronised=True)
        if stream.happens(0.25):
            world.cut_power()
            await asyncio.sleep(stream.spread(2.0, 60.0))
            if world.box is None:
                world.power_on()

    async def _power_cut(self, stream: Stream) -> None:
        self._world.sometimes("power cut between two steps")
        await self._cut(stream)

    async def _power_cut_step(self, stream: Stream) -> None:
        """After so many callbacks: in the middle of an instant."""
        world, gone = self._world, asyncio.Event()

        def cut() -> None:
            world.cut_power()
            gone.set()

        world.loop.after_steps(stream.whole(1, 400), cut)
        await gone.wait()
        world.sometimes("power cut between two steps")
        await self._boot_again(stream)

    async def _power_cut_before_commit(self, stream: Stream) -> None:
        await self._at_commit("cut_before", stream)
        self._world.sometimes("power cut before a commit")
        await self._boot_again(stream)

    async def _power_cut_after_commit(self, stream: Stream) -> None:
        await self._at_commit("cut_after", stream)
        self._world.sometimes("power cut after a commit")
        await self._boot_again(stream)

    async def _at_commit(self, fault: str, stream: Stream, times: int = 1) -> None:
        """Wait for one of the next commits and let it meet this."""
        world, left, met = self._world, stream.whole(0, 3), asyncio.Event()
        todo = times

        def on_commit() -> str:
            nonlocal left, todo
            left -= 1
            if left >= 0 or not todo:
                return ""
            todo -= 1
            met.set()
            return fault

        world.disk.on_commit = on_commit
        await met.wait()

    async def _commit_error_before(self, stream: Stream) -> None:
        await self._at_commit("error_before", stream, stream.whole(1, 5))
        self._world.sometimes("commit error, not durable")

    async def _commit_error_after(self, stream: Stream) -> None:
        await self._at_commit("error_after", stream, stream.whole(1, 3))
        self._world.sometimes("commit error though durable")

    async def _disk_full(self, stream: Stream) -> None:
        world = self._world
        world.sometimes("disk full")
        world.disk.full = True
        await asyncio.sleep(stream.spread(0.5, 120.0))
        world.disk.full = False

    async def _disk_dead(self, stream: Stream) -> None:
        world = self._world
        world.sometimes("disk dead for a while")
        world.disk.dead = True
        await asyncio.sleep(stream.spread(0.5, 120.0))
        world.disk.dead = False

    async def _vpn_down(self, stream: Stream) -> None:
        world = self._world
        busy = world.network.in_flight > 0
        world.sometimes("VPN lost after the bytes left" if busy else "VPN lost before connect")
        world.machine.set(vpn_up=False)
        world.network.cut_off = True
        await asyncio.sleep(stream.spread(0.5, 120.0))
        world.machine.set(vpn_up=True)
        world.network.cut_off = False

    async def _packets_vanish(self, stream: Stream) -> None:
        world = self._world
        world.sometimes("VPN lost after the bytes left")
        world.network.cut_off = True
        await asyncio.sleep(stream.spread(0.5, 120.0))
        world.network.cut_off = False

    async def _wall_jump(self, stream: Stream) -> None:
        world = self._world
        world.sometimes("wall clock jumped")
        jump_s = stream.choice((-YEARS_S, YEARS_S, -DAY_S, DAY_S, 3600.0, -3600.0))
        world.view.wall_jumped_s = world.loop.time()
        world.machine.set(jump_s=jump_s)
        await asyncio.sleep(stream.spread(0.5, 300.0))
        world.machine.set(jump_s=0.0)

    async def _clock_unset(self, stream: Stream) -> None:
        world = self._world
        world.machine.set(synchronised=False)
        await asyncio.sleep(stream.spread(0.5, 60.0))
        world.machine.set(synchronised=True)

    async def _panel_broken(self, stream: Stream) -> None:
        world = self._world
        world.sometimes("panel broken")
        world.glass.broken = True
        await asyncio.sleep(stream.spread(5.0, 120.0))
        world.glass.broken = False

    # ------------------------------------------------------------ the end

    async def _end(self) -> None:
        """All faults are lifted, and time goes on until everything open has ended."""
        world = self._world
        self._mend()
        world.chance.calm = True
        world.network.share = 0.0
        world.machine.set(jump_s=0.0)
        world.log("all is well again")
        await asyncio.sleep(1.0)
        if world.view.lost:  # within its first day: what was on its way has landed by now
            while world.network.in_flight:  # noqa: ASYNC110  the network tells nobody
                await asyncio.sleep(1.0)
            await self._upheavals.ask_all()
        await self._finance.end()
        await self._cashier.link_up()  # an offer is held only while the link is up
        ends, pause_s = world.loop.time() + END_S, 10.0
        while world.loop.time() < ends and (self._open() or world.network.in_flight):
            await asyncio.sleep(pause_s)
            pause_s = min(600.0, 2 * pause_s)
            if pause_s > EVENING_S:
                world.close_the_desk()
        if world.box and world.box.ready and world.box.desk.state.seat:
            world.view.blame("M6", "the desk is still taken")
        if await self._cashier.link_up():
            await asyncio.sleep(OFFERED_WITHIN_S)
            for checker in world.checkers:
                checker.on_rest()
        await self._ask_all()

    def _open(self) -> bool:
        box = self._world.box
        rows = self._world.disk.rows
        return bool(
            not self._finance.even()
            or (box and box.ready and box.desk.state.seat)
            or rows(
                "SELECT 1 FROM attempts WHERE state IN ('intended','waiting','unknown','reversing',"
                "'refund_due','refunding') OR (watch = 1 AND watched < 4 AND state IN"
                " ('failed','reversed')) UNION ALL SELECT 1 FROM charges WHERE state = 'open'"
                " UNION ALL SELECT 1 FROM charges WHERE state = 'paid' AND booking = 'offered'"
                " UNION ALL SELECT 1 FROM refunds WHERE state IN ('requested','sent','pending')"
                " LIMIT 1"
            )
        )

    async def _ask_all(self) -> None:
        """The HIS asks about everything: what it hears is the newest."""
        world = self._world
        if not await self._cashier.link_up():
            world.view.blame("box", "no link at the end")
            return
        for name in sorted({key.his_id for key in world.view.wanted}):
            if await world.his.ask("query", self._cashier.about(name)) is None:
                world.view.blame("M6", f"{name}: no answer at the end")
        for day in range(int((world.loop.time() + OPENED_S) // DAY_S) + 1):
            date = f"{START + timedelta(day):%Y-%m-%d}"
            told = await world.his.ask("summary", {"date": date}) or {}
            world.view.summed += told.get("rows", [])
