"""Boot the card, provision it, pay, pull out, cut, update; print one table; 1 if one is wrong."""

import argparse
import asyncio
import platform
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from image import figures
from image.layout import MIB
from tests.image.whole import board, inside, payments, power, reset, unplugged, update, vpn
from tests.image.whole.hospital import NEEDED, in_own_network
from tests.image.whole.passphrase import by_passphrase
from tests.image.whole.stage import BUILT, Stage

NEEDED_HERE = NEEDED | {"qemu-system-aarch64": "qemu-system-arm", "mcopy": "mtools"}


async def first_start(stage: Stage) -> None:
    """A fresh card with the office's bundle on it; the technician scans the passphrase."""
    bundle = stage.office.bundle("serial")
    stage.card.put(bundle.file, bundle.trust)
    await stage.switch_on()
    began = stage.guest.started_s
    await by_passphrase(stage, bundle.passphrase)
    stage.table.say("provisioned by bundle and passphrase", f"{time.monotonic() - began:.0f} s")
    ready_s = await stage.until_connected()
    stage.table.say("first start to HIS link, passphrase included", f"{ready_s:.0f} s")
    await stage.desk.until_open()


async def second_start(stage: Stage) -> None:
    """Power off without a word, and on."""
    await stage.cut()
    ready_s = await stage.start()
    open_s = time.monotonic() - stage.guest.started_s
    told = f"{ready_s:.1f} s to the HIS link, {open_s:.1f} s until money is taken"
    stage.table.say("power to ready, emulated", told)
    figures.record(BUILT, "boot_s", open_s)


async def over_tcp(stage: Stage) -> None:
    """The office sends another bundle: the HIS comes by network now."""
    public = (await stage.guest.run("paybox provision box-key -c /etc/paybox/paybox.toml")).strip()
    bundle = stage.office.bundle("tcp", public)
    await stage.cut()
    stage.card.put(bundle.file)
    stage.tcp = True
    await stage.start()
    id_ = stage.desk.new_id()
    asked = await stage.desk.collect(id_)
    await stage.desk.show("alipay")
    answer = await asked
    told = await stage.books(id_)
    stage.table.say("new bundle, HIS over TCP: pay", told, right=answer.get("status") == "paid")
    await inside.look(stage)
    await inside.scan(stage)


async def look_inside(stage: Stage) -> None:
    """What runs, listens and is exposed."""
    await inside.look(stage)
    await inside.scan(stage)
    await inside.start_times(stage)


SCENES: dict[str, Callable[[Stage], Awaitable[None]]] = {
    "first": first_start,
    "payments": payments.play,
    "unplugged": unplugged.play,
    "vpn": vpn.play,
    "again": second_start,
    "inside": look_inside,
    "power": power.cut_and_compare,
    "update": update.keep,
    "update-back": update.take_back,
    "update-cuts": update.cut_at_each_step,
    "tcp": over_tcp,
    "reset": reset.play,
    "board": board.play,
}


def _sizes(stage: Stage) -> None:
    taken = (BUILT / "paybox.img").stat().st_blocks * 512 / MIB
    root = (BUILT / "root.erofs").stat().st_size / MIB
    whole = (BUILT / "paybox.img").stat().st_size / MIB
    stage.table.say("image", f"{whole:.0f} MiB, of it {taken:.0f} not empty; root {root:.1f} MiB")
    if build_s := figures.read(BUILT).get("build_s"):
        stage.table.say("build", f"{build_s:.0f} s")


async def run(chosen: argparse.Namespace, folder: Path) -> bool:
    """Play all scenes on one card."""
    stage = Stage(folder, random.Random(chosen.seed), chosen.cuts, chosen.moments)
    _sizes(stage)
    await stage.hospital.start()
    try:
        for name, scene in SCENES.items():
            if name in chosen.scenes or name == "first":
                await _one(stage, name, scene)
    finally:
        await stage.guest.cut()
        await stage.hospital.stop()
    _print(stage, chosen)
    return stage.table.right


async def _one(stage: Stage, name: str, scene: Callable[[Stage], Awaitable[None]]) -> None:
    began = time.monotonic()
    try:
        await scene(stage)
    except Exception as error:  # noqa: BLE001  whatever it was, the other scenes can still be played
        stage.table.say(name, f"{error!r}", right=False)
        traceback.print_exc()
        print(await _last_words(stage))
        await stage.start_anew()
    print(f"    {name}: {time.monotonic() - began:.0f} s", flush=True)


async def _last_words(stage: Stage) -> str:
    try:
        return await stage.guest.run("journalctl -b --no-pager | tail -40", 20)
    except (TimeoutError, EOFError, OSError):
        return (stage.folder / "kernel").read_text(errors="replace")[-2000:]


def _print(stage: Stage, chosen: argparse.Namespace) -> None:
    stage.table.say("asked while a provider did not answer in 3 s", f"{stage.desk.offline} times")
    stage.table.say("codes held to the scanner again", f"{stage.desk.scanned_again} times")
    day = time.strftime("%Y-%m-%d")
    print(f"\n{day}, {platform.machine()}, seed {chosen.seed}, {stage.cuts} power cuts in all")
    for name, right, told in stage.table.rows:
        print(f"{'' if right else 'BAD: '}{name:46} {told}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.image.whole", description=__doc__)
    parser.add_argument("--cuts", type=int, default=50, help="power cuts in a payment")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--moments", type=int, default=len(update.CUTS), help="cuts of an update")
    parser.add_argument("--scenes", nargs="*", default=list(SCENES), choices=list(SCENES))
    chosen = parser.parse_args(arguments)
    absent = sorted({package for name, package in NEEDED_HERE.items() if not shutil.which(name)})
    if absent or not (BUILT / "paybox.img").exists():
        print(f"first: {'apt-get install ' + ' '.join(absent) if absent else 'make image'}")
        return 2
    in_own_network()
    folder = Path(tempfile.mkdtemp(prefix="paybox-card-"))
    if not asyncio.run(run(chosen, folder)):
        print(f"the card as it is now: {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
