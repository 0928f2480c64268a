"""Living a life once with everything noted: the tape, and what the providers held along it."""

import asyncio
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from device.journal.connection import connect
from simulators.crash.center import Center
from simulators.crash.images import Image
from simulators.crash.life import Desk, Life, Story
from simulators.crash.small_box import Place, SmallBox
from simulators.crash.tape import Arrived, Fact, Operation, Tape
from simulators.crash.vfs import Disk, hooked
from simulators.crash.virtual_time import REBOOT_S, VirtualLoop, run
from simulators.crash.wire import Network
from simulators.crash.world import copied, providers
from simulators.gateway.identities import Identities
from simulators.gateway.provider import Provider

JOURNAL = "journal.sqlite3"


@dataclass(slots=True)
class Recording:
    """A life on tape. `providers[n]` is what the providers held after n arrivals."""

    life: Life
    base: Image
    """What was on the card before."""
    tape: Tape
    providers: list[Provider] = field(default_factory=list)
    before: tuple[Fact, ...] = ()
    """What the world knew when the tape began."""

    def provider_at(self, facts: list[Fact]) -> Provider:
        """What the providers held when this was known."""
        since = facts[len(self.before) :]
        return self.providers[sum(isinstance(fact, Arrived) for fact in since)]

    def note(self, fact: Fact, provider: Provider) -> None:
        """Write a fact down; after an arrival keep what the providers hold now."""
        self.tape.add(fact)
        if isinstance(fact, Arrived):
            self.providers.append(copied(provider, asyncio.get_running_loop()))


@dataclass(slots=True)
class Recorder(Disk):
    """Notes every operation that was done."""

    tape: Tape

    def after(self, operation: Operation) -> None:
        """Write it down."""
        self.tape.add(operation)


def empty_journal(keys: Identities, directory: Path) -> Image:
    """A journal that was opened once and closed in order."""
    loop = VirtualLoop(-1_000.0)
    clean(directory)
    network = Network(providers(keys, loop), lambda _: None)

    async def once() -> None:
        place = Place(directory / JOURNAL, keys, network, lambda _: None, connect)
        await (await SmallBox.open(place)).stop()

    run(once(), loop)
    return image_of(directory)


def record(life: Life, keys: Identities, directory: Path, base: Image) -> Recording:
    """Live it on a clean directory."""
    loop = VirtualLoop()
    put(base, directory)
    tape = Tape(loop.time)
    provider = providers(keys, loop)
    recording = Recording(life, base, tape, [copied(provider, loop)])

    def note(fact: Fact) -> None:
        recording.note(fact, provider)

    with hooked(Recorder(tape)) as connect_hooked:
        network = Network(provider, note)
        center = Center(note=note) if life.syncs else None
        place = Place(directory / JOURNAL, keys, network, note, connect_hooked, center)
        run(_live(life, place), loop)
    return recording


async def _live(life: Life, place: Place) -> None:
    for story in life.boots:
        await one_boot(story, place)
        await asyncio.sleep(REBOOT_S)


async def one_boot(story: Story, place: Place) -> None:
    """Power on, live, SIGTERM."""
    box = await SmallBox.open(place)
    await box.start()
    await story(Desk(box))
    await box.stop()


# ---------------------------------------------------------------- directories


def clean(directory: Path) -> None:
    """Remove what is there."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)


def put(image: Image, directory: Path) -> None:
    """Make the directory hold exactly this image."""
    for file in directory.iterdir():
        if file.name not in image:
            file.unlink()
    for name, data in image.items():
        (directory / name).write_bytes(data)


def image_of(directory: Path) -> Image:
    """Read a directory; the -shm file is no part of a disk's content: it is rebuilt."""
    files = (f for f in directory.iterdir() if not f.name.endswith("-shm"))
    return {file.name: file.read_bytes() for file in files}
