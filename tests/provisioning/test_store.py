"""A new configuration is there whole or not at all, whenever the power is cut (M23)."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from device import config
from device.domain.screens import Refusal
from device.errors import BundleRefused
from device.provisioning.bundle import Bundle, Title
from device.provisioning.store import RealDisk, install, installed, trusted

if TYPE_CHECKING:
    from tests.provisioning.conftest import Office

OLD, NEW = b"the old one", b"the new one"
Change = Callable[[Path], object]


@dataclass
class Op:
    """One change of a folder's names, replayable in a copy; `folder` must be synced for it."""

    folder: Path
    change: Change


@dataclass
class NotingDisk(RealDisk):
    """The real disk, and a note of everything that is asked of it."""

    root: Path
    ops: list[Op | Path] = field(default_factory=list)
    """A change, or a folder that was synced."""

    def make_folder(self, path: Path) -> None:
        super().make_folder(path)
        self._note(path, lambda p: p.mkdir())

    def write(self, path: Path, data: bytes) -> None:
        super().write(path, data)
        self._note(path, lambda p: p.write_bytes(data[: len(data) // 2]))  # cut while it is written
        self._note(path, lambda p: p.write_bytes(data))

    def link(self, path: Path, target: str) -> None:
        super().link(path, target)
        self._note(path, lambda p: p.symlink_to(target))

    def replace(self, source: Path, target: Path) -> None:
        super().replace(source, target)
        name = target.name
        self._note(source, lambda p: p.replace(p.with_name(name)))

    def sync_folder(self, path: Path) -> None:
        super().sync_folder(path)
        self.ops.append(path.relative_to(self.root))

    def remove(self, path: Path) -> None:
        super().remove(path)
        self._note(path, RealDisk().remove)

    def _note(self, path: Path, change: Change) -> None:
        inner = path.relative_to(self.root)
        self.ops.append(Op(inner.parent, lambda root: change(root / inner)))

    def images(self, before: Path, into: Path) -> Iterator[Path]:
        """Every disk that a cut may leave: what was synced, and any beginning of the rest."""
        made: set[tuple[int, ...]] = set()
        for cut in range(len(self.ops) + 1):
            done = self.ops[:cut]
            lasting = [op for at, op in enumerate(done) if _lasts(op, done[at:])]
            rest = [op for op in done if op not in lasting and isinstance(op, Op)]
            for more in range(len(rest) + 1):
                chosen = [op for op in done if op in lasting or op in rest[:more]]
                key = tuple(id(op) for op in chosen if isinstance(op, Op))
                if key in made:
                    continue
                made.add(key)
                image = into / f"{cut}-{more}"
                shutil.copytree(before, image, symlinks=True)
                for op in chosen:
                    if isinstance(op, Op):
                        _apply(op, image)
                yield image


class QuickDisk(RealDisk):
    """Syncs no folder: for what is thrown away at once."""

    def sync_folder(self, path: Path) -> None:
        pass


def _lasts(op: Op | Path, later: list[Op | Path]) -> bool:
    return isinstance(op, Op) and op.folder in later


def _apply(op: Op, image: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # its folder did not last
        op.change(image)


def secret_of(file: Path) -> bytes:
    wechat = config.load(file).wechat
    assert wechat
    return wechat.api_key_file.read_bytes()


def test_a_first_configuration_and_then_a_newer_one(office: "Office", tmp_path: Path) -> None:
    file = tmp_path / "paybox.toml"
    install(file, office.bundle(7, secret=OLD), "aaaa", RealDisk())
    assert (secret_of(file), installed(file)) == (OLD, (Title("BOX-0001", 7), "aaaa"))
    install(file, office.bundle(8, secret=NEW), "bbbb", RealDisk())
    assert (secret_of(file), installed(file)) == (NEW, (Title("BOX-0001", 8), "bbbb"))


def test_the_files_are_the_owners_alone(office: "Office", tmp_path: Path) -> None:
    file = tmp_path / "paybox.toml"
    install(file, office.bundle(), "aaaa", RealDisk())
    folder = file.resolve().parent
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_installs_is_the_firmwares(office: "Office", tmp_path: Path) -> None:
    settings = tmp_path / "settings"
    settings.mkdir()
    os.chown(settings, 900, 900)
    install(settings / "paybox.toml", office.bundle(), "aaaa", RealDisk())
    owners = {path.lstat().st_uid for path in settings.rglob("*")}
    assert owners == {900}


def test_a_configuration_made_by_hand_is_replaced(office: "Office", tmp_path: Path) -> None:
    file = tmp_path / "paybox.toml"
    file.write_text("anything")
    assert installed(file) == (None, "")
    install(file, office.bundle(secret=NEW), "aaaa", RealDisk())
    assert secret_of(file) == NEW


def test_only_the_set_before_is_kept(office: "Office", tmp_path: Path) -> None:
    file = tmp_path / "paybox.toml"
    for version in range(1, 6):
        install(file, office.bundle(version), f"{version}", RealDisk())
    assert sorted(path.name for path in tmp_path.glob("set-*")) == ["set-4-4", "set-5-5"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((b'"MZ03"', b'"mz3"'), "desk_code"),
        ((b'"/var/lib/paybox"', b'"data"'), "data_dir"),
        ((b'"box.key"', b'"other.key"'), "key_file"),
        ((b'"box.key"', b'"wechat.key"'), "32 raw bytes"),
    ],
)
def test_a_configuration_that_does_not_load_is_refused_and_nothing_changed(
    office: "Office", tmp_path: Path, change: tuple[bytes, bytes], words: str
) -> None:
    file = tmp_path / "paybox.toml"
    install(file, office.bundle(7, secret=OLD), "aaaa", RealDisk())
    files = office.files()
    files["paybox.toml"] = files["paybox.toml"].replace(*change)
    with pytest.raises(BundleRefused, match=words) as told:
        install(file, Bundle(Title("BOX-0001", 8), files), "bbbb", RealDisk())
    assert told.value.why is Refusal.INVALID
    assert secret_of(file) == OLD


CHANGES = {
    "desk": ("paybox.toml", b'"MZ-03"', b'"MZ-04"'),
    "desk code": ("paybox.toml", b'"MZ03"', b'"MZ04"'),
    "key": ("box.key", b"kk", b"kK"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_would_make_it_another_desk_is_refused(
    office: "Office", tmp_path: Path, what: str
) -> None:
    file = tmp_path / "paybox.toml"
    install(file, office.bundle(7, secret=OLD), "aaaa", RealDisk())
    files = office.files()
    name, old, new = CHANGES[what]
    files[name] = files[name].replace(old, new)
    with pytest.raises(BundleRefused, match="desk_code") as told:
        install(file, Bundle(Title("BOX-0001", 8), files), "bbbb", RealDisk())
    assert told.value.why is Refusal.OTHER_BOX
    assert secret_of(file) == OLD


def test_a_disk_that_fails_is_told(office: "Office", tmp_path: Path) -> None:
    with pytest.raises(BundleRefused) as told:
        install(tmp_path / "missing" / "paybox.toml", office.bundle(), "aaaa", RealDisk())
    assert told.value.why is Refusal.DISK


@pytest.mark.parametrize("first", [True, False], ids=["first", "newer"])
def test_a_power_cut_at_any_point_leaves_the_old_or_the_new(
    office: "Office", tmp_path: Path, *, first: bool
) -> None:
    before, live, images = tmp_path / "before", tmp_path / "live", tmp_path / "images"
    before.mkdir()
    if not first:
        install(before / "paybox.toml", office.bundle(7, secret=OLD), "aaaa", RealDisk())
    shutil.copytree(before, live, symlinks=True)
    disk = NotingDisk(live)
    new = office.bundle(8, secret=NEW)
    install(live / "paybox.toml", new, "bbbb", disk)
    found = set()
    for image in disk.images(before, images):
        file = image / "paybox.toml"
        found.add(secret_of(file) if file.exists() else b"")
        install(file, new, "bbbb", QuickDisk())  # and the next try succeeds, whatever was left
        assert secret_of(file) == NEW
        shutil.rmtree(image)
    assert found == {b"" if first else OLD, NEW}


def test_the_noting_disk_finds_a_switch_that_is_not_safe(tmp_path: Path) -> None:
    """A file written where the old one stood is seen half written."""
    before, live = tmp_path / "before", tmp_path / "live"
    before.mkdir()
    (before / "paybox.toml").write_bytes(b"old")
    shutil.copytree(before, live)
    disk = NotingDisk(live)
    disk.remove(live / "paybox.toml")
    disk.write(live / "paybox.toml", b"newnew")
    seen = set()
    for image in disk.images(before, tmp_path / "images"):
        file = image / "paybox.toml"
        seen.add(file.read_bytes() if file.exists() else b"")
    assert seen == {b"old", b"", b"new", b"newnew"}


def test_the_key_a_box_was_given_outranks_the_cards(office: "Office", tmp_path: Path) -> None:
    file, card = tmp_path / "paybox.toml", tmp_path / "card.pub"
    card.write_text("00" * 32)
    assert trusted(file, card) == bytes(32)
    install(file, office.bundle(), "aaaa", RealDisk())
    assert trusted(file, card) == office.public
