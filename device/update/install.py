"""Writing a release to the other slot so that the power may be cut at any step (M23).

1 no trial is due     the slot that is written over can never boot half written
2 the image           written, synced, read back and compared
3 what was before     so that the gate knows whether the tunnel was up
4 one trial           the single step after which the new one boots
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import BinaryIO, Protocol

from device.errors import UpdateRefused
from device.update.manifest import DAMAGED, Manifest
from device.update.slots import FILE, Slots

CHUNK = 1 << 20  # bytes written and read at once
TRIAL_FILE = "update-trial.json"
TRIED_FILE = "update-tried"
MOST_TRIED = 16  # remembered bundles; what is older than sixteen releases is on no card


class Card(Protocol):
    """What an update does to the card; each call but `write` is lasting when it returns."""

    def room(self, slot: str) -> int:
        """Return the slot's size in bytes."""
        ...

    def write(self, slot: str, offset: int, data: bytes) -> None:
        """Write a part of a slot."""
        ...

    def sync(self, slot: str) -> None:
        """Make what was written last, and forget it, so that it is read from the card."""
        ...

    def read(self, slot: str, offset: int, length: int) -> bytes:
        """Read a part of a slot."""
        ...

    def note(self, name: str) -> str:
        """Return the text of a small file on the data partition; empty if there is none."""
        ...

    def set_note(self, name: str, text: str) -> None:
        """Replace such a file: after a power cut it is as it was, or whole."""
        ...


@dataclass(frozen=True, slots=True)
class Trial:
    """What the gate must know of the time before the trial."""

    version: str
    slot: str
    vpn_was_up: bool


def install(
    card: Card, manifest: Manifest, image: BinaryIO, slot: str, *, vpn_was_up: bool
) -> None:
    """Write the release to a slot and let it be tried; UpdateRefused: the old one still boots."""
    if manifest.size > card.room(slot):
        raise UpdateRefused("映像大于分区 / the image is larger than the slot")
    slots = Slots.parse(card.note(FILE))
    card.set_note(FILE, slots.without_trial().text())
    _write(card, manifest, image, slot)
    if _digest(card, slot, manifest.size) != manifest.sha256:
        raise UpdateRefused("写入后读出不符，存储卡可能已坏 / the card gives back other bytes")
    trial = Trial(manifest.version, slot, vpn_was_up)
    card.set_note(TRIAL_FILE, json.dumps(asdict(trial)))
    card.set_note(FILE, slots.with_trial(slot).text())
    _remember(card, manifest.sha256)


def was_tried(card: Card, sha256: str) -> bool:
    """Whether this image was installed before: it is running, or it has failed."""
    return sha256 in card.note(TRIED_FILE).split()


def trial_of(card: Card) -> Trial:
    """Return what was noted before the restart; without a note nothing is taken for granted."""
    try:
        return Trial(**json.loads(card.note(TRIAL_FILE)))
    except (ValueError, TypeError):
        return Trial("", "", vpn_was_up=True)


def keep(card: Card) -> None:
    """Make the slot on trial the good one."""
    card.set_note(FILE, Slots.parse(card.note(FILE)).kept().text())


def _write(card: Card, manifest: Manifest, image: BinaryIO, slot: str) -> None:
    digest, offset = hashlib.sha256(), 0
    while offset < manifest.size:
        data = image.read(min(CHUNK, manifest.size - offset))
        if not data:
            raise UpdateRefused(DAMAGED)
        digest.update(data)
        card.write(slot, offset, data)
        offset += len(data)
    if digest.hexdigest() != manifest.sha256:
        raise UpdateRefused(DAMAGED)
    card.sync(slot)


def _digest(card: Card, slot: str, size: int) -> str:
    digest = hashlib.sha256()
    for offset in range(0, size, CHUNK):
        digest.update(card.read(slot, offset, min(CHUNK, size - offset)))
    return digest.hexdigest()


def _remember(card: Card, sha256: str) -> None:
    tried = [*card.note(TRIED_FILE).split(), sha256][-MOST_TRIED:]
    card.set_note(TRIED_FILE, "\n".join(tried) + "\n")
