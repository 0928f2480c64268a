"""A box is given its configuration: from the card, or from codes that its own scanner reads."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from device import config
from device.app.building import Scanner, make_scanner
from device.clock import Clock, SystemClock
from device.config import Hardware
from device.domain.screens import (
    Provisioning,
    ProvisioningStage,
    Refusal,
    ScannerMissing,
    Screen,
)
from device.drivers.scan_sink import ScanSink
from device.errors import BundleRefused, ConfigError
from device.provisioning.bundle import TRUST_NAME, Title
from device.provisioning.codes import LONGEST_CODE
from device.provisioning.envelope import (
    BUNDLE_NAME,
    KEY_BYTES,
    LARGEST_ENVELOPE,
    Secrets,
    digest_of,
    public_of_box,
    read,
)
from device.provisioning.intake import Intake, Standing, judge, needs_passphrase, refused, take
from device.provisioning.intake import waiting as what_is_next
from device.provisioning.store import Disk, RealDisk, install, installed, trusted, write_whole

log = logging.getLogger(__name__)

SEAL_NAME, SEAL_PUBLIC_NAME = "seal.key", "seal.pub"
DONE_S = 3.0  # how long the last screen stays before the firmware starts
REFUSED_S = 10.0  # long enough to read and to telephone
PASSPHRASE_S = 120.0  # a desk that works is out of service while a new bundle waits for its code
FOUND_S = 3.0  # a scanner that is there is held within this
MOST_WAITING = 32  # scans that wait while one is judged: a person scans one a second


class Taker:
    """Judges and installs what has been read; blocking, so it runs in a thread."""

    def __init__(self, file: Path, first_trust: Path, clock: Clock, disk: Disk) -> None:
        self._file = file
        self._first_trust = first_trust
        self._clock = clock
        self._disk = disk

    def take(self, intake: Intake) -> Title | None:
        """Install the bundle that was read; None if its passphrase is to come."""
        data = intake.envelope
        title, known = installed(self._file)
        standing = Standing(self._trusted(), title, known, self._now())
        closed = read(data, standing.trusted)
        digest = digest_of(data)
        if judge(closed, digest, standing):
            if needs_passphrase(closed, intake):
                return None
            bundle = closed.open(Secrets(self.seal_key(), intake.passphrase))
            install(self._file, bundle, digest, self._disk)
        return closed.title

    def seal_key(self) -> bytes:
        """Return the box's own X25519 key; made at first, it stays when settings change."""
        path = self._file.parent / SEAL_NAME
        try:
            if not path.exists():
                key = secrets.token_bytes(KEY_BYTES)
                write_whole(path, key.hex().encode() + b"\n", self._disk)
            return config.read_key(path)
        except (OSError, ConfigError) as error:
            raise BundleRefused(Refusal.DISK, str(error)) from None

    def _trusted(self) -> bytes:
        try:
            return trusted(self._file, self._first_trust)
        except ConfigError as error:
            raise BundleRefused(Refusal.NO_KEY, str(error)) from None

    def _now(self) -> datetime | None:
        return self._clock.wall() if self._clock.sane() else None


class Reception:
    """A box that is waiting for its configuration: codes in, screens out."""

    def __init__(self, taker: Taker, show: Callable[[Screen], None]) -> None:
        self._taker = taker
        self._show = show
        self._intake = Intake()
        self._stage = ProvisioningStage.WAITING
        self._codes: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
        self.sink = ScanSink(self._on_scan, self._on_garbled, self._on_online)

    async def until_done(self) -> None:
        """Take codes until a bundle is installed."""
        self._show(self._next())
        while self._stage is not ProvisioningStage.DONE:
            self._intake, screen = take(self._intake, await self._codes.get())
            self._show(screen)
            if self._intake.envelope:
                await self._try()

    async def offer(self, data: bytes) -> ProvisioningStage:
        """Take a whole bundle, from the card; return how far that came."""
        self._intake = replace(self._intake, envelope=data)
        await self._try()
        return self._stage

    def look_at(self, scanner: Scanner) -> None:
        """Say that there is no scanner, which one that was never there does not say itself."""
        if not scanner.online:
            self._show(ScannerMissing())

    async def _try(self) -> None:
        try:
            title = await asyncio.to_thread(self._taker.take, self._intake)
        except BundleRefused as refusal:
            log.warning("provisioning: %s", refusal)
            # The right passphrase may follow a wrong one; any other refusal is final.
            sealed = refusal.why is Refusal.SEALED and self._intake.passphrase
            self._intake = Intake(envelope=self._intake.envelope if sealed else b"")
            screen = refused(refusal.why)
        else:
            stage = ProvisioningStage.DONE if title else ProvisioningStage.PASSPHRASE
            screen = Provisioning(stage, box=title.box if title else "")
        self._stage = screen.stage
        self._show(screen)

    def _next(self) -> Provisioning:
        if self._intake.envelope:
            return Provisioning(ProvisioningStage.PASSPHRASE)
        return what_is_next(self._intake)

    def _on_scan(self, text: str, _first_s: float) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._codes.put_nowait(text)

    def _on_garbled(self, _why: str) -> None:
        self._show(Provisioning(ProvisioningStage.NOT_A_PART))

    def _on_online(self, online: bool) -> None:  # noqa: FBT001  the scanner's callback
        if self._stage is not ProvisioningStage.DONE:  # at the end it is let go on purpose
            self._show(self._next() if online else ScannerMissing())


async def wait(file: Path, boot: Path, hardware: Hardware, show: Callable[[Screen], None]) -> None:
    """Take the card's bundle if it is new, then codes until the box is configured.

    One that works waits for the passphrase of a new bundle for two minutes and goes on as before.
    """
    taker = Taker(file, boot / TRUST_NAME, SystemClock(), RealDisk())
    reception = Reception(taker, show)
    try:
        _publish(boot, public_of_box(taker.seal_key()))
    except BundleRefused as refusal:  # not even a key can be kept: the card is broken
        show(refused(refusal.why))
        await asyncio.sleep(REFUSED_S)
        raise
    data = _on_card(boot / BUNDLE_NAME)
    stage = await reception.offer(data) if data else ProvisioningStage.WAITING
    if stage is ProvisioningStage.REFUSED:
        await asyncio.sleep(REFUSED_S)
    works = file.exists()  # noqa: ASYNC240  nothing else runs yet
    if not works:
        await _read_codes(hardware, reception)
    elif stage is ProvisioningStage.PASSPHRASE:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PASSPHRASE_S):
                await _read_codes(hardware, reception)


async def _read_codes(hardware: Hardware, reception: Reception) -> None:
    """Take codes by the box's own scanner until a bundle is installed."""
    scanner = make_scanner(hardware.scanner, reception.sink, LONGEST_CODE)
    reading = asyncio.ensure_future(scanner.run())
    late = asyncio.get_running_loop().call_later(FOUND_S, reception.look_at, scanner)
    try:
        await reception.until_done()
        await asyncio.sleep(DONE_S)
    finally:
        late.cancel()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def _on_card(path: Path) -> bytes:
    """Return the file's bytes, one too many of a file that is too long to be a bundle."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_ENVELOPE + 1)
    except FileNotFoundError:
        return b""
    except OSError as error:  # codes are the other way
        log.warning("provisioning: %s cannot be read: %s", path.name, error.strerror)
        return b""


def _publish(boot: Path, public: bytes) -> None:
    """Leave the public half where an office PC finds it; a card that is read-only is fine."""
    path, text = boot / SEAL_PUBLIC_NAME, public.hex() + "\n"
    with contextlib.suppress(OSError):
        if not path.exists() or path.read_text(encoding="ascii") != text:
            path.write_text(text, encoding="ascii")
