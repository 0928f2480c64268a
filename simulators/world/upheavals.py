"""What befalls a whole box: it is told to stop, its card is lost, or put on another board."""

import asyncio

from simulators.world.board import exchange, provision
from simulators.world.cashier import Cashier
from simulators.world.chance import Stream
from simulators.world.world import World

REFUSES_S = 5.0  # a box on another board has said so long before
STARTS_S = 20.0
ASKS = 30  # of each id, until a wallet can be asked
ASKED_SHARE = 0.02
"""Of the questions meet a fault while a new card is asked: ten stand behind each id, and if one of
them has no answer the id is asked for again; at a payment's share that would take half a day."""
ASK_PAUSE_S = 10.0


class Upheavals:
    """Each runs to its end whatever the payment does that it befell."""

    def __init__(self, world: World, cashier: Cashier) -> None:
        self._world = world
        self._cashier = cashier
        self._boards = 0

    async def sigterm(self, stream: Stream) -> None:
        """Systemd stops the box in order (an update, a reboot), and starts it again."""
        world, box = self._world, self._world.box
        if box is None or not box.ready:
            return
        world.sometimes("SIGTERM")
        world.log("SIGTERM")
        for checker in world.checkers:
            checker.on_closing()
        await world.loop.create_task(box.stop(), context=box.life.context.copy())
        for checker in world.checkers:
            checker.on_closed()
        world.cut_power()
        await asyncio.sleep(stream.spread(1.0, 60.0))
        world.power_on()

    async def card_replaced(self, stream: Stream) -> None:
        """The card is destroyed; an empty one with the same key files, and the HIS asks again."""
        world = self._world
        if world.box is None:
            return
        if any(row.state == "paid" for row in world.view.attempts()):
            world.sometimes("card replaced after paid")
        world.replace_card()
        await asyncio.sleep(stream.spread(10.0, 3600.0))
        world.power_on()
        await self.ask_all(stream.choice(("query", "cancel")))
        await self._cashier.repeats.ask_all(stream)

    async def ask_all(self, how: str = "query") -> None:
        """The HIS asks about everything it ever collected, until it is told."""
        world = self._world
        world.network.share = min(world.network.share, ASKED_SHARE)
        for name in sorted({key.his_id for key in world.view.wanted}):
            for _ in range(ASKS):
                if not await self._cashier.link_up():
                    return
                answer = await world.his.ask(how, self._cashier.about(name))
                if answer is not None and answer.get("code") not in {"offline", "busy"}:
                    break
                await asyncio.sleep(ASK_PAUSE_S)

    async def other_board(self, stream: Stream) -> None:
        """The card is put into another box: it starts only after a technician says so."""
        world = self._world
        if world.box is None or world.disk.failing:
            return
        world.sometimes("cloned card on another board")
        world.cut_power()
        self._boards += 1
        exchange(world.board, self._boards)
        world.foreign_board = True
        await asyncio.sleep(stream.spread(10.0, 600.0))
        world.power_on()
        refused = world.box
        await asyncio.sleep(REFUSES_S)
        assert refused
        if refused.ready:
            world.view.blame("M20", "a box serves on a board that its card is not bound to")
        world.cut_power()
        await provision(world.board, world.disk, refused.clock)
        world.foreign_board = False
        world.power_on()
