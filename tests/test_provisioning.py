"""A box without a configuration: a real scanner line, its screens, and what it ends with."""

import asyncio
import contextlib
import os
import tty
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from device import config
from device.app import building, provisioning
from device.config import Hardware, Scanner
from device.domain.screens import (
    Provisioning,
    ProvisioningStage,
    Refusal,
    ScannerMissing,
    Screen,
)
from device.drivers import input_nodes
from device.errors import BundleRefused
from device.provisioning.bundle import Bundle, Title
from device.provisioning.codes import passphrase_code, split
from device.provisioning.envelope import public_of_signer, seal_to_box, seal_to_passphrase

SIGNING_KEY, PASSPHRASE = bytes(range(32)), "A" * 20
PATIENT_S = 10.0
TOML = """\
[box]
id = "BOX-0001"
desk = "D"
desk_code = "DESK"
data_dir = "/var/lib/paybox"
key_file = "box.key"
[his]
link = "tcp"
[his.tcp]
[channels.wechat]
appid = "a"
mch_id = "m"
"""


def sealed(version: int, *, to: bytes = b"", passphrase: str = PASSPHRASE, more: str = "") -> bytes:
    public = public_of_signer(SIGNING_KEY).hex().encode()
    files = {"paybox.toml": (TOML + more).encode(), "box.key": bytes(32), "provision.pub": public}
    bundle = Bundle(Title("BOX-0001", version), {**files, "noise.pem": os.urandom(1500)})
    if to:
        return seal_to_box(bundle, to, SIGNING_KEY)
    return seal_to_passphrase(bundle, passphrase, SIGNING_KEY)


@dataclass
class NewBox:
    """An empty card: its boot partition, its settings and its scanner's line."""

    root: Path
    shown: list[Screen] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.boot, self.file = self.root / "boot", self.root / "settings/paybox.toml"
        self.boot.mkdir()
        self.file.parent.mkdir()
        (self.boot / "provision.pub").write_text(public_of_signer(SIGNING_KEY).hex())
        self.line, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._news = asyncio.Event()

    def show(self, screen: Screen) -> None:
        self.shown.append(screen)
        self._news.set()

    def start(self, hardware: Hardware | None = None) -> "asyncio.Task[None]":
        hardware = hardware or Hardware(scanner=Scanner(driver="serial", port=self.port))
        return asyncio.ensure_future(provisioning.wait(self.file, self.boot, hardware, self.show))

    async def until(self, wanted: Callable[[Screen], bool]) -> None:
        async with asyncio.timeout(PATIENT_S):
            while not (self.shown and wanted(self.shown[-1])):
                self._news.clear()
                await self._news.wait()

    async def until_stage(self, stage: ProvisioningStage, why: Refusal | None = None) -> None:
        await self.until(lambda s: isinstance(s, Provisioning) and (s.stage, s.why) == (stage, why))

    async def scan(self, code: str) -> None:
        before = len(self.shown)
        os.write(self.line, code.encode() + b"\r")
        await self.until(lambda _: len(self.shown) > before)

    def close(self) -> None:
        for fd in (self.line, self._slave):
            os.close(fd)


@pytest.fixture
async def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NewBox]:
    monkeypatch.setattr(provisioning, "DONE_S", 0.0)
    monkeypatch.setattr(provisioning, "REFUSED_S", 0.0)
    box = NewBox(tmp_path)
    yield box
    box.close()


async def started(box: NewBox) -> "asyncio.Task[None]":
    task = box.start()
    await box.until(lambda s: isinstance(s, Provisioning))
    await asyncio.sleep(0.1)  # the port is open by then, and flushed
    return task


async def end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_codes_in_any_order_then_the_passphrase_then_done(box: NewBox) -> None:
    task = await started(box)
    codes = split(sealed(7))
    for at, code in enumerate(reversed(codes[1:]), 1):
        await box.scan(code)
        assert box.shown[-1] == Provisioning(ProvisioningStage.PARTS, at, len(codes))
    await box.scan(codes[-1])  # a part read twice changes nothing
    assert box.shown[-1] == Provisioning(ProvisioningStage.PARTS, len(codes) - 1, len(codes))
    await box.scan("134567890123456789")
    await box.until_stage(ProvisioningStage.NOT_A_PART)
    await box.scan(codes[0])
    await box.until_stage(ProvisioningStage.PASSPHRASE)
    await box.scan(passphrase_code("B" * 20))
    await box.until_stage(ProvisioningStage.REFUSED, Refusal.SEALED)
    await box.scan(passphrase_code(PASSPHRASE))
    await task
    assert box.shown[-1] == Provisioning(ProvisioningStage.DONE, box="BOX-0001")
    assert config.load(box.file).box.id == "BOX-0001"


async def test_a_bundle_on_the_boot_partition_is_taken_at_once(box: NewBox) -> None:
    task = await started(box)
    await end(task)
    public = bytes.fromhex((box.boot / "seal.pub").read_text())
    (box.boot / "provision.pbx").write_bytes(sealed(7, to=public))
    await box.start()
    assert box.shown[-1] == Provisioning(ProvisioningStage.DONE, box="BOX-0001")
    assert box.file.is_symlink()


async def test_a_box_that_has_its_configuration_refuses_an_older_one_and_goes_on(
    box: NewBox,
) -> None:
    await end(await started(box))
    public = bytes.fromhex((box.boot / "seal.pub").read_text())
    for version in (7, 6):
        (box.boot / "provision.pbx").write_bytes(sealed(version, to=public))
        await box.start()
    assert box.shown[-1] == Provisioning(ProvisioningStage.REFUSED, why=Refusal.OLD)
    assert config.load(box.file).box.id == "BOX-0001"


async def test_a_bundle_on_the_card_may_want_its_passphrase_from_the_scanner(box: NewBox) -> None:
    (box.boot / "provision.pbx").write_bytes(sealed(7))
    task = await started(box)
    await box.until_stage(ProvisioningStage.PASSPHRASE)
    await box.scan(passphrase_code(PASSPHRASE))
    await task
    assert box.file.exists()


@pytest.mark.parametrize(
    ("more", "why"), [("[unknown]\n", Refusal.INVALID), ("", Refusal.SIGNATURE)]
)
async def test_what_is_refused_says_why_and_leaves_the_box_waiting(
    box: NewBox, more: str, why: Refusal
) -> None:
    if why is Refusal.SIGNATURE:
        (box.boot / "provision.pub").write_text("11" * 32)
    task = await started(box)
    await box.scan(passphrase_code(PASSPHRASE))
    for code in split(sealed(7, more=more)):
        await box.scan(code)
    await box.until_stage(ProvisioningStage.REFUSED, why)
    assert not box.file.exists()
    assert not task.done()
    await end(task)


async def test_without_the_sites_key_nothing_is_believed(box: NewBox) -> None:
    (box.boot / "provision.pub").unlink()
    task = await started(box)
    for code in split(sealed(7)):
        await box.scan(code)
    await box.until_stage(ProvisioningStage.REFUSED, Refusal.NO_KEY)
    await end(task)


async def test_without_a_scanner_it_says_so(box: NewBox) -> None:
    task = await started(box)
    box.close()
    await box.until(lambda s: isinstance(s, ScannerMissing))
    await end(task)
    box.line, box._slave = os.openpty()


async def test_a_box_that_knows_nothing_reads_with_whatever_scanner_there_is(
    box: NewBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dev").mkdir()
    monkeypatch.setattr(building, "ANY_ACM", str(tmp_path / "dev/ttyACM*"))
    monkeypatch.setattr(input_nodes, "INPUT", tmp_path / "dev")  # not this machine's keyboard
    task = box.start(Hardware())
    await box.until(lambda s: isinstance(s, Provisioning))
    (tmp_path / "dev/ttyACM3").symlink_to(box.port)
    await box.until(lambda _: len(box.shown) > 1)  # it is held
    await asyncio.sleep(0.1)  # and flushed
    for code in split(sealed(7)):
        await box.scan(code)
    await box.until_stage(ProvisioningStage.PASSPHRASE)
    await end(task)


async def test_a_box_that_never_had_a_scanner_says_so_too(
    box: NewBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provisioning, "FOUND_S", 0.05)
    port = str(tmp_path / "none")
    task = box.start(Hardware(scanner=Scanner(driver="serial", port=port)))
    await box.until(lambda s: isinstance(s, ScannerMissing))
    await end(task)


async def test_a_key_of_its_own_that_was_half_written_is_no_key(box: NewBox) -> None:
    (box.file.parent / "seal.key.new").write_text("00")  # the power was cut
    await end(await started(box))
    assert len((box.file.parent / "seal.key").read_text().strip()) == 64
    assert not (box.file.parent / "seal.key.new").exists()


async def test_a_card_that_cannot_be_written_is_told(box: NewBox) -> None:
    box.file.parent.rmdir()
    with pytest.raises(BundleRefused):
        await box.start()
    assert box.shown[-1] == Provisioning(ProvisioningStage.REFUSED, why=Refusal.DISK)


async def test_a_bundle_that_cannot_be_read_leaves_the_codes(box: NewBox) -> None:
    (box.boot / "provision.pbx").mkdir()
    task = await started(box)
    assert box.shown[-1] == Provisioning(ProvisioningStage.WAITING)
    await end(task)


async def test_a_box_that_works_waits_for_a_new_bundles_passphrase_but_not_for_ever(
    box: NewBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await end(await started(box))
    public = bytes.fromhex((box.boot / "seal.pub").read_text())
    (box.boot / "provision.pbx").write_bytes(sealed(7, to=public))
    await box.start()
    (box.boot / "provision.pbx").write_bytes(sealed(8))
    monkeypatch.setattr(provisioning, "PASSPHRASE_S", 0.05)
    await box.start()
    assert box.file.resolve().parent.name.startswith("set-7-")
    monkeypatch.setattr(provisioning, "PASSPHRASE_S", PATIENT_S)
    task = box.start()
    await box.until_stage(ProvisioningStage.PASSPHRASE)
    await asyncio.sleep(0.1)  # the port is open by then, and flushed
    await box.scan(passphrase_code(PASSPHRASE))
    await task
    assert box.file.resolve().parent.name.startswith("set-8-")
