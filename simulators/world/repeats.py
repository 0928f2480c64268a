"""A HIS that asks a new card once more for what an old one gave back: nothing moves twice (M20)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from device.his_link.calls import Fields
from simulators.world.chance import Stream
from simulators.world.world import World

MOST = 6  # of the newest are asked again
SLOW_S = 60.0  # a box that cannot ask a wallet says so before
AGAIN = ("same", "same", "other amount", "other amount, no wallet")
MOVES = frozenset({"refunded", "pending"})


@dataclass(frozen=True, slots=True)
class _Asked:
    """A `refund` or `reverse` as it was sent."""

    type_: str
    fields: Fields


class Repeats:
    """Remembers what the HIS wanted back."""

    def __init__(self, world: World, link_up: Callable[[], Awaitable[bool]]) -> None:
        self._world = world
        self._link_up = link_up
        self._asked: dict[str, _Asked] = {}

    def note(self, type_: str, fields: Fields) -> None:
        """This is asked for now."""
        self._asked[fields["id"]] = _Asked(type_, fields)

    async def ask_all(self, stream: Stream) -> None:
        """Ask once more, by the same id, for the newest that were given back."""
        newest = self._world.his.newest
        done = [id_ for id_ in self._asked if newest.get(id_, {}).get("status") == "refunded"]
        for id_ in done[-MOST:]:
            if not await self._link_up():
                return
            asked, how = self._asked[id_], stream.choice(AGAIN)
            if how == "same" or asked.type_ == "reverse":
                await self._same(asked)
            else:
                await self._another(asked, alone=how != "other amount")

    async def _same(self, asked: _Asked) -> None:
        answer = await self._world.his.ask(asked.type_, asked.fields, timeout_s=SLOW_S) or {}
        told = answer.get("type") == "refund_result"
        if told and answer["status"] == "failed":
            self._world.view.blame("M20", f"{asked.fields['id']} was given back, and failed now")
        if asked.type_ == "reverse" and answer.get("code") == "not_allowed":
            self._world.sometimes("a reverse asked again on a new card")
        if asked.type_ == "refund" and told and answer["status"] == "refunded":
            self._world.sometimes("a refund asked again on a new card")

    async def _another(self, asked: _Asked, *, alone: bool) -> None:
        """The same id for another amount; `alone`: while no wallet answers."""
        world, fields = self._world, {**asked.fields, "amount_fen": asked.fields["amount_fen"] + 1}
        world.network.cut_off = alone
        answer = await world.his.ask(asked.type_, fields, timeout_s=SLOW_S) or {}
        world.network.cut_off = False
        if answer.get("type") == "refund_result" and answer["status"] in MOVES:
            world.view.blame("M15", f"{fields['id']} for another amount is {answer['status']}")
        if alone and answer.get("code") == "offline":
            world.sometimes("a refund of another amount while offline")
