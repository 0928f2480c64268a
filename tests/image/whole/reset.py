"""Back to the factory state: by hand with the power cut on the way, and by a file on the card."""

import asyncio

from tests.image.whole.passphrase import by_passphrase, until_it_waits
from tests.image.whole.stage import Stage

ASK = "paybox factory-reset -c /etc/paybox/paybox.toml"
RESTART_S = 240.0
LEFT = """\
cd /data; shopt -s globstar dotglob nullglob
for file in **; do
    case $file in log/* | timesync/*) ;; *) [ ! -f "$file" ] || echo "$file" ;; esac
done
"""
AS_FLASHED = {"slots", "machine-id", "settings/seal.key", "factory-reset-done"}
"""What a box that waits for its codes has made, or keeps; the rest must be gone."""


async def play(stage: Stage) -> None:
    """Each way once; in the end the box is configured again and takes money."""
    await _pay(stage, "before: pay")
    await _refused(stage)
    await _by_hand(stage)
    await _by_file(stage)
    await _pay(stage, "configured again: pay")


async def _pay(stage: Stage, name: str) -> None:
    id_ = stage.desk.new_id()
    asked = await stage.desk.collect(id_)
    await stage.desk.show("wechat")
    answer = await asked
    told = await stage.books(id_)
    stage.table.say(name, told, right=answer.get("status") == "paid")


async def _refused(stage: Stage) -> None:
    """There is no centre here: every payment is on this card alone."""
    told = await stage.guest.run(f"{ASK} --word 'RESET BOX-0001'; echo exit $?")
    right = "exit 1" in told and "LOSE BOX-0001" in told
    still = (await stage.guest.run("systemctl is-active paybox.service")).strip()
    right = right and still == "active"
    stage.table.say("factory reset refused, events only here", still, right=right)


async def _by_hand(stage: Stage) -> None:
    """The plug is pulled while the next start wipes."""
    await stage.guest.run(f"({ASK} --word 'LOSE BOX-0001' </dev/null >/dev/null 2>&1 &)")
    await stage.guest.until_reset(RESTART_S)
    flushes = stage.disk.flushes
    async with asyncio.timeout(RESTART_S):
        while stage.disk.flushes < flushes + 6:  # noqa: ASYNC110  the card tells nobody
            await asyncio.sleep(0.02)
    await stage.cut()
    await _comes_back_empty(stage, "factory reset by hand, cut while it wipes")


async def _by_file(stage: Stage) -> None:
    """A technician without ssh: a file on the boot partition, which stays there."""
    request = stage.folder / "factory-reset.txt"
    request.write_text("RESET BOX-0001\r\n2026-11-26\r\n")
    await stage.cut()
    stage.card.put(request)
    await _comes_back_empty(stage, "factory reset by a file on the card")
    await stage.cut()
    await stage.start()
    stage.table.say("the same file wipes nothing twice", "connected without codes")


async def _comes_back_empty(stage: Stage, name: str) -> None:
    """Start, look at what is left, and give it its configuration again."""
    bundle = stage.office.bundle("serial")
    stage.tcp = False
    stage.card.put(bundle.file)
    await stage.switch_on()
    await until_it_waits(stage)
    left = set((await stage.guest.run(LEFT)).split())
    stage.table.say(name, f"left: {sorted(left)}", right=left <= AS_FLASHED)
    await by_passphrase(stage, bundle.passphrase)
    await stage.until_connected()
    await stage.desk.until_open()
