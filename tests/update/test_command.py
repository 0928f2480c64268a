"""`paybox update` from the command line, as far as a machine that is no card can run it."""

import os
from pathlib import Path

import pytest

from device.app import update_command
from device.app.building import make_data_dir
from device.clock import SystemClock
from device.errors import UpdateRefused
from device.journal import Inline, SqliteJournal
from device.update.card import RealCard
from device.update.manifest import read_head
from device.update.slots import FILE, Slots
from tests.conftest import WriteConfig


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data partition, and the slot that runs."""
    monkeypatch.setattr(update_command, "RUNNING", tmp_path / "slot")
    (tmp_path / "slot").write_text("b\n")
    monkeypatch.setattr(update_command, "RealCard", lambda devices: RealCard(devices, tmp_path))
    return tmp_path


def confirm(data: Path) -> int:
    return update_command.main(["confirm", "-c", str(data / "paybox.toml")])


def test_what_is_made_is_believed_by_its_public_key(tmp_path: Path) -> None:
    (tmp_path / "root").write_bytes(b"image")
    out, root = tmp_path / "update.pbu", tmp_path / "root"
    assert update_command.main(["keygen", str(tmp_path)]) == 0
    made = ["make", "--root", str(root), "--key", str(tmp_path / "update.key"), "--version", "0.2"]
    assert update_command.main([*made, "--kernel", "6.12", "--out", str(out)]) == 0
    with out.open("rb") as file:
        public = bytes.fromhex((tmp_path / "update.pub").read_text())
        manifest = read_head(file, public)
    assert (manifest.version, manifest.kernel) == ("0.2", "6.12")
    assert manifest.migrations[0] == "0001_first"


@pytest.mark.parametrize("slots", ["", Slots("b").text(), Slots("b", "a", 0).text()])
def test_where_nothing_is_on_trial_nothing_is_changed(data: Path, slots: str) -> None:
    if slots:
        (data / FILE).write_text(slots)
    assert confirm(data) == 0
    assert not slots or (data / FILE).read_text() == slots


def test_a_trial_that_is_not_ready_in_time_is_refused(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data / FILE).write_text(Slots("a", "b", 0).text())
    monkeypatch.setattr(update_command, "_state", lambda _unit: "failed")
    monkeypatch.setattr(update_command, "GATE_PATIENCE_S", -1)
    with pytest.raises(UpdateRefused, match="not ready"):
        confirm(data)
    assert Slots.parse((data / FILE).read_text()).good == "a"


def test_a_box_that_waits_for_its_codes_keeps_its_release(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data / FILE).write_text(Slots("a", "b", 0).text())
    monkeypatch.setattr(update_command, "_state", lambda _unit: "activating")
    assert confirm(data) == 0
    assert Slots.parse((data / FILE).read_text()) == Slots("b")


async def test_a_desk_with_its_journal_is_kept_and_nobody_is_paying(
    data: Path, monkeypatch: pytest.MonkeyPatch, write_config: WriteConfig
) -> None:
    write_config({"box": {"data_dir": str(data / "journal")}, "network": {"vpn_interface": ""}})
    path = data / "journal/journal.sqlite3"
    make_data_dir(path.parent)
    await (await SqliteJournal.open(path, SystemClock(), Inline(), box="BOX-0001")).aclose()
    (data / FILE).write_text(Slots("a", "b", 0).text())
    monkeypatch.setattr(update_command, "_state", lambda _unit: "active")
    assert confirm(data) == 0
    applied, payment_open = update_command._journal(path)
    assert (applied[0], payment_open) == ("0001_first", False)


def test_a_machine_with_one_root_is_told_so(data: Path, write_config: WriteConfig) -> None:
    file = write_config()
    with pytest.raises(UpdateRefused, match="two slots"):
        update_command.main(["install", "-c", str(file), str(data / "update.pbu")])


async def test_a_technician_installs_a_release_that_is_tried_and_kept(
    data: Path, monkeypatch: pytest.MonkeyPatch, write_config: WriteConfig
) -> None:
    """From `update make` to a release that stays, over slots that are files."""
    file = write_config({"box": {"data_dir": str(data)}, "network": {"vpn_interface": ""}})
    path, root, bundle = data / "journal.sqlite3", data / "root", data / "update.pbu"
    await (await SqliteJournal.open(path, SystemClock(), Inline(), box="BOX-0001")).aclose()
    slots = {"a": data / "slot-a", "b": data / "slot-b"}
    for slot in slots.values():
        slot.write_bytes(bytes(5_000_000))
    root.write_bytes(b"a release" * 300_000)
    (data / FILE).write_text(Slots("b").text())
    monkeypatch.setattr(update_command, "slot_devices", lambda: slots)
    monkeypatch.setattr(update_command, "_state", lambda _unit: "active")
    key = data / "update.key"
    assert update_command.main(["keygen", str(data)]) == 0
    made = ["make", "--root", str(root), "--key", str(key), "--out", str(bundle)]
    assert update_command.main([*made, "--kernel", os.uname().release, "--version", "9.9"]) == 0

    asked = ["install", "-c", str(file), "--trust", str(data / "update.pub"), str(bundle)]
    assert update_command.main(asked) == 0
    assert slots["a"].read_bytes().startswith(root.read_bytes())
    booted, left = Slots.parse((data / FILE).read_text()).boot()
    assert (booted, left) == ("a", Slots("b", "a", 0))

    (data / FILE).write_text(left.text())
    (data / "slot").write_text(booted)
    assert confirm(data) == 0
    assert Slots.parse((data / FILE).read_text()) == Slots("a")
