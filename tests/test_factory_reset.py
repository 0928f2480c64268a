"""The power is cut at every step of a wipe: the box is as it was, or the next start ends it."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from device.factory_reset import MARK, Losses, RealDisk, begin, finish, has_begun, word

KEPT = ("slots", "lost+found")
SECRET = b"the key of the merchant"


class PowerCutError(Exception):
    """Here the power went."""


@dataclass
class CuttingDisk(RealDisk):
    """The real disk; the power goes before the given operation. What was done is noted."""

    cut_at: int = -1
    done: list[tuple[str, Path]] = field(default_factory=list)

    def _note(self, name: str, path: Path) -> None:
        if len(self.done) == self.cut_at:
            raise PowerCutError
        self.done.append((name, path))

    def mark(self, path: Path) -> None:
        self._note("mark", path)
        super().mark(path)

    def overwrite(self, path: Path) -> None:
        self._note("overwrite", path)
        super().overwrite(path)

    def remove(self, path: Path) -> None:
        self._note("remove", path)
        super().remove(path)

    def sync(self, folder: Path) -> None:
        self._note("sync", folder)
        super().sync(folder)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data partition as a box leaves it; `outside` is on no partition of ours."""
    (tmp_path / "outside").write_bytes(SECRET)
    data = tmp_path / "data"
    newest = data / "settings/set-7-abcd"
    for folder in (newest, data / "settings/set-6-0123", data / "paybox", data / "log/0a1b"):
        folder.mkdir(parents=True)
    (data / "lost+found").mkdir()
    (data / "slots").write_text("good=b\n")
    (data / "machine-id").write_text("0a1b\n")
    for file in ("paybox.toml", "box.key", "wechat.key"):
        (newest / file).write_bytes(SECRET)
    (data / "settings/paybox.toml").symlink_to("set-7-abcd/paybox.toml")
    (data / "settings/elsewhere").symlink_to(tmp_path / "outside")
    (data / "settings/nowhere").symlink_to("set-5-gone/paybox.toml")
    (data / "paybox/journal.sqlite3").write_bytes(bytes(range(256)) * 700)
    (data / "log/0a1b/system.journal").write_bytes(b"log")
    return data


def everything(data: Path) -> dict[str, bytes]:
    files = (p for p in data.rglob("*") if p.is_file())
    return {str(p.relative_to(data)): p.read_bytes() for p in files}


def is_as_flashed(data: Path) -> bool:
    folders = {p.name for p in data.iterdir() if p.is_dir()}
    return (
        everything(data) == {"slots": b"good=b\n"}
        and folders == {"settings", "paybox", "log", "lost+found"}
        and not any(any((data / name).iterdir()) for name in folders)
    )


def test_everything_is_wiped_but_which_slot_boots(data: Path) -> None:
    begin(data, RealDisk())
    assert has_begun(data)
    assert finish(data, KEPT, RealDisk()) == 6
    assert is_as_flashed(data)
    assert not has_begun(data)
    assert (data.parent / "outside").read_bytes() == SECRET


def _cuts(data: Path) -> Iterator[tuple[Path, CuttingDisk]]:
    """Every wipe of a copy that loses its power at one of its operations."""
    for at in range(200):
        copy = data.parent / f"cut-{at}"
        shutil.copytree(data, copy, symlinks=True)
        disk = CuttingDisk(at)
        try:
            begin(copy, disk)
            finish(copy, KEPT, disk)
        except PowerCutError:
            yield copy, disk
        else:
            return
    pytest.fail("it does not end")


def test_a_power_cut_at_any_step_leaves_the_old_box_or_a_wipe_that_is_ended(data: Path) -> None:
    before, cuts = everything(data), 0
    for copy, disk in _cuts(data):
        cuts += 1
        if not has_begun(copy):
            whole = everything(copy) == before if not disk.done else is_as_flashed(copy)
            assert whole, disk.done[-1:]
            continue
        begin(copy, RealDisk())  # asked for once more: nothing else comes of it
        finish(copy, KEPT, RealDisk())
        assert is_as_flashed(copy), disk.done[-1:]
    assert cuts > 25


def test_a_second_cut_while_the_wipe_is_ended_changes_nothing(data: Path) -> None:
    begin(data, RealDisk())
    for at in range(200):
        with contextlib.suppress(PowerCutError):
            finish(data, KEPT, CuttingDisk(at))
        if not has_begun(data):
            break
    assert is_as_flashed(data)


def test_bytes_are_overwritten_before_their_name_goes(data: Path) -> None:
    disk = CuttingDisk()
    begin(data, disk)
    finish(data, KEPT, disk)
    key = data / "settings/set-7-abcd/wechat.key"
    assert disk.done.index(("overwrite", key)) < disk.done.index(("remove", key))


def test_overwritten_means_zeros(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(SECRET * 9000)
    RealDisk().overwrite(tmp_path / "key")
    assert (tmp_path / "key").read_bytes() == bytes(len(SECRET) * 9000)


def test_the_mark_goes_when_every_name_before_it_has_lasted(data: Path) -> None:
    disk = CuttingDisk()
    begin(data, disk)
    finish(data, KEPT, disk)
    gone = disk.done.index(("remove", data / MARK))
    for at, (name, path) in enumerate(disk.done[:gone]):
        if name == "remove":
            later = disk.done[at:gone]
            # The folder's names were synced, or the folder itself went and its parent's were.
            assert any(("sync", folder) in later for folder in path.parents)


def test_a_disk_that_fails_leaves_the_mark(data: Path) -> None:
    class Failing(RealDisk):
        def remove(self, path: Path) -> None:
            if path.name == "wechat.key":
                raise OSError(5, "Input/output error")
            super().remove(path)

    begin(data, RealDisk())
    with pytest.raises(OSError, match="Input/output"):
        finish(data, KEPT, Failing())
    assert has_begun(data)


def test_what_would_be_lost_asks_for_another_word() -> None:
    assert word("BOX-0001", Losses()) == "RESET BOX-0001"
    assert word("", Losses()) == "RESET"
    for losses in (Losses(open_payments=1), Losses(waiting=3), Losses(unreadable=True)):
        assert word("BOX-0001", losses) == "LOSE BOX-0001"
