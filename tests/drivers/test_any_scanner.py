import asyncio
from functools import partial
from typing import TYPE_CHECKING

from device.drivers.any_scanner import NONE, AnyScanner
from device.drivers.scan_assembler import Garbled, Scan
from device.drivers.scan_sink import ScanSink

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.drivers.conftest import Collected


class OneKind:
    """A driver whose scanner a test plugs in and pulls out."""

    def __init__(self, name: str, sink: ScanSink) -> None:
        self.sink = sink
        self.online = False
        self.fault, self.missing = f"no {name}", True
        self.running = False

    async def run(self) -> None:
        self.running = True
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.running = False

    def plug(self, *, online: bool) -> None:
        self.online = online
        self.sink.on_online(online)


def kinds(collected: "Collected") -> tuple[AnyScanner, list[OneKind]]:
    made: list[OneKind] = []

    def make(name: str, sink: ScanSink) -> OneKind:
        made.append(OneKind(name, sink))
        return made[-1]

    makes: list[Callable[[ScanSink], OneKind]] = [partial(make, n) for n in ("keys", "reports")]
    return AnyScanner(makes, collected.sink), made


def test_it_is_online_while_one_of_them_is_and_says_so_once(collected: "Collected") -> None:
    scanner, (keys, reports) = kinds(collected)
    assert (scanner.online, scanner.fault) == (False, NONE)
    keys.plug(online=True)
    reports.plug(online=True)
    keys.plug(online=False)
    assert (scanner.online, scanner.fault) == (True, "")
    reports.plug(online=False)
    assert (scanner.online, scanner.fault) == (False, NONE)
    assert collected.online == [True, False]


def test_one_that_is_there_and_cannot_be_used_is_told_before_those_that_are_not_there(
    collected: "Collected",
) -> None:
    scanner, (_, reports) = kinds(collected)
    reports.fault, reports.missing = "not allowed", False
    assert scanner.fault == "not allowed"


def test_what_each_reads_arrives_and_is_remembered_in_one_place(collected: "Collected") -> None:
    _, (keys, reports) = kinds(collected)
    keys.sink.take(Garbled("layout"))
    assert collected.sink.trouble
    reports.sink.take(Scan("123", 1.0, 1.5, "report"))
    assert (collected.texts, collected.garbled) == (["123"], ["layout"])
    assert (collected.sink.trouble, collected.sink.ended_by) == ("", "report")
    assert list(collected.sink.took_ms) == [500.0]


async def test_all_of_them_run_and_end_together(collected: "Collected") -> None:
    scanner, made = kinds(collected)
    task = asyncio.create_task(scanner.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [one.running for one in made] == [True, True]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [one.running for one in made] == [False, False]
