"""One desk on the test stand: the real program in a process of its own, and what is around it.

A cable between it and the gateways notes when the first request byte leaves and the last answer
byte arrives; what is left of the time from the last scan byte to the HIS's answer is the box's own
share.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from device.clock import BEIJING
from device.drivers.streams import open_stream
from device.his_link.calls import NoAnswer
from device.his_link.host import Client
from simulators.demo.cable import Cable, Tap, Way
from simulators.demo.children import Child, Program
from simulators.demo.provider import ProviderAdmin
from simulators.demo.scanner import ScannerCable
from simulators.demo.serial_line import SerialLine
from simulators.demo.site import BOX_ID, SERIAL_BAUD, Site, make_site, write_config
from simulators.demo.world import box_program, gateway_program
from simulators.world import card

START_PATIENCE_S = 30.0
ANSWER_PATIENCE_S = 30.0
ENDS_WITHIN_S = 120.0  # an order that nobody knows the end of; by then the box has reversed it
ON_THE_GLASS_S = 0.05  # after the lamp asks for a code: the picture is there long before
SCAN_AGAIN_S = 3.0  # a code that came before the picture was dropped
AMOUNT_FEN = 100
MEMORY = Path("/dev/shm")  # noqa: S108  a file system in memory is the point
DECLINES = {"wechat": "NOTENOUGH", "alipay": "ACQ.BUYER_BALANCE_NOT_ENOUGH"}


@dataclass(slots=True)
class NetClock:
    """When bytes went over the net cable, since the last reset."""

    first_out_s: float = 0.0
    last_in_s: float = 0.0
    connections: int = 0
    trips: int = 0
    """Times that something was asked, since the last reset."""
    _newest: Way | None = None

    def reset(self) -> None:
        """Begin a new payment."""
        self.first_out_s = self.last_in_s = 0.0
        self.trips, self._newest = 0, None

    def tap(self) -> Tap:
        """Watch one connection."""
        self.connections += 1
        return self._note

    def _note(self, way: Way, _: bytes) -> None:
        now = time.perf_counter()
        self.trips += way is Way.OUT and self._newest is not Way.OUT
        self._newest = way
        if way is Way.OUT and not self.first_out_s:
            self.first_out_s = now
        elif way is Way.IN:
            self.last_in_s = now


@dataclass(slots=True)
class Figures:
    """What was measured, in milliseconds."""

    whole: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    before: list[float] = field(default_factory=list)
    """Last scan byte to the first request byte: the intent is on disk, the request signed."""
    after: list[float] = field(default_factory=list)
    """Last answer byte to the HIS's answer: verified, on disk, told."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process holds."""

    rss_mb: float
    descriptors: int
    threads: int


def memory_folder() -> "TemporaryDirectory[str]":
    """A folder that is on no disk: what a box shows goes to a bus and pins."""
    return TemporaryDirectory(prefix="paybox-seen-", dir=MEMORY if MEMORY.exists() else None)


class Stand:
    """One desk on the test stand; its HIS is on TCP or on a serial line."""

    def __init__(
        self,
        directory: Path,
        link: Literal["tcp", "serial"] = "tcp",
        program: Callable[[Site], Program] = box_program,
    ) -> None:
        self._memory = memory_folder()
        self._site = make_site(directory, seen=Path(self._memory.name))
        self._clock = NetClock()
        self._cable = Cable(self._clock.tap)
        self._scanner = ScannerCable()
        self._gateway = Child(gateway_program(self._site))
        self._box = Child(program(self._site))
        self._line = SerialLine() if link == "serial" else None
        self._address = ""
        self.more: Mapping[str, Mapping[str, object]] = {}
        """Keys of the box's configuration that are other than the stand's."""
        self.provider = ProviderAdmin()
        self.client = Client()
        self._hearing: asyncio.Task[None] | None = None
        self.figures = Figures()

    async def start(self, times: int = 1, before: Callable[[], None] = lambda: None) -> list[float]:
        """Start everything; return how long the box took to get ready each time, in ms.

        `before`: done before each start of the box.
        """
        await self._cable.start()
        if self._line:
            self._line.start()
        await card.make(self._site.journal, BOX_ID, datetime.now(BEIJING) - card.AGE)
        ready = await self._gateway.start(START_PATIENCE_S)
        self.provider.lead_to(int(ready[1]))
        self._cable.far_port = int(ready[1])
        write_config(
            self._site,
            scanner_port=self._scanner.port,
            network_port=self._cable.port,
            limits={},
            his_port=self._line.box_port if self._line else "",
            more=self.more,
        )
        return [await self.restart(before) for _ in range(times)]

    async def restart(self, before: Callable[[], None] = lambda: None) -> float:
        """Stop the box in order and start it; return the ms that it took to get ready."""
        self.client.close()
        await self._box.stop()
        before()
        began = time.perf_counter()
        ready = await self._box.start(START_PATIENCE_S)
        took = time.perf_counter() - began
        serial = f"serial://{self._line.his_port}?baudrate={SERIAL_BAUD}" if self._line else ""
        self._address = serial or f"tcp://127.0.0.1:{ready[1]}"
        await self.connect()
        return took * 1e3

    async def connect(self) -> None:
        """The HIS opens its end."""
        self.client = await Client.connect(self._address, open_stream)
        self._hearing = asyncio.ensure_future(self._hear(self.client))

    async def _hear(self, client: Client) -> None:
        """Confirm what the box says unasked, as every HIS must."""
        with suppress(NoAnswer):
            while True:
                told = await client.unasked()
                if "revision" in told:
                    self._received(told)

    async def stop(self) -> None:
        """End everything."""
        self.client.close()
        await self._box.stop()
        await self._gateway.stop()
        await self.provider.aclose()
        await self._cable.stop()
        if self._line:
            self._line.close()
        self._scanner.close()
        self._memory.cleanup()

    async def pay(self, number: int, wallet: str, *, declined: bool = False) -> None:
        """One payment; its figures are added. `declined`: the first code has no money."""
        asked = self._ask_for_money(number)
        await self._armed()
        if declined:
            code = await self.provider.new_code(wallet)
            await self.provider.bind(code, [{"name": "decline", "code": DECLINES[wallet]}])
            self._scanner.read_code(code)
            await asyncio.sleep(ON_THE_GLASS_S)
        scanned = await self._scan(wallet, asked)
        answer = await asked  # NoAnswer if the box was silent
        told = time.perf_counter()
        assert answer.get("status") == "paid", answer
        self._received(answer)
        self._add(scanned, told)

    async def find_out(self, number: int) -> None:
        """What a HIS does whose connection is gone or silent: connect, and ask how it ended."""
        self.client.close()
        await self.connect()
        async with asyncio.timeout(ENDS_WITHIN_S):
            while True:
                answer = await self.client.request("cancel", {"id": f"B{number}"})
                if answer.get("status") in {"paid", "not_paid", "returned"}:
                    return self._received(answer)
                if answer.get("code") == "not_found":
                    return None
                await asyncio.sleep(1.0)

    async def call_off(self, number: int) -> None:
        """A payment that the cashier cancels before anybody shows a code."""
        asked = self._ask_for_money(number)
        await self._armed()
        await self.client.request("cancel", {"id": f"B{number}"})
        answer = await asked
        assert answer.get("status") == "not_paid", answer
        self._received(answer)

    async def give_back(self, number: int) -> None:
        """All of a payment goes back."""
        fields = {"id": f"R{number}", "pay_id": f"B{number}", "amount_fen": AMOUNT_FEN}
        answer = await self.client.request("refund", fields, timeout_s=ANSWER_PATIENCE_S)
        assert answer.get("status") in {"refunded", "pending"}, answer
        self._received(answer)

    def _ask_for_money(self, number: int) -> "asyncio.Future[Any]":
        fields = {"id": f"B{number}", "amount_fen": AMOUNT_FEN, "business": "outpatient_fee"}
        return asyncio.ensure_future(
            self.client.request("pay", fields, timeout_s=ANSWER_PATIENCE_S)
        )

    def _received(self, answer: Mapping[str, Any]) -> None:
        self.client.post("received", {"id": answer["id"], "revision": answer["revision"]})

    async def _scan(self, wallet: str, asked: "asyncio.Future[Any]") -> float:
        """Hold up a phone, as a patient does again if the box did not take the code."""
        scanned = time.perf_counter()
        while not asked.done():
            code = await self.provider.new_code(wallet)
            self._clock.reset()
            self._scanner.read_code(code)
            scanned = time.perf_counter()
            await asyncio.wait([asked], timeout=SCAN_AGAIN_S)
        return scanned

    async def _armed(self) -> None:
        async with asyncio.timeout(ANSWER_PATIENCE_S):
            while self._lamp() != "waiting":  # noqa: ASYNC110  a file tells nobody
                await asyncio.sleep(0.005)
        await asyncio.sleep(ON_THE_GLASS_S)

    def _lamp(self) -> str:
        return self._site.lamp.read_text().strip() if self._site.lamp.exists() else ""

    def _add(self, scanned: float, told: float) -> None:
        clock, figures = self._clock, self.figures
        provider = clock.last_in_s - clock.first_out_s
        figures.whole.append((told - scanned) * 1e3)
        figures.own.append((told - scanned - provider) * 1e3)
        figures.before.append((clock.first_out_s - scanned) * 1e3)
        figures.after.append((told - clock.last_in_s) * 1e3)

    @property
    def connections(self) -> int:
        """Connections opened to the gateways so far."""
        return self._clock.connections

    @property
    def trips(self) -> int:
        """Times that the newest payment asked a gateway after its scan."""
        return self._clock.trips

    @property
    def site(self) -> Site:
        """Where the box's files lie."""
        return self._site

    @property
    def box(self) -> Child:
        """The program that is measured."""
        return self._box

    def footprint(self) -> Footprint:
        """What the box's process holds now."""
        status = Path(f"/proc/{self._box.pid}/status").read_text()
        rows = dict(row.split(":", 1) for row in status.splitlines())
        return Footprint(
            rss_mb=int(rows["VmRSS"].split()[0]) / 1024,
            descriptors=len(list(Path(f"/proc/{self._box.pid}/fd").iterdir())),
            threads=int(rows["Threads"]),
        )

    def rss_mb(self) -> float:
        """The box's resident memory."""
        return self.footprint().rss_mb


def at(values: list[float], percent: int) -> float:
    """Return the value that so many percent do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
