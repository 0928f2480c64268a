"""What happens to a box in a life: HIS, patients and providers, step by step on one tape.

Every amount of a life is different, so that an amount names its payment.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from device.domain.replies import Answer, ErrorReply, RefundResult, Result
from device.domain.requests import Cancel, Pay, Received, RefundRequest, Reverse
from device.domain.words import Business, Department
from simulators.crash.small_box import SmallBox
from simulators.gateway.scripts import read_binding

HANDS_S = 0.5  # between what is seen and what is done
PATIENCE_S = 120.0  # the HIS waits so long for an answer, then goes on with something else
ENDED = {
    Result: frozenset({"paid", "not_paid", "returned"}),
    RefundResult: frozenset({"refunded", "failed"}),
}


def final(answer: Answer) -> bool:
    """Whether the HIS may act on it."""
    return answer.status in ENDED[type(answer)]


class Desk:
    """The people around one box."""

    def __init__(self, box: SmallBox) -> None:
        self.box = box
        self._codes = 0

    async def pay(self, his_id: str, amount_fen: int, wallet: str, *luck: object) -> None:
        """Collect: ask, show a code, wait for what comes of it."""
        await self.arm(his_id, amount_fen)
        await self.scan(wallet, *luck)
        await self.settled(his_id)

    async def arm(self, his_id: str, amount_fen: int, try_: int = 1) -> None:
        """Ask for an amount; the patient reads it."""
        self.box.ask(
            Pay(his_id, amount_fen, Business.OUTPATIENT_FEE, Department.OUTPATIENT, try_=try_)
        )
        await asyncio.sleep(HANDS_S)

    async def scan(self, wallet: str, *luck: object) -> None:
        """Show a code, with what it will meet at the provider."""
        self._codes += 1
        boots = int(self.box.clock.wall().timestamp())  # another code in another boot
        code = {"wechat": "13", "alipay": "28"}[wallet] + f"{boots % 10**12:012d}{self._codes:04d}"
        if luck:
            binding = read_binding({"match": {"code": code}, "do": list(luck)})
            self.box.place.network.provider.scripts.bind(binding)
        self.box.scan(code)
        await asyncio.sleep(HANDS_S)

    async def cancel(self, his_id: str) -> None:
        """The cashier gives up."""
        self.box.ask(Cancel(his_id))
        await asyncio.sleep(HANDS_S)

    async def refund(self, his_id: str, pay_id: str, amount_fen: int) -> None:
        """Give back a part or all."""
        await self._ask_until_final(RefundRequest(his_id, amount_fen, pay_id=pay_id))

    async def reverse(self, his_id: str, pay_id: str) -> None:
        """Undo the whole payment."""
        await self._ask_until_final(Reverse(his_id, pay_id))

    async def _ask_until_final(self, request: RefundRequest | Reverse) -> None:
        self.box.ask(request)
        await self.settled(request.id)

    async def settled(self, his_id: str) -> None:
        """Wait for the final answer, say `received`; go on without it after two minutes."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not (answer := self._end_of(his_id)):
                    self.box.his.changed.clear()
                    await self.box.his.changed.wait()
        except TimeoutError:
            return
        if not isinstance(answer, ErrorReply):
            self.box.ask(Received(his_id, answer.revision))
        await asyncio.sleep(HANDS_S)

    def _end_of(self, his_id: str) -> Answer | ErrorReply | None:
        for reply in reversed(self.box.his.replies):
            if isinstance(reply, ErrorReply) and reply.id == his_id:
                return reply
            if isinstance(reply, Result | RefundResult) and reply.id == his_id and final(reply):
                return reply
        return None


Story = Callable[[Desk], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Life:
    """What is lived in one boot after another; between two the box is switched off in order."""

    name: str
    boots: tuple[Story, ...]
    from_nothing: bool = False
    """Begins with an empty card: creating the journal is part of the tape."""
    syncs: bool = False
    """There is a statistics centre."""


async def _paid(desk: Desk) -> None:
    await desk.pay("P1", 1001, "wechat")


async def _paid_after_password(desk: Desk) -> None:
    await desk.pay("P2", 1002, "alipay", {"name": "password", "after_s": 7})


async def _answer_lost(desk: Desk) -> None:
    await desk.pay("D1", 1003, "wechat", {"name": "drop_after"})


async def _doubt_reversed(desk: Desk) -> None:
    await desk.pay("D2", 1004, "wechat", "password_never")
    await desk.pay("D3", 1005, "alipay", "password_never")


async def _late_money(desk: Desk) -> None:
    await desk.pay(
        "D4", 1006, "wechat", {"name": "late_pay", "after_reverse_s": 2, "how": "silence"}
    )


async def _declined_then_paid(desk: Desk) -> None:
    await desk.arm("N1", 1007)
    await desk.scan("wechat", {"name": "decline", "code": "NOTENOUGH"})
    await desk.scan("alipay")
    await desk.settled("N1")


async def _cancelled(desk: Desk) -> None:
    await desk.arm("C1", 1008)
    await desk.scan("wechat", {"name": "password", "after_s": 9})
    await desk.cancel("C1")
    await desk.settled("C1")


async def _refunded(desk: Desk) -> None:
    await desk.pay("P3", 1009, "wechat")
    await desk.refund("R1", "P3", 400)
    await desk.refund("R2", "P3", 609)


async def _reversed(desk: Desk) -> None:
    await desk.pay("P4", 1010, "alipay")
    await desk.reverse("V1", "P4")


async def _reverse_becomes_refund(desk: Desk) -> None:
    await desk.pay("P5", 1011, "wechat", "reverse_expired")
    await desk.reverse("V2", "P5")


async def _synced(desk: Desk) -> None:
    """Sent, lost by the centre and sent again, disputed and sent in a new epoch."""
    center = desk.box.place.center
    assert center
    await desk.pay("S1", 1012, "wechat")
    await desk.box.sync()
    await desk.refund("SR1", "S1", 12)
    await desk.box.sync()
    center.forget(2)
    await desk.box.sync()
    center.meet_a_twin()
    await desk.pay("S2", 1013, "alipay")
    await desk.box.sync()


async def _a_long_day(desk: Desk) -> None:
    """Long enough for the WAL to be moved into the file in a pause, and begun anew."""
    for number in range(24):
        await desk.pay(f"L{number:02d}", 2000 + number, ("wechat", "alipay")[number % 2])
    await asyncio.sleep(5.0)
    await desk.pay("L98", 2098, "wechat")
    await desk.reverse("LV", "L98")


LIVES = (
    Life("first start", (_paid, _paid_after_password), from_nothing=True),
    Life("paid", (_paid, _paid_after_password)),
    Life("answer lost", (_answer_lost,)),
    Life("doubt, reversed", (_doubt_reversed,)),
    Life("late money", (_late_money,)),
    Life("declined, then paid", (_declined_then_paid,)),
    Life("cancelled", (_cancelled,)),
    Life("refunded", (_refunded,)),
    Life("reversed", (_reversed,)),
    Life("reverse becomes refund", (_reverse_becomes_refund,)),
    Life("synced", (_synced,), syncs=True),
    Life("a long day", (_a_long_day,)),
)
