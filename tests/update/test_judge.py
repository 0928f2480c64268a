"""Which releases a box takes, from whom, and which it keeps."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from device.errors import UpdateRefused
from device.journal import versions
from device.update import make as making
from device.update.card import RealCard, slot_devices
from device.update.judge import Look, Standing, faults, judge
from device.update.manifest import Manifest, public_of, read_head
from device.update.slots import FILE, Slots, other

KEY = bytes(range(32))
KNOWN = ("0001_first", "0002_more+")
MANIFEST = Manifest("0.2.0", "6.12.1", list(KNOWN), 5, "00" * 32)
STANDING = Standing(
    version="0.1.0",
    kernel="6.12.1",
    running="a",
    slots=Slots("a"),
    known=KNOWN,
    applied=KNOWN,
    additive=versions.is_additive,
    payment_open=False,
)


def test_a_newer_release_is_taken() -> None:
    judge(MANIFEST, STANDING)


def test_an_older_one_is_taken_if_it_reads_the_journal() -> None:
    judge(replace(MANIFEST, version="0.1.5"), replace(STANDING, version="0.2.0"))
    older = replace(MANIFEST, version="0.1.5", migrations=["0001_first"])
    judge(older, replace(STANDING, version="0.2.0"))  # it lacks only what was added


REFUSED = {
    "same": (MANIFEST, replace(STANDING, version="0.2.0"), "is running"),
    "too old": (replace(MANIFEST, version="0.0.9"), STANDING, "older than is allowed"),
    "journal": (replace(MANIFEST, migrations=[]), STANDING, "cannot read"),
    "no way back": (
        replace(MANIFEST, migrations=[*KNOWN, "0003_other"]),
        STANDING,
        "no way back",
    ),
    "kernel": (replace(MANIFEST, kernel="6.13"), STANDING, "another kernel"),
    "paying": (MANIFEST, replace(STANDING, payment_open=True), "a payment is open"),
    "on trial": (MANIFEST, replace(STANDING, slots=Slots("b", "a", 0)), "on trial"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_and_why(what: str) -> None:
    manifest, standing, words = REFUSED[what]
    with pytest.raises(UpdateRefused, match=words):
        judge(manifest, standing)


GOOD = Look(ready=True, journal_fault="", vpn_up=True)


@pytest.mark.parametrize(
    ("look", "was_up", "kept"),
    [
        (GOOD, True, True),
        (replace(GOOD, ready=False), True, False),
        (replace(GOOD, journal_fault="x"), True, False),
        (replace(GOOD, vpn_up=False), True, False),
        (replace(GOOD, vpn_up=False), False, True),
    ],
)
def test_what_is_kept(look: Look, was_up: bool, kept: bool) -> None:  # noqa: FBT001  a table
    assert (not faults(look, vpn_was_up=was_up)) is kept


def bundle(tmp_path: Path, key: bytes = KEY) -> bytes:
    (tmp_path / "root").write_bytes(b"image")
    release = making.Release("0.2.0", "6.12.1", KNOWN)
    making.make(tmp_path / "root", tmp_path / "out", key, release)
    return (tmp_path / "out").read_bytes()


def test_a_bundle_says_what_it_holds_and_the_image_follows(tmp_path: Path) -> None:
    file = io.BytesIO(bundle(tmp_path))
    manifest = read_head(file, public_of(KEY))
    assert (manifest.version, manifest.size, file.read()) == ("0.2.0", 5, b"image")


def test_another_key_is_not_believed(tmp_path: Path) -> None:
    with pytest.raises(UpdateRefused, match="not signed"):
        read_head(io.BytesIO(bundle(tmp_path, bytes(32))), public_of(KEY))


def test_no_byte_of_the_head_can_be_changed_or_left_out(tmp_path: Path) -> None:
    data = bundle(tmp_path)[:-5]
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        for wrong in (changed, data[:at]):
            with pytest.raises(UpdateRefused):
                read_head(io.BytesIO(wrong), public_of(KEY))


@pytest.mark.parametrize(
    "change", [{"version": "1.x"}, {"size": 0}, {"size": True}, {"kernel": 1}, {"migrations": [1]}]
)
def test_a_signed_manifest_that_makes_no_sense_is_refused(change: dict[str, object]) -> None:
    head = replace(MANIFEST, **change).head(KEY)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(UpdateRefused, match="damaged"):
        read_head(io.BytesIO(head), public_of(KEY))


@pytest.mark.parametrize("text", ["", "good=c\n", "good=a\ntry=x\n", "good=a\ntry=b\ntries=no\n"])
def test_a_slot_state_that_cannot_be_followed_is_refused(text: str) -> None:
    with pytest.raises(UpdateRefused):
        Slots.parse(text)


def test_the_slot_state_as_the_initrd_reads_it() -> None:
    assert Slots("a").text() == "good=a\ntry=\ntries=0\n"
    assert Slots.parse(Slots("a", "b", 1).text()) == Slots("a", "b", 1)
    assert Slots("a", "b", 1).boot() == ("b", Slots("a", "b", 0))
    assert Slots("a", "b", 0).boot() == ("a", Slots("a", "b", 0))
    assert other(other("a")) == "a"


@pytest.mark.parametrize("disk", ["mmcblk0p", "vda", "sda"])
def test_the_slots_are_found_beside_the_data_partition(tmp_path: Path, disk: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "20 1 0:1 / / rw - overlay overlay rw\n"
        f"21 20 179:4 / /data rw,relatime shared:1 - ext4 /dev/{disk}4 rw\n"
    )
    assert slot_devices(Path("/data"), mounts) == {
        "a": Path(f"/dev/{disk}2"),
        "b": Path(f"/dev/{disk}3"),
    }
    mounts.write_text("20 1 0:1 / / rw - ext4 /dev/sda1 rw\n")
    with pytest.raises(UpdateRefused, match="two slots"):
        slot_devices(Path("/data"), mounts)


def test_the_real_card_writes_reads_and_notes(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(bytes(100))
    card = RealCard({"b": tmp_path / "b"}, tmp_path)
    card.write("b", 10, b"image")
    card.sync("b")
    assert (card.room("b"), card.read("b", 9, 7)) == (100, b"\0image\0")
    assert card.note(FILE) == ""
    card.set_note(FILE, "one")
    card.set_note(FILE, "two")
    assert card.note(FILE) == "two"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", FILE]


def test_the_signing_key_is_the_owners_alone_and_never_replaced(tmp_path: Path) -> None:
    making.keygen(tmp_path)
    key = (tmp_path / "update.key").read_text()
    assert (tmp_path / "update.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(Exception, match="left as it is"):
        making.keygen(tmp_path)
    assert (tmp_path / "update.key").read_text() == key
