"""Updates from a USB stick: kept, taken back, and cut at every step."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.image.whole import release
from tests.image.whole.desk import WentOtherwise
from tests.image.whole.stage import BUILT, Stage

STICK = {"driver": "usb-storage", "id": "stick", "bus": "usb.0", "drive": "stick"}
WRITTEN_S = 900.0  # emulated, on a busy machine: 118 MiB written, read back and hashed twice
JUDGED_S = 900.0
# In the shell alone: a program started ten times a second is all that an emulated machine can do.
WAIT_INSIDE = """\
exec 9<> <(:)
for ((i = 0; i < 4000; i++)); do {test} && exit 0; read -rt 0.2 -u 9; done 2>&-; echo in vain
"""
STAT = "read -ra n </sys/block/vda/vda3/stat"  # of slot b; 2: sectors read, 6: written
TRIAL = "[[ $(</data/slots) == *try=b* ]]"
KEPT = "[[ $(</data/slots) == good=b* ]]"


async def take_back(stage: Stage) -> None:
    """Bad releases: each is tried once and goes."""
    bad = {"0.1.1": release.no_firmware, "0.1.2": release.no_system}
    for version, change in bad.items():
        await _taken_back(stage, version, change)


async def keep(stage: Stage) -> None:
    """The good release, without a cut."""
    await _kept(stage, _good(stage))
    await _old_again(stage)


async def cut_at_each_step(stage: Stage) -> None:
    """The good release, cut; a row for each step and one for all."""
    stick, cuts = _good(stage), 0
    chosen = dict(stage.luck.sample(list(CUTS.items()), stage.update_cuts))
    for name, moment in chosen.items():
        cuts += await _cut(stage, stick, name, moment)
    told = f"{cuts} of {len(chosen)}"
    stage.table.say("update cut, whole old or new afterwards", told, right=cuts == len(chosen))


def _good(stage: Stage) -> Path:
    return release.stick(BUILT, stage.folder, release.SOUND, release.sound)


async def _plug_in(stage: Stage, stick: Path) -> None:
    """Put the stick in; the box does the rest."""
    node = {"driver": "file", "filename": str(stick), "node-name": "stick", "read-only": True}
    await stage.guest.do("blockdev-add", **node)
    await stage.guest.plug(STICK)


async def _until(stage: Stage, test: str, patience_s: float = WRITTEN_S) -> None:
    told = await stage.guest.run(WAIT_INSIDE.format(test=test), patience_s)
    if told.strip():
        raise WentOtherwise(f"{test}: {told.strip()}")


async def _slots(stage: Stage) -> tuple[str, str]:
    """Which slot runs, and what the card says of both."""
    running = (await stage.guest.run("cat /run/paybox/slot")).strip()
    return running, " ".join((await stage.guest.run("cat /data/slots")).split())


async def _taken_back(stage: Stage, version: str, change: Callable[[Path], None]) -> None:
    """Tried once, then the release before it runs again, and the stick is not tried again."""
    stick = release.stick(BUILT, stage.folder, version, change)
    await _plug_in(stage, stick)
    await stage.guest.until_reset(WRITTEN_S)  # into the trial
    await stage.guest.until_reset(JUDGED_S)  # and out of it
    stage.desk.disconnect()
    await stage.until_connected()
    running, slots = await _slots(stage)
    right = running == "a" and slots == "good=a try=b tries=0"
    name = f"bad release rolled back: {change.__doc__ or ''}".rstrip(".")
    stage.table.say(name, f"slot {running}, {slots}", right=right)
    await stage.cut()
    stick.unlink()
    await stage.start()


async def _kept(stage: Stage, stick: Path) -> None:
    await _plug_in(stage, stick)
    await stage.guest.until_reset(WRITTEN_S)
    stage.desk.disconnect()
    await _until(stage, KEPT, JUDGED_S)
    await stage.until_connected()
    version = (await stage.guest.run("paybox --version")).strip()
    running, slots = await _slots(stage)
    right = running == "b" and release.SOUND in version and slots.startswith("good=b")
    stage.table.say("good release kept", f"slot {running}, {slots}, {version}", right=right)


async def _old_again(stage: Stage) -> None:
    """Have the card run its first release, as if no stick had ever been in it."""
    await stage.guest.run("rm -f /data/update-tried /data/update-trial.json")
    await stage.guest.run("printf 'good=a\\ntry=\\ntries=0\\n' > /data/slots; sync")
    await stage.cut()
    await stage.start()


# ---------------------------------------------------------------- cut at each step


async def _first_bytes(stage: Stage) -> None:
    await _until(stage, f"{STAT}; [ ${{n[6]}} -gt 2048 ]")


async def _half_written(stage: Stage) -> None:
    await _until(stage, f"{STAT}; [ ${{n[6]}} -gt 120000 ]")


async def _read_back(stage: Stage) -> None:
    await _until(stage, f"{STAT}; [ ${{n[2]}} -gt 100000 ]")


async def _trial_noted(stage: Stage) -> None:
    await _until(stage, "[ -s /data/update-trial.json ]")


async def _trial_set(stage: Stage) -> None:
    await _until(stage, TRIAL)


async def _in_the_initrd(stage: Stage) -> None:
    await stage.guest.until_reset(WRITTEN_S)
    await asyncio.sleep(1)


async def _counted_down(stage: Stage) -> None:
    await stage.guest.until_reset(WRITTEN_S)
    flushes = stage.disk.flushes
    while stage.disk.flushes < flushes + 2:  # noqa: ASYNC110  the card tells nobody
        await asyncio.sleep(0.02)


async def _on_trial(stage: Stage) -> None:
    await stage.guest.until_reset(WRITTEN_S)
    await _until(
        stage, "read -rt 1 -u 9; systemctl is-active paybox-gate | grep -q activating", JUDGED_S
    )


async def _kept_just_now(stage: Stage) -> None:
    await stage.guest.until_reset(WRITTEN_S)
    await _until(stage, KEPT, JUDGED_S)


CUTS: dict[str, Callable[[Stage], Awaitable[None]]] = {
    "the first bytes": _first_bytes,
    "half written": _half_written,
    "read back": _read_back,
    "trial noted": _trial_noted,
    "trial set": _trial_set,
    "in the initrd": _in_the_initrd,
    "counted down": _counted_down,
    "on trial, at the gate": _on_trial,
    "kept just now": _kept_just_now,
}


async def _cut(
    stage: Stage, stick: Path, name: str, moment: Callable[[Stage], Awaitable[None]]
) -> bool:
    """Cut there; whether what starts afterwards is a whole release that takes money."""
    await stage.guest.run("rm -f /data/update-tried /data/update-trial.json; sync")
    try:
        await _plug_in(stage, stick)
        await moment(stage)
        await stage.cut()
        await stage.start()
        running, slots = await _slots(stage)
        version = (await stage.guest.run("paybox --version")).split()[-1]
    except (WentOtherwise, TimeoutError, EOFError) as error:
        stage.table.say(f"update cut: {name}", f"{error!r}", right=False)
        return False
    right = {"a": "0.1.0", "b": release.SOUND}.get(running) == version
    stage.table.say(f"update cut: {name}", f"slot {running} {version}, {slots}", right=right)
    if running == "b":  # the next cut begins with the old one again
        await _old_again(stage)
    return right
