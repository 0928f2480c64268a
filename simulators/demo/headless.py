"""Plays every story and prints one line for each; the three books are compared after each."""

import os
import sys
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from device.domain.money import format_yuan
from device.errors import PeerError
from simulators.demo.facts import Fact, at_his, at_provider, attempts, in_journal
from simulators.demo.provider import GatewayGone
from simulators.demo.site import MACHINE_PACE, Site
from simulators.demo.stories import STORIES, Desk, Story, WentOtherwise
from simulators.demo.world import World

TITLE_COLUMNS = 28
STATUS_COLUMNS = 10
FACT_COLUMNS = 27
GREEN, RED, DIM, PLAIN = "\033[32m", "\033[31m", "\033[2m", "\033[0m"


@dataclass(frozen=True, slots=True)
class Told:
    """How a story went. `wrong` is empty if it went as it must."""

    story: Story
    provider: Fact
    journal: Fact
    his: Fact
    seconds: float
    wrong: str


class Paper:
    """The terminal: colours and a progress line if it is one, plain lines if not."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._colours = self._live and "NO_COLOR" not in os.environ

    def progress(self, number: int, total: int, title: str) -> None:
        """Say what is being played."""
        if self._live:
            print(f"\r\033[K  [{number}/{total}] {title} …", end="", flush=True)

    def line(self, text: str, colour: str = PLAIN) -> None:
        """Print one line in the place of the progress."""
        start = "\r\033[K" if self._live else ""
        print(start + (f"{colour}{text}{PLAIN}" if self._colours else text), flush=True)


async def play_all(site: Site) -> int:
    """Return 0 if every story ended as it must, else 1."""
    paper = Paper()
    began = time.monotonic()
    paper.line("启动两家支付网关与扫码墩……", DIM)
    world = World(site, MACHINE_PACE)
    try:
        await world.start()
        await world.cashier.his.connected()
        paper.line(_head(), DIM)
        told = await _play(world, paper)
        whole = await _whole(world)
    finally:
        await world.stop()
    return _end(paper, told, whole, time.monotonic() - began)


async def _play(world: World, paper: Paper) -> list[Told]:
    told: list[Told] = []
    for number, story in enumerate(STORIES, 1):
        paper.progress(number, len(STORIES), story.title)
        told.append(await _tell(world, story))
        _print(paper, told[-1])
    return told


async def _tell(world: World, story: Story) -> Told:
    began = time.monotonic()
    wrong, id_ = "", ""
    known = set(world.cashier.bills)
    try:
        id_ = await story.play(Desk(world))
    except (WentOtherwise, GatewayGone, PeerError) as error:
        wrong = str(error) or type(error).__name__
        id_ = next((i for i in world.cashier.bills if i not in known), "")
    provider, journal, his = await _facts(world, id_)
    seconds = time.monotonic() - began
    return Told(
        story, provider, journal, his, seconds, wrong or _compare(story, provider, journal, his)
    )


async def _facts(world: World, id_: str) -> tuple[Fact, Fact, Fact]:
    numbers = {one.out_trade_no for one in attempts(world.site.journal, id_)} if id_ else set()
    return (
        at_provider(await world.provider.trades(numbers)),
        in_journal(world.site.journal, id_),
        at_his(world.tap.answers.get(id_, {})),
    )


def _compare(story: Story, provider: Fact, journal: Fact, his: Fact) -> str:
    """Return what is wrong, in words; empty if nothing is."""
    if len({provider.held_fen, journal.held_fen, his.held_fen}) > 1:
        return "三本账不一致"
    if his.words != story.status or journal.words.split("/")[0] != story.status:
        return f"应为 {story.status}"
    if provider.words != story.at_provider:
        return f"网关应为 {story.at_provider}"
    if his.held_fen != story.held_fen:
        return f"应为 ¥{format_yuan(story.held_fen)}"
    return ""


async def _whole(world: World) -> tuple[Fact, Fact, Fact]:
    """All stories together: also an order that only a provider knows would show here."""
    rows = [row for id_ in world.cashier.bills for row in attempts(world.site.journal, id_)]
    trades = await world.provider.trades()
    frames = [frame for id_, frame in world.tap.answers.items() if _is_charge(world, id_, frame)]
    return (
        Fact(f"{len(trades)} 单", sum(one.held_fen for one in trades)),
        Fact(f"{len(rows)} 次扣款", sum(one.held_fen for one in rows)),
        Fact(f"{len(frames)} 笔收费", sum(at_his(frame).held_fen for frame in frames)),
    )


def _is_charge(world: World, id_: str, frame: Mapping[str, object]) -> bool:
    return frame.get("type") == "result" and id_ in world.cashier.bills


def _end(paper: Paper, told: list[Told], whole: tuple[Fact, Fact, Fact], seconds: float) -> int:
    agree = len({fact.held_fen for fact in whole}) == 1
    failed = sum(bool(one.wrong) for one in told)
    good = agree and not failed
    mark, colour = ("✓", GREEN) if agree else ("✗", RED)
    paper.line(_row(mark, "合计", "", whole), colour)
    verdict = "全部如期" if good else f"{failed} 个故事不对" if failed else "合计不一致"
    paper.line(f"\n{len(told)} 个故事，{seconds:.1f} 秒，{verdict}。", GREEN if good else RED)
    return 0 if good else 1


def _print(paper: Paper, told: Told) -> None:
    facts = (told.provider, told.journal, told.his)
    row = _row("✗" if told.wrong else "✓", told.story.title, told.his.words, facts)
    paper.line(f"{row}{told.seconds:6.2f} s", RED if told.wrong else PLAIN)
    if told.wrong:
        paper.line(f"    {told.wrong}", RED)


def _head() -> str:
    names = ("网关的账", "盒子的账本", "HIS 末帧")
    return _row(" ", "故事", "HIS 状态", names) + "  用时"


def _row(mark: str, title: str, status: str, facts: tuple[object, ...]) -> str:
    cells = [_wide(title, TITLE_COLUMNS), _wide(status, STATUS_COLUMNS)]
    return " ".join([mark, *cells, *(_wide(str(fact), FACT_COLUMNS) for fact in facts)])


def _wide(text: str, columns: int) -> str:
    """Pad to a width in terminal cells: a Chinese character takes two."""
    width = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
    return text + " " * (columns - width)
