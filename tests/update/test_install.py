"""The power is cut at every step of an update: what boots is the old release or the new, whole."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from device.errors import UpdateRefused
from device.update import install as installing
from device.update.install import CHUNK, TRIAL_FILE, install, keep, trial_of, was_tried
from device.update.manifest import Manifest
from device.update.slots import FILE, Slots

OLD = b"old release" * 100
NEW = bytes(range(256)) * ((2 * CHUNK + 5000) // 256)
MANIFEST = Manifest("0.2.0", "6.12", [], len(NEW), hashlib.sha256(NEW).hexdigest())


class PowerCutError(Exception):
    """Here the power went."""


@dataclass
class CuttingCard:
    """A card in memory whose power goes at a given operation, before it, in its middle or after.

    What was written to a slot and not synced is there by halves at most; a note is replaced in one
    step.
    """

    slots: dict[str, bytearray] = field(
        default_factory=lambda: {"a": bytearray(OLD.ljust(3 * CHUNK)), "b": bytearray(3 * CHUNK)}
    )
    notes: dict[str, str] = field(default_factory=lambda: {FILE: Slots("a").text()})
    cut_at: tuple[int, str] = (-1, "")
    worn: bool = False
    steps: int = 0

    def _step(self) -> Iterator[str]:
        """Yield what to do of this operation, then cut if it is the one."""
        at, where = self.cut_at
        mine = self.steps == at
        self.steps += 1
        if not mine or where != "before":
            yield "half" if mine and where == "in" else "all"
        if mine:
            raise PowerCutError

    def room(self, slot: str) -> int:
        return len(self.slots[slot])

    def write(self, slot: str, offset: int, data: bytes) -> None:
        for how in self._step():
            kept = data if how == "all" else data[: len(data) // 2]
            self.slots[slot][offset : offset + len(kept)] = kept

    def sync(self, slot: str) -> None:
        assert slot in self.slots
        for _ in self._step():
            pass

    def read(self, slot: str, offset: int, length: int) -> bytes:
        data = bytes(self.slots[slot][offset : offset + length])
        return data.replace(b"\x01", b"\x00") if self.worn else data

    def note(self, name: str) -> str:
        return self.notes.get(name, "")

    def set_note(self, name: str, text: str) -> None:
        for how in self._step():
            if how == "all":
                self.notes[name] = text

    def boots(self) -> tuple[str, bool]:
        """Start it as the initrd does; return the slot and whether what is in it is whole."""
        slot, left = Slots.parse(self.notes[FILE]).boot()
        self.notes[FILE] = left.text()
        whole = OLD if slot == "a" else NEW
        return slot, bytes(self.slots[slot][: len(whole)]) == whole


def run(card: CuttingCard) -> None:
    install(card, MANIFEST, io.BytesIO(NEW), "b", vpn_was_up=True)


def steps_of_an_update() -> int:
    card = CuttingCard()
    run(card)
    return card.steps


CUTS = [(at, where) for at in range(steps_of_an_update()) for where in ("before", "in", "after")]


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: f"{cut[0]}-{cut[1]}")
def test_a_cut_at_any_step_leaves_the_old_or_the_new_booting(cut: tuple[int, str]) -> None:
    card = CuttingCard(cut_at=cut)
    with pytest.raises(PowerCutError):
        run(card)
    slot, whole = card.boots()
    assert whole
    card.cut_at = (-1, "")
    if slot == "a":  # the next try succeeds, whatever was left
        run(card)
        assert card.boots() == ("b", True)
    assert card.boots() == ("a", True)  # nobody kept it: the second start is the old one again


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: f"{cut[0]}-{cut[1]}")
def test_a_cut_while_an_older_trial_is_still_due_never_boots_a_half_written_slot(
    cut: tuple[int, str],
) -> None:
    """A first update waits for its restart while a second one is written over it."""
    card = CuttingCard(notes={FILE: Slots("a", "b", 1).text()})
    card.slots["b"][: len(NEW)] = b"\xff" * len(NEW)  # another release, whole
    other = bytes(card.slots["b"])
    card.cut_at = cut
    with pytest.raises(PowerCutError):
        run(card)
    untouched = bytes(card.slots["b"]) == other
    slot, whole = card.boots()
    assert whole or (slot == "b" and untouched)


def test_a_release_that_is_kept_boots_from_then_on() -> None:
    card = CuttingCard()
    run(card)
    assert (card.boots(), trial_of(card).vpn_was_up) == (("b", True), True)
    keep(card)
    assert [card.boots() for _ in range(3)] == [("b", True)] * 3


def test_a_release_that_failed_is_remembered() -> None:
    card = CuttingCard()
    assert not was_tried(card, MANIFEST.sha256)
    run(card)
    assert was_tried(card, MANIFEST.sha256)


@pytest.mark.parametrize(
    ("image", "words"),
    [(NEW[:-1], "damaged"), (NEW[:-1] + b"x", "damaged"), (b"", "damaged")],
    ids=["short", "changed", "empty"],
)
def test_an_image_that_is_not_the_signed_one_is_never_tried(image: bytes, words: str) -> None:
    card = CuttingCard()
    with pytest.raises(UpdateRefused, match=words):
        install(card, MANIFEST, io.BytesIO(image), "b", vpn_was_up=True)
    assert card.boots() == ("a", True)


def test_a_worn_card_that_gives_back_other_bytes_is_told() -> None:
    card = CuttingCard(worn=True)
    with pytest.raises(UpdateRefused, match="other bytes"):
        run(card)
    assert card.boots() == ("a", True)


def test_an_image_larger_than_the_slot_is_refused_before_anything_is_written() -> None:
    card = CuttingCard(slots={"a": bytearray(OLD), "b": bytearray(CHUNK)})
    with pytest.raises(UpdateRefused, match="larger"):
        run(card)
    assert card.steps == 0


def test_the_checker_finds_an_update_that_is_not_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the trial still due while the slot is written over, a cut boots half a release."""
    monkeypatch.setattr(Slots, "without_trial", lambda slots: slots)
    broken = 0
    for cut in CUTS:
        card = CuttingCard(notes={FILE: Slots("a", "b", 1).text()}, cut_at=cut)
        with pytest.raises(PowerCutError):
            run(card)
        broken += card.boots() == ("b", False)
    assert broken > 0


def test_without_a_note_the_tunnel_must_be_up() -> None:
    assert trial_of(CuttingCard()).vpn_was_up
    assert trial_of(CuttingCard(notes={TRIAL_FILE: "{"})).vpn_was_up


def test_only_so_many_are_remembered() -> None:
    card = CuttingCard()
    for at in range(installing.MOST_TRIED + 5):
        installing._remember(card, f"{at}")
    assert len(card.note(installing.TRIED_FILE).split()) == installing.MOST_TRIED
