import asyncio
import errno
from pathlib import Path

import pytest

from device.drivers.folder_watch import FolderWatch
from device.drivers.plugged import fault_of

LOOK_S = 2.0
PATIENT_S = 5.0


@pytest.mark.parametrize(
    ("code", "words"), [(errno.EBUSY, "占用"), (errno.EACCES, "权限"), (errno.EIO, "EIO")]
)
def test_the_fault_of_a_scanner_that_cannot_be_opened_says_why(code: int, words: str) -> None:
    assert words in fault_of(OSError(code, ""))


async def test_a_new_node_and_new_permissions_are_heard_of(tmp_path: Path) -> None:
    changed = asyncio.Event()
    watch = FolderWatch(tmp_path, changed.set, LOOK_S)
    watch.arm()
    (tmp_path / "event0").touch(mode=0o600)
    async with asyncio.timeout(PATIENT_S):
        await changed.wait()
        changed.clear()
        (tmp_path / "event0").chmod(0o660)
        await changed.wait()
    watch.close()


async def test_a_folder_that_appears_later_is_watched_then(tmp_path: Path) -> None:
    """With no input device at all there is no /dev/input."""
    changed = asyncio.Event()
    folder = tmp_path / "input"
    watch = FolderWatch(folder, changed.set, LOOK_S)
    watch.arm()
    async with asyncio.timeout(PATIENT_S):
        folder.mkdir()
        await changed.wait()
        changed.clear()
        watch.arm()
        (folder / "event0").touch()
        await changed.wait()
    watch.close()


async def test_once_found_nothing_in_the_folder_wakes_anybody(tmp_path: Path) -> None:
    heard: list[str] = []
    watch = FolderWatch(tmp_path, lambda: heard.append("changed"), LOOK_S)
    watch.arm()
    watch.disarm()
    await asyncio.sleep(0.01)  # the kernel says once that it no longer watches
    heard.clear()
    (tmp_path / "event0").touch()
    await asyncio.sleep(0.01)
    assert heard == []
    watch.arm()
    (tmp_path / "event1").touch()
    await asyncio.sleep(0.01)
    assert heard == ["changed"]
    watch.close()


async def test_what_is_missing_is_looked_for_ever_less_often_until_something_is_heard(
    tmp_path: Path,
) -> None:
    watch = FolderWatch(tmp_path, lambda: None, 0.5)
    watch.arm()
    assert [watch.pause_s() for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 32, 64, 64]
    (tmp_path / "event0").touch()
    await asyncio.sleep(0.01)
    assert watch.pause_s() == 0.5
    watch.close()
    assert [watch.pause_s() for _ in range(2)] == [1, 1], "nothing is heard any more"


async def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    watch = FolderWatch(tmp_path, lambda: None, LOOK_S)
    watch.close()
    watch.close()
