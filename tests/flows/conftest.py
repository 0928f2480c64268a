"""One desk, whole: the real box in this process, on real sockets, ptys and files."""

import asyncio
import json
import os
import pty
import shutil
import signal
import sqlite3
import tty
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from device import config as paybox_config
from device.app.box import Box
from device.clock import SystemClock
from device.domain.screens import Screen, Starting
from device.drivers.streams import open_stream
from device.his_link.host import Client
from device.journal import Inline, SqliteJournal
from simulators.gateway.identities import Identities, identities
from simulators.gateway.model import Wallet
from simulators.gateway.scripts import read_binding
from simulators.gateway.server import Gateway

S = TypeVar("S", bound=Screen)
Tables = Mapping[str, Mapping[str, object]]

PACE = {
    "poll_interval_s": 0.1,
    "wechat_wait_s": 0.8,
    "alipay_wait_s": 0.8,
    "wechat_reverse_not_before_s": 0.2,
    "wechat_first_query_s": 0.05,
    "wechat_doubt_query_s": 0.05,
    "alipay_first_query_s": 0.05,
    "alipay_doubt_query_s": 0.05,
    "connect_timeout_s": 0.5,
    "read_timeout_pay_s": 0.5,
    "read_timeout_s": 0.5,
    "redeliver_s": 0.5,
}
PATIENCE_S = 20.0


class GlassPanel:
    """A panel that keeps every screen, and reports it drawn at once."""

    working = True

    def __init__(self) -> None:
        self.screens: list[Screen] = [Starting()]
        self._changed = asyncio.Event()

    def start(self) -> None:
        """There is no thread."""

    def close(self) -> None:
        """There is no bus."""

    def show(self, screen: Screen, drawn: Callable[[float], None] | None = None) -> None:
        self.screens.append(screen)
        self._changed.set()
        if drawn:
            loop = asyncio.get_running_loop()
            loop.call_soon(lambda: drawn(loop.time()))

    async def until(self, kind: type[S]) -> S:
        """Wait until the newest screen is of this kind."""
        async with asyncio.timeout(PATIENCE_S):
            while not isinstance(shown := self.screens[-1], kind):
                self._changed.clear()
                await self._changed.wait()
        return shown

    @property
    def hint(self) -> str:
        """Why the last code was not taken."""
        return getattr(self.screens[-1], "hint", "")


class Pty:
    """A cable: one end for the box, one for the test."""

    def __init__(self) -> None:
        self.near, self.far = pty.openpty()
        tty.setraw(self.far)
        self.path = os.ttyname(self.far)

    def write(self, data: bytes) -> None:
        os.write(self.near, data)

    def join(self, other: "Pty") -> None:
        """Lay a cable to another's near end: what goes in at one far end comes out at the other."""
        loop = asyncio.get_running_loop()
        for one, to in ((self.near, other.near), (other.near, self.near)):
            tty.setraw(one)
            loop.add_reader(one, _pass_on, one, to)

    def part(self, other: "Pty") -> None:
        """Take the cable away."""
        for near in (self.near, other.near):
            asyncio.get_running_loop().remove_reader(near)

    def close(self) -> None:
        os.close(self.near)
        os.close(self.far)


def _pass_on(one: int, to: int) -> None:
    os.write(to, os.read(one, 4096))


class Desk:
    """The box, the gateways, a HIS and a scanner, and what each of them says."""

    def __init__(self, directory: Path, gateway: Gateway, keys: Identities) -> None:
        self.directory = directory
        self.gateway = gateway
        self.keys = keys
        self.scanner = Pty()
        self.glass = GlassPanel()
        self.his: Client
        self.line: Pty
        self.tee: Pty
        self.box: Box
        self._run: asyncio.Task[int]
        self._codes = 0
        self.address = ""
        self.changes: dict[str, dict[str, object]] = {}
        self.new_card = False
        """The journal is made by the box itself; else it is a day old, and no id is asked for."""

    # ------------------------------------------------------------ power

    async def power_on(self) -> None:
        self.glass = GlassPanel()
        if not self.new_card:
            await self._old_journal()
        self.box = await Box.open(paybox_config.load(self._write_config()), self.glass)  # type: ignore[arg-type]  # a panel by its shape
        self._run = asyncio.create_task(self.box.run())
        async with asyncio.timeout(PATIENCE_S):
            while not self.box.address:  # noqa: ASYNC110  the box tells systemd, not us
                await asyncio.sleep(0.005)
        self.address = self.box.address

    async def _old_journal(self) -> None:
        path = self.directory / "data" / "journal.sqlite3"
        if path.exists():
            return
        path.parent.mkdir(mode=0o700)
        journal = await SqliteJournal.open(path, SystemClock(lambda: True), Inline())
        await journal.flush()
        await journal.aclose()
        yesterday = (datetime.now(UTC) - timedelta(hours=25)).isoformat()
        with closing(sqlite3.connect(path)) as db:
            db.execute("UPDATE meta SET value = ? WHERE key = 'sane_since'", [yesterday])
            db.commit()

    async def replace_card(self) -> None:
        """The card dies now, whatever was going on; a new one with the same key files is put in."""
        self.box._finish = _at_once  # type: ignore[method-assign]  # nothing is waited for
        await self.power_off()
        self.his.close()
        shutil.rmtree(self.directory / "data")
        self.new_card = True
        await self.power_on()
        await self.connect()

    async def connect(self, address: str = "") -> Client:
        self.his = await Client.connect(address or self.address, open_stream)
        return self.his

    async def power_off(self) -> None:
        """SIGTERM, as systemd does."""
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(self._run, PATIENCE_S)

    async def stop(self) -> None:
        self.his.close()
        if not self._run.done():
            await self.power_off()
        self.scanner.close()

    def _write_config(self) -> Path:
        path = self.directory / "paybox.toml"
        tables = self._tables()
        for section, values in self.changes.items():
            tables[section] = {**tables.get(section, {}), **values}
        path.write_text("\n".join(map(_table, tables, tables.values())))
        return path

    def _tables(self) -> dict[str, Mapping[str, object]]:
        keys = self.keys
        return {
            "box": {
                "id": "BOX-0001",
                "desk": "MZ-03",
                "desk_code": "MZ03",
                "data_dir": str(self.directory / "data"),
                "key_file": str(self.directory / "box.key"),
            },
            "his": {"link": "tcp"},
            "his.tcp": {"listen": "127.0.0.1:0"},
            "scanner": {"driver": "serial", "port": self.scanner.path},
            "display": {"driver": "none"},
            "lamp": {"driver": "none"},
            "network": {"vpn_interface": ""},
            "clock": {"source": "none"},
            "channels.wechat": {
                "base_url": self.gateway.wechat_url,
                "appid": keys.appid,
                "mch_id": keys.mch_id,
                "api_key_file": str(keys.path("wechat.key")),
            },
            "channels.alipay": {
                "gateway_url": self.gateway.alipay_url,
                "app_id": keys.app_id,
                "private_key_file": str(keys.path("app_private_key.pem")),
                "alipay_public_key_file": str(keys.path("alipay_public_key.pem")),
            },
            "limits": PACE,
        }

    # ------------------------------------------------------------ what people do

    def ask(self, type_: str, **fields: object) -> "asyncio.Task[dict[str, Any]]":
        """Ask as the HIS; the answer is awaited when the test wants it."""
        return asyncio.ensure_future(_dict(self.his.request(type_, fields, timeout_s=PATIENCE_S)))

    def pay(self, id_: str, amount_fen: int, **fields: object) -> "asyncio.Task[dict[str, Any]]":
        business = fields.pop("business", "outpatient_fee")
        return self.ask("pay", id=id_, amount_fen=amount_fen, business=business, **fields)

    def code(self, wallet: str, *luck: object) -> str:
        """A payer code of a patient's phone, with what it will meet."""
        self._codes += 1
        text = {"wechat": "13", "alipay": "28"}[wallet] + f"{self._codes:016d}"
        if luck:
            self.gateway.bind(read_binding({"match": {"code": text}, "do": list(luck)}))
        return text

    def scan(self, code: str) -> None:
        self.scanner.write(code.encode() + b"\r")

    async def unasked(self, status: str) -> dict[str, Any]:
        """The next unasked message with this status."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = dict(await self.his.unasked())
                if message.get("status") == status:
                    return message

    async def settled(self, id_: str) -> dict[str, Any]:
        """Ask until the answer is final."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = await self.ask("query", id=id_)
                if answer.get("status") != "unknown":
                    return answer
                await asyncio.sleep(0.05)

    # ------------------------------------------------------------ three books

    def held_fen(self) -> int:
        """What the providers hold paid and not given back."""
        now = self.gateway.book.clock.now()
        trades = self.gateway.book.trades.values()
        return sum(
            t.order.amount_fen - t.refunded_fen(now) for t in trades if t.state.value == "paid"
        )

    def states(self, his_id: str) -> list[str]:
        """The attempts of an id as the journal holds them."""
        sql = "SELECT state FROM attempts WHERE his_id = ? ORDER BY number"
        return [state for (state,) in self.journal(sql, his_id)]

    def journal(self, sql: str, *values: str) -> list[Any]:
        uri = f"file:{self.directory}/data/journal.sqlite3?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            return connection.execute(sql, values).fetchall()

    def calls(self, wallet: Wallet) -> list[str]:
        """The provider's calls in order, the box's checks of itself left out."""
        ledger = self.gateway.book.arrivals
        return [c.call for c in ledger if c.wallet is wallet and "VERIFY" not in c.out_trade_no]


async def _at_once() -> None:
    """A card that dies does not say so."""


async def _dict(answer: Awaitable[Mapping[str, Any]]) -> dict[str, Any]:
    return dict(await answer)


def _table(name: str, values: Mapping[str, object]) -> str:
    rows = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join([f"[{name}]", *rows, ""])


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Identities:
    return identities(tmp_path_factory.mktemp("keys"))


@pytest.fixture
async def desk(tmp_path: Path, keys: Identities) -> AsyncIterator[Desk]:
    """A desk that is switched on, verified and connected."""
    (tmp_path / "box.key").write_text("0" * 63 + "1")
    async with Gateway(keys) as gateway:
        built = Desk(tmp_path, gateway, keys)
        await built.power_on()
        await built.connect()
        try:
            yield built
        finally:
            await built.stop()


@pytest.fixture(scope="session")
def make_desk() -> type[Desk]:
    """For desks that are plugged together in another way."""
    return Desk


@pytest.fixture(scope="session")
def make_pty() -> type[Pty]:
    return Pty
