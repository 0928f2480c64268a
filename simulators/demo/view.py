"""What the page is told: each section of it, from the world's own parts."""

from collections import deque
from collections.abc import Mapping
from datetime import datetime

from device.domain.money import format_yuan
from simulators.demo import luck
from simulators.demo.cable import Way
from simulators.demo.children import Child, ChildState
from simulators.demo.his_tap import Seen
from simulators.demo.hub import Hub
from simulators.demo.lamp_view import LampView
from simulators.demo.net_tap import Exchange
from simulators.demo.phone import PROVIDER_NAMES, Phone
from simulators.demo.timeline import Lane, Timeline
from simulators.demo.world import World

KEPT_FRAMES = 60  # on the console
SHOWN_HEX_BYTES = 14  # of each end of a frame
QUIET_TYPES = frozenset({"status", "status_result"})
"""Asked every few seconds for the diagnosis under the box: not for the console."""
PART_TEXTS = {"gateway": "两家支付网关", "box": "扫码墩固件"}
STATE_TEXTS = {
    ChildState.STOPPED: "已断电",
    ChildState.STARTING: "启动中",
    ChildState.RUNNING: "运行中",
    ChildState.DEAD: "意外退出",
}
TONES = {
    "paid": "ok",
    "refunded": "ok",
    "not_paid": "bad",
    "failed": "bad",
    "unknown": "wait",
    "returned": "ok",
    "error": "bad",
}
PAGE_TEXTS = {
    "password": "手机：要求输入密码",
    "paid": "手机：支付成功",
    "failed": "手机：付款未完成",
}
WAITING_SIGNALS = frozenset({"waiting", "password", "doubt"})
WORD_TEXTS = {
    "SUCCESS": "成功",
    "TRADE_SUCCESS": "已支付",
    "10000": "成功",
    "USERPAYING": "等待输入密码",
    "10003": "等待输入密码",
    "WAIT_BUYER_PAY": "等待付款",
    "NOTPAY": "未支付",
    "SYSTEMERROR": "系统错误",
    "ACQ.SYSTEM_ERROR": "系统错误",
    "NOTENOUGH": "余额不足",
    "ACQ.BUYER_BALANCE_NOT_ENOUGH": "余额不足",
    "ORDERNOTEXIST": "查无此单",
    "ACQ.TRADE_NOT_EXIST": "查无此单",
    "REVOKED": "已撤销",
    "TRADE_CLOSED": "已关闭",
    "REFUND": "已转入退款",
    "close": "已关闭",
    "refund": "已退款",
}
WORD_TONES = {
    **dict.fromkeys(("SUCCESS", "TRADE_SUCCESS", "10000", "close", "refund", "REFUND"), "ok"),
    **dict.fromkeys(("USERPAYING", "10003", "WAIT_BUYER_PAY", "NOTPAY"), "wait"),
    # After a start the box asks for a number that cannot exist: that is how it verifies a channel.
    **dict.fromkeys(("ORDERNOTEXIST", "ACQ.TRADE_NOT_EXIST", "REVOKED", "TRADE_CLOSED"), ""),
}
"""Any other word is bad."""


class View:
    """Listens to the world and publishes sections; holds what only the page needs."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.timeline = Timeline(lambda: hub.publish("timeline", self.timeline.section()))
        self.lamp = LampView(lambda: hub.publish("lamp", self.lamp.section()))
        self.glass = b""
        self.world: World | None = None
        self._glass_version = 0
        self._frames: deque[dict[str, str]] = deque(maxlen=KEPT_FRAMES)
        self._quiet: set[tuple[Way, str]] = set()
        self._ids: set[object] = set()
        self._page = ""

    # -------------------------------------------------------------- what happens

    def seen(self, seen: Seen) -> None:
        """Note a frame or signal on the HIS cable."""
        message = seen.message
        if message.get("type") in QUIET_TYPES:
            self._quiet.add((seen.way, seen.seq))
            return
        if seen.kind == "ack" and self._is_quiet_ack(seen):
            return
        self._frames.append(_console_line(seen))
        self.hub.publish("frames", {"lines": list(self._frames)})
        if seen.kind == "frame":
            self._on_timeline(seen.way, message)

    def _is_quiet_ack(self, seen: Seen) -> bool:
        other = Way.OUT if seen.way is Way.IN else Way.IN
        quiet = (other, seen.seq) in self._quiet
        self._quiet.discard((other, seen.seq))
        return quiet

    def _on_timeline(self, way: Way, message: Mapping[str, object]) -> None:
        kind, status = str(message.get("type")), str(message.get("status", ""))
        if kind in {"hello", "hello_ok"}:
            return
        if kind == "pay" and message.get("id") not in self._ids:
            self._ids.add(message.get("id"))
            self.timeline.begin()
        state = status or message.get("state") or message.get("code") or ""
        text = f"{kind} {state}{_amount(message)}"
        ends = (Lane.HIS, Lane.BOX) if way is Way.OUT else (Lane.BOX, Lane.HIS)
        self.timeline.add(*ends, text.strip(), TONES.get(status or kind, ""))

    def exchanged(self, exchange: Exchange) -> None:
        """Note a request to a provider or its answer."""
        if not self._ids:
            return  # the channels are being verified; no payment has begun
        name = PROVIDER_NAMES[exchange.wallet]
        if exchange.way is Way.OUT:
            self.timeline.add(Lane.BOX, Lane.PROVIDER, f"{name} {exchange.call}")
            return
        word = exchange.answer or "无法识别的应答"
        tone = WORD_TONES.get(word, "bad")
        meaning = WORD_TEXTS.get(word, "")
        self.timeline.add(Lane.PROVIDER, Lane.BOX, f"{word} {meaning}".strip(), tone)

    def presented(self, phone: Phone) -> None:
        """Note that a code went into the scanner."""
        self.timeline.add(Lane.PHONE, Lane.BOX, f"付款码（{phone.luck.text}）")

    def power(self, text: str, tone: str) -> None:
        """Note a power cut, a restart or a pulled cable."""
        self.timeline.add(Lane.BOX, Lane.BOX, text, tone)

    def signalled(self, content: bytes) -> None:
        """Take a new content of the lamp file."""
        before = self.lamp.signal
        self.lamp.read(content)
        now = self.lamp.signal
        if self._ids and now is not before and now is not None:
            tone = {"paid": "ok", "declined": "bad", "fault": "bad", "offline": "bad"}.get(
                now, "wait" if now in WAITING_SIGNALS else ""
            )
            self.timeline.add(Lane.BOX, Lane.BOX, f"灯与屏：{self.lamp.saying}", tone)
        self.refresh()

    def drawn(self, content: bytes) -> None:
        """Take a new picture of the display."""
        self.glass = content
        self._glass_version += 1
        self.hub.publish("glass", {"version": self._glass_version})

    # -------------------------------------------------------------- what is shown

    def refresh(self) -> None:
        """Publish everything that may have changed."""
        world = self.world
        if world is None:
            return
        if world.box.pid is None and self.lamp.signal:
            self.lamp.dark()
        self.hub.publish("parts", {"list": [_part(world.gateway), _part(world.box), _cable(world)]})
        self.hub.publish("box", self._box(world))
        self.hub.publish("lamp", self.lamp.section())
        if not world.phone.code:
            return
        self.hub.publish("his", {**world.cashier.section(), "up": world.his_cable.plugged})
        self.hub.publish("phone", world.phone.section())
        self.hub.publish("luck", luck.section(world.phone.luck))
        self.hub.publish("health", {"parts": _health(world)})
        self._note_phone(world.phone)

    def _note_phone(self, phone: Phone) -> None:
        if phone.page == self._page:
            return
        self._page = phone.page
        if phone.page in PAGE_TEXTS:
            tone = {"paid": "ok", "failed": "bad"}.get(phone.page, "wait")
            self.timeline.add(Lane.PROVIDER, Lane.PHONE, PAGE_TEXTS[phone.page], tone)

    def _box(self, world: World) -> dict[str, object]:
        state = world.box.state
        on = state is ChildState.RUNNING
        signal = self.lamp.signal if on else None
        scan = {"waiting": "ready", "scanned": "read", "declined": "ready"}.get(signal or "", "")
        return {
            "power": state.value,
            "scan": scan,
            "saying": self.lamp.saying if on else STATE_TEXTS[state],
            "trouble": _last_words(world.box) if state is ChildState.DEAD else "",
        }


def _part(child: Child) -> dict[str, object]:
    return {
        "name": child.name,
        "text": f"{PART_TEXTS[child.name]} {STATE_TEXTS[child.state]}",
        "state": child.state.value,
        "detail": f"pid {child.pid}" if child.pid else "",
    }


def _health(world: World) -> list[dict[str, str]]:
    """The diagnosis as the HIS heard it; a box without power has none."""
    parts = world.cashier.parts
    if world.box.state is ChildState.RUNNING:
        return parts
    return [{**part, "state": "off"} for part in parts]


def _cable(world: World) -> dict[str, object]:
    up = world.his_cable.up
    state = ChildState.RUNNING if up else ChildState.STOPPED
    return {"name": "his", "text": "HIS 线路" + ("已连" if up else "未连"), "state": state.value,
            "detail": ""}  # fmt: skip


def _last_words(child: Child) -> str:
    return "\n".join([f"程序意外退出，退出码 {child.exit_code}。", *list(child.lines)[-3:]])


def _amount(message: Mapping[str, object]) -> str:
    """The amount of a request, as the cashier typed it."""
    fen = message.get("amount_fen")
    return f"¥{format_yuan(fen)}" if isinstance(fen, int) and "status" not in message else ""


def _console_line(seen: Seen) -> dict[str, str]:
    text = seen.body.decode("utf-8", errors="replace") if seen.kind == "frame" else ""
    return {
        "at": f"{datetime.now().astimezone():%H:%M:%S}",
        "way": seen.way.value,
        "kind": seen.kind,
        "text": text or f"{seen.kind.upper()} {seen.seq}",
        "hex": _hex(seen.raw),
    }


def _hex(raw: bytes) -> str:
    if len(raw) <= 2 * SHOWN_HEX_BYTES:
        return raw.hex(" ")
    return f"{raw[:SHOWN_HEX_BYTES].hex(' ')} … {raw[-SHOWN_HEX_BYTES // 2 :].hex(' ')}"
