"""``paybox demo``: the box between its real links, on one page; or every story without a page."""

import argparse
import asyncio
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from simulators.demo import statistics
from simulators.demo.children import Child, ChildError
from simulators.demo.desk_page import DeskPage
from simulators.demo.hub import Hub
from simulators.demo.site import PERSON_PACE, Site, make_site
from simulators.demo.view import View
from simulators.demo.web import WebServer
from simulators.demo.world import World

DEFAULT_PORT = 8800
HIS_PORT = 7601  # of the manuals; any other if it is taken
FAILED = 1
INTERRUPTED = 130  # what a shell reports of a program ended by Ctrl-C


def main(argv: list[str]) -> int:
    """Run until Ctrl-C, or until every story is told; exit 1 if something went otherwise."""
    options = _parser().parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="paybox-demo-") as made:
        directory = options.data or Path(made)
        directory.mkdir(parents=True, exist_ok=True)
        site = make_site(directory, wide=options.wide)
        work = _headless(site) if options.headless else _page(site, options.port)
        try:
            return asyncio.run(work)
        except ChildError as error:
            print(f"paybox demo: {error}", file=sys.stderr)
            return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="paybox demo",
        description="真实的扫码墩程序，接在模拟的 HIS、扫码枪与支付网关之间。",
    )
    parser.add_argument("--headless", action="store_true", help="不开网页，逐个演完所有故事")
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, metavar="N", help="网页的端口（默认 8800）"
    )
    parser.add_argument("--wide", action="store_true", help="屏幕为 256x64（默认 128x64）")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="密钥与账本所在（默认用完即删的临时目录）"
    )
    return parser


async def _headless(site: Site) -> int:
    from simulators.demo.headless import play_all  # noqa: PLC0415  sqlite only where it is needed

    playing = asyncio.current_task()
    assert playing is not None
    _when_told(playing.cancel)
    try:
        return await play_all(site)
    except asyncio.CancelledError:
        print("\n已中断。", file=sys.stderr)
        return INTERRUPTED


async def _page(site: Site, port: int) -> int:
    view = View(Hub())
    centre = statistics.prepare(site) if statistics.here() else None
    print("正在生成密钥并启动网关与扫码墩……", flush=True)
    world = World(
        site,
        PERSON_PACE,
        more={"center": centre.box_table} if centre else {},
        his_port=HIS_PORT,
        on_seen=view.seen,
        on_exchange=view.exchanged,
        on_change=view.refresh,
    )
    view.world = world
    over = asyncio.Event()
    _when_told(over.set)
    web: WebServer | None = None
    running: Child | None = None
    try:
        await world.start()
        page = DeskPage(world, view)
        page.live()
        web = WebServer(page.answer)
        await web.start(port)
        _say_where(web, world.his_cable.port, site.directory)
        if centre:
            running = await statistics.start(centre)
            print(
                f"  统计中心     {centre.address}  用户 {statistics.USER}  密码 {centre.password}"
            )
            print("               （病人付款后数秒内即可在这里查到）\n", flush=True)
        await over.wait()
        print("\n正在关闭……", flush=True)
    finally:
        if web:
            await web.stop()
        if running:
            await running.stop()
        await world.stop()
    return 0


def _when_told(call: Callable[[], object]) -> None:
    """Call this on Ctrl-C and on SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, call)


def _say_where(web: WebServer, his_port: int, directory: Path) -> None:
    print(f"\n  扫码墩演示   {web.address}")
    print(f"  HIS 接口     tcp://127.0.0.1:{his_port}  您自己的 HIS 程序也可以连")
    print(f"  数据目录     {directory}")
    print("  Ctrl-C 结束\n", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
