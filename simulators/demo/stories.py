"""Every story the headless demo tells, each a few lines that read like a script.

All of it goes over the real links: frames on the HIS cable, codes down the scanner's line, the
phone and the luck over the gateways' HTTP. A story ends with an id; how it must have ended stands
in the table at the bottom.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from device.domain.words import Business
from simulators.demo.facts import attempts
from simulators.demo.luck import LUCK
from simulators.demo.world import World

PATIENCE_S = 20.0  # for one thing to happen; the longest, a payer who never types, takes about 5 s
LOOK_EVERY_S = 0.02
WECHAT, ALIPAY = "wechat", "alipay"
AMOUNT_FEN = 1234
HAND_S = 0.1  # no hand is quicker; a code whose first key is older than the glass is dropped
AGAIN_S = 2.0  # so long a patient waits for a sign; the scanner ignores a double read of 1.5 s
ASKS_FOR_A_CODE = frozenset({"waiting", "rescan"})  # what the lamp says then


class WentOtherwise(Exception):
    """Something that had to happen did not; the message says what."""


class Desk:
    """What the people at the desk do, and what they wait for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.his = world.cashier.his

    async def collect(self, wallet: str = "any", amount_fen: int = AMOUNT_FEN) -> str:
        """The cashier presses 收款; return the id once the amount is on the glass."""
        before = self.glass_mark()
        id_ = self.world.cashier.pay(amount_fen, Business.OUTPATIENT_FEE, "张小三", wallet)
        await self.armed(before)
        return id_

    async def armed(self, before: int) -> None:
        """Wait until another picture than the one before asks for a code."""
        await self._until(
            lambda: self._lamp() == "waiting" and self.glass_mark() != before, "armed"
        )
        await asyncio.sleep(HAND_S)

    def glass_mark(self) -> int:
        """Another number for each picture on the glass."""
        screen = self.world.site.screen
        return screen.stat().st_mtime_ns if screen.exists() else 0

    async def show(self, wallet: str, luck: str = "normal") -> None:
        """The patient opens a fresh code and holds the phone to the scanner until it is taken.

        Where the panel is slow the first time was too soon, and the box asks for another.
        """
        asks = ASKS_FOR_A_CODE | {self._lamp()}  # or the code before was declined
        await self.present(wallet, luck)
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not await self._taken(asks):
                    self.world.phone.present_again()
        except TimeoutError:
            raise WentOtherwise(f"{PATIENCE_S:g} 秒内没有收下付款码") from None

    async def present(self, wallet: str, luck: str = "normal") -> None:
        """Hold a fresh code to the scanner, once."""
        await self.world.phone.show_code(wallet)
        self.world.phone.luck = LUCK[luck]
        await self.world.phone.present()

    async def _taken(self, asks: AbstractSet[str]) -> bool:
        """Whether the lamp says within AGAIN_S that no code is asked for any more."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(AGAIN_S):
                while self._lamp() in asks:  # noqa: ASYNC110  a file of another process
                    await asyncio.sleep(LOOK_EVERY_S)
                return True
        return False

    async def phone_asks(self) -> None:
        """The phone asks for the password."""
        await self._phone_shows("password")

    async def type_password(self) -> None:
        """The patient types it."""
        await self.world.phone.type_password(ok=True)

    async def ended(self, id_: str) -> str:
        """Wait until the HIS expects nothing more of this id, and return it."""
        try:
            await self.his.settled(id_, PATIENCE_S)
        except TimeoutError:
            raise WentOtherwise(f"HIS 一直没有等到结果：{self.his.books[id_].status}") from None
        return id_

    async def progress(self, id_: str, state: str) -> None:
        """Wait for a progress message."""
        bill = self.world.cashier.bills[id_]
        await self._until(lambda: bill.progress == state, f"progress {state}")

    async def asked_again(self, id_: str) -> str:
        """The HIS queries, so that its last frame is the newest word on the charge."""
        await self.his.query(id_)
        return id_

    async def paid(self, wallet: str = WECHAT) -> str:
        """A payment without trouble."""
        id_ = await self.collect()
        await self.show(wallet)
        return await self.ended(id_)

    async def journal_says(self, id_: str, state: str) -> None:
        """Wait until the newest attempt of an id is in this state on the disk."""

        def reached() -> bool:
            rows = attempts(self.world.site.journal, id_)
            return bool(rows) and rows[-1].state == state

        await self._until(reached, f"journal {state}")

    async def _phone_shows(self, page: str) -> None:
        async def looked() -> bool:
            await self.world.phone.look()
            return self.world.phone.page == page

        await self._until(looked, f"phone {page}")

    async def _until(self, reached: Callable[[], bool | Awaitable[bool]], what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not await _value(reached()):  # noqa: ASYNC110  files of other processes
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            raise WentOtherwise(f"{PATIENCE_S:g} 秒内没有等到：{what}") from None

    def _lamp(self) -> str:
        lamp = self.world.site.lamp
        return lamp.read_text().strip() if lamp.exists() else ""


async def _value(given: bool | Awaitable[bool]) -> bool:  # noqa: FBT001  an answer, not a switch
    return given if isinstance(given, bool) else await given


async def _wechat_at_once(desk: Desk) -> str:
    return await desk.paid(WECHAT)


async def _alipay_at_once(desk: Desk) -> str:
    return await desk.paid(ALIPAY)


async def _password_then_paid(desk: Desk) -> str:
    id_ = await desk.collect()
    await desk.show(WECHAT, "password")
    await desk.phone_asks()
    await desk.type_password()
    return await desk.ended(id_)


async def _password_never(desk: Desk) -> str:
    id_ = await desk.collect()
    await desk.show(WECHAT, "password")
    await desk.phone_asks()
    return await desk.ended(id_)


async def _declined_then_another(desk: Desk) -> str:
    id_ = await desk.collect()
    await desk.show(WECHAT, "balance")
    await desk.progress(id_, "declined")
    await desk.show(ALIPAY)
    return await desk.ended(id_)


async def _wrong_wallet(desk: Desk) -> str:
    id_ = await desk.collect(ALIPAY)
    await desk.present(WECHAT)
    await asyncio.sleep(0.5)  # long enough for a box that did not refuse it
    if attempts(desk.world.site.journal, id_):
        raise WentOtherwise("别家钱包的码被用去扣款")
    await desk.show(ALIPAY)
    return await desk.ended(id_)


async def _error_but_paid(desk: Desk) -> str:
    id_ = await desk.collect()
    await desk.show(WECHAT, "system_error")
    return await desk.ended(id_)


async def _no_answer_but_paid(desk: Desk) -> str:
    id_ = await desk.collect()
    await desk.show(ALIPAY, "no_answer")
    return await desk.ended(id_)


async def _bad_signature_but_paid(desk: Desk) -> str:
    id_ = await desk.collect()
    await desk.show(WECHAT, "signature")
    return await desk.ended(id_)


async def _unknown_then_reversed(desk: Desk) -> str:
    id_ = await desk.collect()
    await desk.show(ALIPAY, "lost")
    return await desk.ended(id_)


async def _reverse_needs_patience(desk: Desk) -> str:
    id_ = await desk.collect()
    await desk.show(WECHAT, "recall")
    return await desk.ended(id_)


async def _cancel_before_code(desk: Desk) -> str:
    id_ = await desk.collect()
    await desk.his.cancel(id_)
    return await desk.ended(id_)


async def _cancel_while_typing(desk: Desk) -> str:
    id_ = await desk.collect()
    await desk.show(ALIPAY, "password")
    await desk.phone_asks()
    await desk.his.cancel(id_)
    return await desk.ended(id_)


async def _asked_twice(desk: Desk) -> str:
    id_ = await desk.paid()
    first = desk.his.books[id_].result
    again = await desk.his.ask("pay", desk.his.books[id_].request)
    if first is None or again.get("revision") != first["revision"]:
        raise WentOtherwise("重复的收款请求得到了另一个结果")
    return id_


async def _refund_in_part(desk: Desk) -> str:
    id_ = await desk.paid(WECHAT)
    await desk.ended(desk.world.cashier.refund(id_, 200))
    await desk.ended(desk.world.cashier.refund(id_, 34))
    return await desk.asked_again(id_)


async def _refund_in_full(desk: Desk) -> str:
    id_ = await desk.paid(ALIPAY)
    await desk.ended(desk.world.cashier.refund(id_, AMOUNT_FEN))
    return await desk.asked_again(id_)


async def _reverse(desk: Desk) -> str:
    id_ = await desk.paid(WECHAT)
    await desk.ended(desk.world.cashier.reverse(id_))
    return await desk.asked_again(id_)


async def _killed_in_the_middle(desk: Desk) -> str:
    id_ = await desk.collect()
    await desk.show(WECHAT, "password")
    await desk.phone_asks()
    await desk.world.power_off()
    await desk.type_password()
    await desk.world.power_on()
    return await desk.ended(id_)


async def _link_lost(desk: Desk) -> str:
    id_ = await desk.collect()
    await desk.show(ALIPAY, "password")
    await desk.phone_asks()
    desk.world.his_cable.plug(plugged=False)
    await desk.type_password()
    await desk.journal_says(id_, "paid")
    desk.world.his_cable.plug(plugged=True)
    return await desk.ended(id_)


@dataclass(frozen=True, slots=True)
class Story:
    """What happens, and how all three books must agree that it ended."""

    title: str
    play: Callable[[Desk], Awaitable[str]]
    status: str
    held_fen: int
    at_provider: str
    """The states of its orders in the providers' book, joined by `+`."""


STORIES = (
    Story("微信，一次付清", _wechat_at_once, "paid", AMOUNT_FEN, "paid"),
    Story("支付宝，一次付清", _alipay_at_once, "paid", AMOUNT_FEN, "paid"),
    Story("输密码后付清", _password_then_paid, "paid", AMOUNT_FEN, "paid"),
    Story("一直不输密码，到时撤销", _password_never, "not_paid", 0, "closed"),
    Story("余额不足，换一个码付清", _declined_then_another, "paid", AMOUNT_FEN, "paid"),
    Story("限定支付宝，先出示微信码", _wrong_wallet, "paid", AMOUNT_FEN, "paid"),
    Story("系统错误，其实已付", _error_but_paid, "paid", AMOUNT_FEN, "paid"),
    Story("没有应答，其实已付", _no_answer_but_paid, "paid", AMOUNT_FEN, "paid"),
    Story("应答签名错误，其实已付", _bad_signature_but_paid, "paid", AMOUNT_FEN, "paid"),
    Story("请求丢失，查无此单，撤销", _unknown_then_reversed, "not_paid", 0, "none"),
    Story("撤销两次被要求重试", _reverse_needs_patience, "not_paid", 0, "closed"),
    Story("扫码前取消", _cancel_before_code, "not_paid", 0, "none"),
    Story("输密码时取消", _cancel_while_typing, "not_paid", 0, "closed"),
    Story("同一收款请求发两次", _asked_twice, "paid", AMOUNT_FEN, "paid"),
    Story("部分退款两次", _refund_in_part, "paid", AMOUNT_FEN - 234, "paid"),
    Story("全额退款", _refund_in_full, "returned", 0, "paid"),
    Story("付后撤销", _reverse, "returned", 0, "returned"),
    Story("付款途中断电，重新上电", _killed_in_the_middle, "paid", AMOUNT_FEN, "paid"),
    Story("结果到达前 HIS 断线", _link_lost, "paid", AMOUNT_FEN, "paid"),
)
