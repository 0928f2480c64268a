"""The page: its three files, its event stream, and what each button does."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from http import HTTPStatus
from importlib import resources

from device.domain.money import parse_yuan
from device.domain.words import Business
from simulators.demo.children import ChildError, ChildState
from simulators.demo.hub import Hub
from simulators.demo.luck import LUCK
from simulators.demo.phone import WALLETS
from simulators.demo.provider import GatewayGone
from simulators.demo.view import View
from simulators.demo.watch import follow
from simulators.demo.web import WebAnswer, WebRequest, json_answer
from simulators.demo.world import World

STATUS_EVERY_S = 4.0  # the diagnosis under the box
STATUS_RETRY_S = 0.3  # while there is nobody to ask
KEEP_ALIVE_S = 15.0  # a comment in the event stream, so that a dead browser is noticed
MAX_NAME = 20  # characters of a patient's name in the form
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/demo.css": ("demo.css", "text/css; charset=utf-8"),
    "/demo.js": ("demo.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
Fields = Mapping[str, object]


class NotNow(Exception):
    """This button cannot do that now; the message is for the person who pressed it."""


class DeskPage:
    """Answers the browser, over a world and its view."""

    def __init__(self, world: World, view: View) -> None:
        self._world = world
        self._view = view
        self._pages = {path: (_page_file(name), kind) for path, (name, kind) in FILES.items()}
        self._actions: dict[str, Callable[[Fields], Awaitable[None]]] = {
            "his/pay": self._pay,
            "his/cancel": self._cancel,
            "his/query": self._query,
            "his/refund": self._refund,
            "his/reverse": self._reverse,
            "his/cable": self._cable,
            "box/power-off": self._power_off,
            "box/power-on": self._power_on,
            "restart": self._restart,
            "phone/wallet": self._wallet,
            "phone/new-code": self._new_code,
            "phone/present": self._present,
            "phone/password": self._password,
            "phone/give-up": self._give_up,
            "luck": self._luck,
        }

    def live(self) -> None:
        """Start following the box's picture, lamp and health, and the phone."""
        world, view = self._world, self._view
        world.go(follow(world.site.screen, view.drawn))
        world.go(follow(world.site.lamp, view.signalled))
        world.go(world.phone.live())
        world.go(self._ask_status())

    async def answer(self, request: WebRequest) -> WebAnswer:
        """Route one request."""
        if request.method == "POST":
            return await self._act(request)
        if request.path == "/events":
            return WebAnswer(content_type="text/event-stream", stream=events(self._view.hub))
        if request.path == "/screen.png":
            return WebAnswer(content_type="image/png", body=self._view.glass)
        if request.path in self._pages:
            body, kind = self._pages[request.path]
            return WebAnswer(content_type=kind, body=body)
        return WebAnswer(HTTPStatus.NOT_FOUND, body=b"nothing here\n")

    async def _act(self, request: WebRequest) -> WebAnswer:
        action = self._actions.get(request.path.removeprefix("/do/"))
        if action is None:
            return json_answer({"message": "没有这个按钮"}, HTTPStatus.NOT_FOUND)
        try:
            await action(request.json())
        except NotNow as why:
            return json_answer({"message": str(why)}, HTTPStatus.CONFLICT)
        except GatewayGone:
            return json_answer({"message": "支付网关没有应答"}, HTTPStatus.CONFLICT)
        except ChildError as error:
            return json_answer({"message": str(error)}, HTTPStatus.CONFLICT)
        except (ValueError, KeyError):
            return json_answer({"message": "填写不完整"}, HTTPStatus.BAD_REQUEST)
        self._view.refresh()
        return json_answer({"ok": True})

    async def _ask_status(self) -> None:
        while True:
            connected = self._world.cashier.his.is_connected
            if connected:
                self._world.cashier.ask_status()
            await asyncio.sleep(STATUS_EVERY_S if connected else STATUS_RETRY_S)

    # -------------------------------------------------------------- the cashier

    async def _pay(self, fields: Fields) -> None:
        name = str(fields["name"])[:MAX_NAME]
        wallet = str(fields.get("wallet", "any"))
        amount_fen = parse_yuan(str(fields["amount"]))
        self._need_line()
        self._world.cashier.pay(amount_fen, Business(str(fields["business"])), name, wallet)

    async def _cancel(self, fields: Fields) -> None:
        self._world.cashier.cancel(self._known(fields))

    async def _query(self, fields: Fields) -> None:
        self._world.cashier.query(self._known(fields))

    async def _refund(self, fields: Fields) -> None:
        self._world.cashier.refund(self._known(fields), parse_yuan(str(fields["amount"])))

    async def _reverse(self, fields: Fields) -> None:
        self._world.cashier.reverse(self._known(fields))

    async def _cable(self, fields: Fields) -> None:
        plugged = bool(fields["up"])
        self._world.his_cable.plug(plugged=plugged)
        self._view.power("HIS 线路插回" if plugged else "HIS 线路拔掉", "" if plugged else "bad")

    def _known(self, fields: Fields) -> str:
        id_ = str(fields["id"])
        if id_ not in self._world.cashier.his.books:
            raise NotNow("先选一笔收费")
        self._need_line()
        return id_

    def _need_line(self) -> None:
        if not self._world.cashier.his.is_connected:
            raise NotNow("HIS 与扫码墩之间的线路不通")

    # -------------------------------------------------------------- the box

    async def _power_off(self, _fields: Fields) -> None:
        self._view.power("断电（kill -9）", "bad")
        await self._world.power_off()

    async def _power_on(self, _fields: Fields) -> None:
        if self._world.box.state in {ChildState.RUNNING, ChildState.STARTING}:
            raise NotNow("扫码墩已经通电")
        self._view.power("重新上电", "")
        await self._world.power_on()
        self._view.power("已就绪，开始追问未决的单", "ok")

    async def _restart(self, fields: Fields) -> None:
        if fields.get("name") == "box":
            await self._power_on(fields)
        elif self._world.gateway.pid is None:
            await self._world.start_gateway()
            await self._world.phone.show_code()  # the new book knows no old codes

    # -------------------------------------------------------------- the patient

    async def _wallet(self, fields: Fields) -> None:
        wallet = str(fields["wallet"])
        if wallet not in WALLETS:
            raise ValueError(wallet)
        await self._world.phone.show_code(wallet)

    async def _new_code(self, _fields: Fields) -> None:
        await self._world.phone.show_code()

    async def _present(self, _fields: Fields) -> None:
        if self._world.box.state is not ChildState.RUNNING:
            raise NotNow("扫码墩没有电")
        if self._world.phone.page != "code":
            raise NotNow("手机上没有付款码")
        self._view.presented(self._world.phone)
        await self._world.phone.present()

    async def _password(self, _fields: Fields) -> None:
        await self._world.phone.type_password(ok=True)

    async def _give_up(self, _fields: Fields) -> None:
        await self._world.phone.type_password(ok=False)

    async def _luck(self, fields: Fields) -> None:
        luck = LUCK[str(fields["name"])]
        self._world.phone.luck = luck
        if luck.network != self._world.net_cable.plugged:
            self._world.net_cable.plug(plugged=luck.network)
            self._view.power(
                "网线插回" if luck.network else "网线拔掉", "" if luck.network else "bad"
            )


async def events(hub: Hub) -> AsyncIterator[bytes]:
    """Give Server-Sent Events: everything first, then each change; a comment when it is quiet."""
    with hub.listen() as changes:
        while True:
            waiting = asyncio.ensure_future(anext(changes))
            try:
                while not (await asyncio.wait({waiting}, timeout=KEEP_ALIVE_S))[0]:
                    yield b": still here\n\n"
            finally:
                waiting.cancel()
            yield b"data: " + json.dumps(waiting.result(), ensure_ascii=False).encode() + b"\n\n"


def _page_file(name: str) -> bytes:
    return (resources.files("simulators.demo") / "page" / name).read_bytes()
