"""The command: scene after scene, one bill each, and a report of what the HIS did wrong."""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from device.config import read_key
from device.domain.ports import ByteStream
from device.his_link.rehearsal.scenes import SCENES, SEALED_SCENES, Scene, Scenes
from device.his_link.rehearsal.stage import Ear, Skipped, Stage

ABOUT = """\
扮演一台运气不好的扫码墩，让 HIS 程序员在自己的电脑上试自己的程序。不连支付平台，不动真钱。
把 HIS 指向本机，按提示一笔一笔地收（金额任意，每笔都用新单号），最后打印 HIS 哪里做得不对。

A box that has bad luck on purpose: a lost ACK, a late result, doubt, a restart. Point your HIS at
it and collect one bill for each scene. Exit code 0 if the HIS did nothing wrong. ADDRESS is what to
listen on:

  tcp://127.0.0.1:7601
  serial:///dev/ttyUSB0?baudrate=9600
  tls://0.0.0.0:7601?cert=box-cert.pem&key=box-key.pem     ca=FILE: the HIS must show a certificate

密封连接加 --key his.key，多演三场：忘了会话、答者没有密钥、旧帧重放。
With --key the link is sealed, and three more scenes are played.
"""

Closer = Callable[[], Awaitable[None]]
Serve = Callable[[str, Callable[[ByteStream], Ear]], Awaitable[tuple[str, Closer]]]
"""Address and who hears a new stream, to the address as opened and what closes it."""


def main(argv: Sequence[str], serve: Serve) -> int:
    """Run the command; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="paybox rehearse",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("address", metavar="ADDRESS")
    parser.add_argument("--encoding", choices=("utf-8", "gbk"), default="utf-8")
    text = "与 HIS 相同的密钥，密封连接 / the HIS's his.key: a sealed link"
    parser.add_argument("--key", type=Path, metavar="FILE", help=text)
    chosen = parser.parse_args(argv)
    key = read_key(chosen.key) if chosen.key else None
    stage, faults = Stage(chosen.encoding, key=key), dict[str, list[str]]()
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(rehearse(chosen.address, serve, stage, faults))
    except (ValueError, OSError) as error:
        parser.error(f"{chosen.address}: {error}")
    return report(faults, programme(stage))


def programme(stage: Stage) -> Scenes:
    """The scenes that this line allows, in their order."""
    return {**SCENES, **SEALED_SCENES} if stage.sealed else SCENES


async def rehearse(
    address: str, serve: Serve, stage: Stage, faults: dict[str, list[str]]
) -> dict[str, list[str]]:
    """Play every scene; `faults` grows by the scene's title."""
    stage.notice = _say
    stage.serial = address.startswith("serial:")
    opened, close = await serve(address, stage.attach)
    scenes = programme(stage)
    _say(f"等待 HIS 连接 {opened}")
    try:
        for number, (title, scene) in enumerate(scenes.items(), 1):
            _say(f"[{number}/{len(scenes)}] {title}：请在 HIS 上收一笔")
            faults[title] = await _played(stage, scene)
            _say("    " + ("；".join(faults[title]) or "好"))
    finally:
        await close()
    return faults


async def _played(stage: Stage, scene: Scene) -> list[str]:
    stage.faults = []
    try:
        await scene(stage)
    except Skipped as why:
        _say(f"    略：{why}")
    return stage.faults


def report(faults: dict[str, list[str]], scenes: Scenes) -> int:
    """Print the whole; return 0 if every scene was played and nothing was wrong."""
    _say("")
    _say("HIS 演练报告")
    for title in scenes:
        if title not in faults:
            _say(f"－ {title}（没有演到）")
            continue
        _say(f"{'✗' if faults[title] else '✓'} {title}")
        for fault in faults[title]:
            _say(f"    {fault}")
    wrong = sum(bool(found) for found in faults.values())
    _say(f"共 {len(faults)} 场，{f'{wrong} 场做得不对' if wrong else '没有发现错误'}")
    return 0 if not wrong and len(faults) == len(scenes) else 1


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
