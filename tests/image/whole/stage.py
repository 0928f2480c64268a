"""One card in one machine at one desk, and the table of what was seen of it."""

import asyncio
import base64
import random
import time
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from image import REPOSITORY
from simulators.demo.facts import attempts
from tests.image.whole.desk import Desk, WentOtherwise
from tests.image.whole.disk import Disk
from tests.image.whole.hospital import BOX, TAP, Hospital
from tests.image.whole.machine import BOOT_PATIENCE_S, Guest
from tests.image.whole.site import HIS_PORT, Card, Office

BUILT = REPOSITORY / "build/image"
LOOKS = 60
COPY = "/run/journal-copy"
# The box works while it is read: SQLite's own backup gives one moment of it.
BACK_UP = f"""\
rm -f {COPY}; /usr/bin/python3 -c '
import sqlite3
box = sqlite3.connect("file:/var/lib/paybox/journal.sqlite3?mode=ro", uri=True)
print(*box.execute("PRAGMA integrity_check").fetchone())
box.backup(sqlite3.connect("{COPY}"))'
sha256sum <{COPY}; base64 -w0 {COPY}
"""


@dataclass(slots=True)
class Table:
    """What is printed at the end."""

    rows: list[tuple[str, bool, str]] = field(default_factory=list)

    def say(self, name: str, told: str = "", *, right: bool = True) -> None:
        """Add a row and show it at once."""
        self.rows.append((name, right, told))
        print(f"{'ok ' if right else 'BAD'} {name:44} {told}", flush=True)

    @property
    def right(self) -> bool:
        """Whether nothing was wrong."""
        return all(right for _, right, _ in self.rows)


class Stage:
    """Everything together."""

    def __init__(
        self, folder: Path, luck: random.Random, payment_cuts: int, update_cuts: int
    ) -> None:
        self.folder, self.luck = folder, luck
        self.payment_cuts, self.update_cuts = payment_cuts, update_cuts
        self.table = Table()
        self.hospital = Hospital(folder)
        self.office = Office(folder / "office", self.hospital)
        self.card = Card.flashed(BUILT / "paybox.img", folder / "card.img")
        self.desk = Desk(self.hospital.provider)
        self.guest: Guest
        self.disk: Disk
        self.tcp = False
        """Whether the box's HIS comes over TCP instead of the cable."""
        self.cuts = 0

    async def switch_on(self) -> None:
        """Give the machine power."""
        self.disk = Disk(self.card.file, self.folder / "card.sock", self.luck)
        await self.disk.start()
        self.guest = Guest(BUILT / "boot", self.folder, self.disk.drive, TAP)
        self.desk.guest = self.guest
        await self.guest.start()

    async def cut(self) -> int:
        """Pull the plug, and lose what is not on the card yet; return the sectors in doubt."""
        self.desk.disconnect()
        await self.guest.cut()
        doubtful = self.disk.cut()
        self.disk.stop()
        self.cuts += 1
        return doubtful

    async def until_connected(self) -> float:
        """Wait until the HIS has its box; return the seconds since power was given."""
        address = f"tcp://{BOX}:{HIS_PORT}" if self.tcp else ""
        await self.desk.connect(self.guest, address)
        return time.monotonic() - self.guest.started_s

    async def start(self) -> float:
        """Power, and wait until money could be taken; return the seconds to the HIS link."""
        await self.switch_on()
        ready_s = await self.until_connected()
        await self.desk.until_open(BOOT_PATIENCE_S)
        return ready_s

    async def start_anew(self) -> None:
        """After something went wrong: everything is plugged in again, and power comes back."""
        if not self.hospital.tunnel_open:
            await self.hospital.open_tunnel()
        await self.cut()
        await self.start()

    async def fetch_journal(self) -> Path:
        """Return a copy of the box's journal as it is now."""
        told = await self.guest.run(BACK_UP)
        copy = self.folder / "journal.sqlite3"
        try:
            whole, digest, packed = told.splitlines()
            data = base64.b64decode(packed, validate=True)
        except ValueError:  # binascii's is one
            raise WentOtherwise(f"the journal cannot be read: {told[-300:]}") from None
        if whole != "ok" or sha256(data).hexdigest() not in digest:
            raise WentOtherwise(f"the journal is {whole!r}, {len(data)} bytes of its copy came")
        copy.write_bytes(data)
        return copy

    async def until_journal(self, id_: str, state: str) -> None:
        """Wait until the newest attempt of an id is in this state; WentOtherwise."""
        for _ in range(LOOKS):
            rows = attempts(await self.fetch_journal(), id_)
            if rows and rows[-1].state == state:
                return
            await asyncio.sleep(1)
        raise WentOtherwise(f"{id_}: {rows} in the journal, not {state!r}")

    async def books(self, id_: str) -> str:
        """Compare what the provider holds, the journal says and the HIS was told; WentOtherwise."""
        answer = self.desk.answers.get(id_, {})
        rows = attempts(await self.fetch_journal(), id_)
        trades = await self.hospital.provider.trades({row.out_trade_no for row in rows})
        held = sum(trade.held_fen for trade in trades)
        noted = sum(row.held_fen for row in rows)
        told = int(answer["amount_fen"]) if answer.get("status") == "paid" else 0
        if not held == noted == told:
            raise WentOtherwise(f"{id_}: provider {held}, journal {noted}, HIS {told}: {answer}")
        return f"{answer.get('status')} {held / 100:.2f}"
