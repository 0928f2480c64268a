"""One world: a desk with its box, its HIS, its patients, two providers and everything between."""

import asyncio
import contextvars
import itertools
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from device.domain.screens import Screen
from device.errors import ConfigError
from simulators.gateway.clock import Clock
from simulators.gateway.model import Wallet
from simulators.gateway.provider import Provider
from simulators.gateway.rules import Rules
from simulators.world import card, reached
from simulators.world.board import board
from simulators.world.box import SimBox
from simulators.world.box import World as Plugs
from simulators.world.center import TWICE_OR_OUT_OF_ORDER, Center, CenterLines
from simulators.world.chance import Chance, Stream
from simulators.world.checkers import CHECKERS
from simulators.world.checkers.ends import UnknownEnds
from simulators.world.checkers.files import NothingLeaks
from simulators.world.disk import Disk
from simulators.world.his import His
from simulators.world.keys import keys
from simulators.world.loop import Life, PowerCut, VirtualLoop
from simulators.world.names import BOX_ID, DESK_CODE
from simulators.world.neighbour import Neighbour
from simulators.world.network import Network
from simulators.world.patient import Glass, Patient, Scans
from simulators.world.sometimes import Sometimes
from simulators.world.time import EPOCH_S, Machine
from simulators.world.view import Key, View
from simulators.world.wire import Sent

DAILY_IDS = 0.2  # of the hospitals
CENTERS = 0.5  # of the hospitals
MONTHS_AWAY = 0.04  # of these; nobody at the desk may notice
ENDS_WITHIN_S = {"wechat": 60.0, "alipay": 75.0}  # M6, when nothing goes wrong
NEW_CARDS = 0.15  # of all histories begin with an empty card: rule 9 holds on their first day
Look = Callable[[UnknownEnds, str, float], None]
SLACK_S = 2.0  # the round trips of this network: M6 counts from answers within a second
NETWORK_FAULT_STATES = {
    "stale_connection": "stale keep-alive reset after the bytes left",
    "http_502": "HTML 502",
    "http_502_before": "HTML 502",
    "duplicate": "duplicate delivery",
    "delayed_request": "delayed delivery",
}


class World:
    """Everything, for one seed. Used inside its own loop."""

    def __init__(self, loop: VirtualLoop, chance: Chance, directory: Path) -> None:
        self.loop = loop
        self.chance = chance
        self.sometimes = Sometimes()
        self.events: list[str] = []
        self.quiet = False
        """Nobody is at the desk, and the HIS's machine is off."""
        self.troubled = False
        """Something is wrong with the machine or its line just now."""
        self.cuts = 0
        self.machine = Machine()
        self.up = asyncio.Event()
        """Set while a box serves."""
        self.disk = Disk(directory)
        new = chance.stream("card").happens(NEW_CARDS)
        self.disk.begin(b"" if new else card.image(BOX_ID))
        self.provider = Provider(keys().merchant, Clock(lambda: EPOCH_S + loop.time()), Rules())
        self.network = Network(loop, self.provider, chance.stream("calm/net"), self.machine)
        self.daily_ids = chance.stream("site").happens(DAILY_IDS)
        self.neighbour = Neighbour(self.provider.book)
        self.board = board(directory)
        self.foreign_board = False
        """The card stands on a board that it is not bound to: it must not start."""
        self.scans = Scans()
        self.glass = Glass(loop, chance.stream("glass"))
        self.his = His(loop, chance.stream("his"), self._on_said, self.on_astray)
        self.view = View(self.disk, self.provider.book, self.scans, loop.time)
        self.center_lines = self._center(chance.stream("center"))
        self.month_away = self.center_lines is not None and self.center_lines.away
        self.checkers = [kind(self.view) for kind in CHECKERS]
        self.box: SimBox | None = None
        self.payments = 0
        self.world = contextvars.copy_context()
        self._lives = itertools.count(1)
        self._serving: list[asyncio.Task[None]] = []
        self._wire()

    def _center(self, stream: Stream) -> CenterLines | None:
        """A statistics centre in some hospitals; in a few of them it is away all the time."""
        if not stream.happens(CENTERS):
            return None
        self.view.center = Center()
        lines = CenterLines(
            self.loop, self.view.center, self.chance.stream("center/net"), self._on_center_fault
        )
        lines.away = stream.happens(MONTHS_AWAY)
        return lines

    def _on_center_fault(self, kind: str) -> None:
        self.log(f"centre {kind}")
        if kind in TWICE_OR_OUT_OF_ORDER:
            self.sometimes("centre acknowledges twice or out of order")

    def _wire(self) -> None:
        self.network.on_sent = self._on_sent
        self.network.on_arrival = self._on_arrival
        self.network.on_fault = self._on_fault
        self.disk.on_cut = self.cut_power
        self.glass.on_show = self._on_show
        self.provider.book.listeners.append(self._on_book)
        self._nothing = self.provider.book.reversed_nothing
        self.provider.book.reversed_nothing = self._on_nothing  # type: ignore[method-assign, assignment]  # told, then done
        for checker in self.checkers:
            if isinstance(checker, NothingLeaks):
                checker.secrets = keys().secrets

    # ------------------------------------------------------------ power

    def power_on(self) -> None:
        """Start a box on what is on the disk."""
        name = f"life {next(self._lives)}"
        life = Life(name)
        for checker in self.checkers:
            checker.on_boot()
        self.view.of_this_life.clear()
        plugs = Plugs(
            self.loop,
            self.disk,
            self.network,
            self.machine,
            self.chance.stream(name),
            self.glass,
            self.board,
            self.daily_ids,
            lambda: self.quiet,
            self.up.set,
            self.center_lines,
        )
        box = life.context.run(SimBox, plugs, life)
        self.glass.monotonic = box.clock.monotonic
        self.machine.on_change = box.health.changed.set
        self.box = box
        task = self.loop.create_task(box.run(), context=life.context.copy())
        task.add_done_callback(self._ended, context=self.world.copy())
        self._serving.append(task)
        self.log("power on")

    def cut_power(self) -> None:
        """The plug is pulled: now, in the middle of whatever it is doing."""
        box = self.box
        if box is None:
            return
        if any(row.state in {"intended", "waiting", "unknown"} for row in self.view.attempts()):
            self.sometimes("power cut with a payment open")
        self.loop.bury(box.life)
        self.disk.cut()
        self.box = None
        self.up.clear()
        self.cuts += 1
        self.disturb()
        self.log("power cut")
        self.loop.call_soon(self._dark, context=self.world.copy())

    def replace_card(self) -> None:
        """The power goes, and what comes back is an empty card with the same key files."""
        self.cut_power()
        self.view.lost |= {row.out_trade_no for row in self.view.attempts()}
        self.view.lost |= {n for (n,) in self.disk.rows("SELECT out_trade_no FROM orders")}
        self.view.card_s = self.loop.time()
        self.view.asked_s.clear()
        self.view.elsewhere |= self.view.refunded()  # the new card learns it as of another desk's
        self.disk.replace()
        for checker in self.checkers:
            checker.on_new_card()
        self.log("card replaced")

    def close_the_desk(self) -> None:
        """Everybody goes home: the HIS's machine is off until somebody needs the link."""
        self.quiet = True
        self.his.unplug()

    def _dark(self) -> None:
        self.his.unplug()
        self.glass.dark()

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = task.exception() if not task.cancelled() else None
        if isinstance(error, ConfigError) and self.foreign_board:
            self.log("the box refuses this board")
        elif error is not None and not isinstance(error, PowerCut):
            self.view.blame("box", f"the box ended: {error!r}")

    def disturb(self) -> None:
        """Something befell the whole desk: no time limit holds for what is under way."""
        self.view.disturbed_s = self.loop.time()

    # ------------------------------------------------------------ what happens

    def log(self, text: str) -> None:
        """Add to the history."""
        self.events.append(f"{self.loop.time():12.6f} {text}")

    def expect(self, his_id: str, try_: int, amount_fen: int) -> None:
        """The HIS asks for this much."""
        self.view.wanted.setdefault(Key(his_id, try_), set()).add(amount_fen)

    def patient(self, name: str) -> Patient:
        """Somebody with a phone."""
        stream = self.chance.stream(f"{name}/patient")
        return Patient(
            self.loop,
            self.glass,
            self.provider,
            self.scans,
            stream,
            lambda: self.box,
            self.sometimes,
        )

    def _on_sent(self, sent: Sent) -> None:
        if sent.probe:
            return
        sent = replace(sent, at_s=self.loop.time())
        self.log(f"box sends {sent.wallet} {sent.call} {sent.out_trade_no[:10]} {sent.amount_fen}")
        for checker in self.checkers:
            checker.on_sent(sent)
        view, number = self.view, sent.out_trade_no
        view.last_sent[number] = sent.call
        row = view.attempt(number) if number not in view.keys else None
        if row:
            view.learn(row)
        view.calls.setdefault(number, []).append(sent.call)
        if sent.call == "query":
            view.asked_s[number] = self.provider.book.clock.now()
        if sent.call == "pay":
            self.payments += 1
            view.luck[number] = self.scans.luck.get(sent.code, "")
            view.pay_left_s.setdefault(number, self.loop.time())
            if self.troubled or sent.code in self.scans.hurried:
                view.disturbed.add(number)
            self._look_later(UnknownEnds.in_time, sent.wallet, number)

    def _look_later(self, look: Look, wallet: str, number: str) -> None:
        """Have it judged when the time of M6 is over, which begins now."""
        (judge,) = (one for one in self.checkers if isinstance(one, UnknownEnds))
        limit_s, now_s = ENDS_WITHIN_S[wallet] + SLACK_S, self.loop.time()
        self.loop.call_later(limit_s, look, judge, number, now_s, context=self.world.copy())

    def _on_arrival(self, sent: Sent) -> None:
        if sent.probe:
            return
        self.log(f"arrives {sent.wallet} {sent.call} {sent.out_trade_no[:10]}")
        row = self.view.attempt(sent.out_trade_no)
        for checker in self.checkers:
            checker.on_arrival(sent, row)

    def _on_fault(self, sent: Sent, kind: str) -> None:
        self.view.disturbed.add(sent.out_trade_no)
        self.log(f"network {kind} at {sent.call} {sent.out_trade_no[:10]}")
        if kind in NETWORK_FAULT_STATES:
            self.sometimes(NETWORK_FAULT_STATES[kind])
        if kind in {"lost_answer", "reset_after"} and sent.call == "reverse":
            self.sometimes("reverse answer lost")

    def _on_nothing(self, wallet: Wallet, number: str) -> None:
        self.view.met_nothing.add(number)
        self._nothing(wallet, number)

    def _on_book(self, change: dict[str, Any]) -> None:
        if change["change"] == "call":
            return
        number = change["out_trade_no"]
        if not number.startswith(DESK_CODE):
            return
        word = change.get("state") or f"refund {change.get('amount_fen')}"
        self.log(f"provider {number[:10]} {word} {change.get('by', '')}".rstrip())
        if change.get("state") == "paid":
            self._other_sum(number)
            for checker in self.checkers:
                checker.on_paid(number)
            if number in self.view.met_nothing:
                self.sometimes("no such trade, then a late pay")

    def _other_sum(self, number: str) -> None:
        """The wallet takes another sum than was asked: nobody may call that paid."""
        if self.view.luck.get(number) != "other_sum":
            return
        for key, trade in self.provider.book.trades.items():
            if key[1] == number:
                trade.order = replace(trade.order, amount_fen=trade.order.amount_fen + 1)

    def _on_said(self, connection: str, message: dict[str, Any]) -> None:
        if message.get("revision"):
            name = f"{message.get('business_date', '')} {message['id']}".strip()
            self.view.heard.add((name, message["revision"]))
            if message["type"] == "result":
                self.view.listed[Key(name, message["try"])] = message
        words = {k: v for k, v in message.items() if k not in {"message", "time", "paid_at"}}
        self.log(f"{connection} hears {json.dumps(words, ensure_ascii=False)}")
        for checker in self.checkers:
            checker.on_said(connection, message)
        number = message.get("out_trade_no", "")
        if message.get("state") == "reversing" and number not in self.view.going:
            self.view.going.add(number)
            self._look_later(UnknownEnds.undone_in_time, message["wallet"], number)

    def on_astray(self, connection: str, message: dict[str, Any]) -> None:
        """M13: an answer goes to the connection that asked, once."""
        self.view.blame("M13", f"{connection} did not ask for {message}")

    def _on_show(self, screen: Screen) -> None:
        self.log(f"glass {type(screen).__name__}")
        for checker in self.checkers:
            checker.on_show(screen)

    # ------------------------------------------------------------ the end

    def judge(self) -> None:
        """Ask every judge for the last word."""
        self.provider.book.settle()
        for checker in self.checkers:
            checker.at_end()
        reached.note(self.view, self.sometimes)
        for fault in self.loop.faults:
            self.view.blame("box", f"{fault.get('message')}: {fault.get('exception')!r}")

    def drop(self) -> None:
        """Let go of everything at the end of a history."""
        if self.box is not None:
            self.loop.bury(self.box.life)
        for task in asyncio.all_tasks(self.loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001  buried
        self.disk.forget()


REFUSED = {"refund": "M24", "revision": "M14", "answer": "M14", "event": "M17"}


def _rule_of(refusal: str) -> str:
    """The rule that the journal upheld when it refused a change; else a number used twice."""
    return next((rule for word, rule in REFUSED.items() if word in refusal), "M1")


class Listening(logging.Handler):
    """Keeps what the box logs; a traceback is a fault of the box, whatever it survived."""

    def __init__(self, view: View) -> None:
        super().__init__(logging.INFO)
        self._view = view
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        self._view.logged.append(self.format(record))
        if record.levelno >= logging.CRITICAL:
            self._view.blame(_rule_of(record.getMessage()), record.getMessage())
        if record.exc_info:
            error = record.exc_info[1]
            self._view.blame("box", f"{record.getMessage()}: {type(error).__name__}: {error}")
