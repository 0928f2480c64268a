"""The disk images that a power cut may leave at a moment of the tape.

The disk is modelled as it may be at its worst: what was written is on it for certain only after
the file's sync, a name only after the directory's. Between those each 512-byte sector of each
write may be on the disk or not, in any combination; a sector is never half old and half new, and
bytes beside a write are never harmed (SQLite's default assumption, powersafe overwrite). Names
reach the disk in their order, as with every journalling file system, but may be late.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from simulators.crash.tape import Create, Delete, Operation, Sync, SyncFailed, Truncate, Write

SECTOR = 512

Image = dict[str, bytes]
"""Name -> content of the directory after the cut."""


@dataclass(slots=True)
class _File:
    """One file's bytes: what is certain, and what was asked since its last sync."""

    certain: bytes = b""
    pending: list[Write | Truncate] = field(default_factory=list)

    def content(self, kept: list[Write | Truncate]) -> bytes:
        """Return the certain bytes with these operations over them."""
        if not kept:
            return self.certain
        data = bytearray(self.certain)
        for operation in kept:
            _apply(data, operation)
        return bytes(data)

    def sync(self) -> None:
        self.certain = self.content(self.pending)
        self.pending.clear()


def _apply(data: bytearray, operation: Write | Truncate) -> None:
    if isinstance(operation, Truncate):
        del data[operation.size :]
        return
    end = operation.offset + len(operation.data)
    data.extend(bytes(max(0, end - len(data))))
    data[operation.offset : end] = operation.data


def sectors(write: Write) -> list[Write]:
    """Cut a write where 512-byte sectors meet."""
    parts, offset, end = [], write.offset, write.offset + len(write.data)
    while offset < end:
        edge = min(end, (offset // SECTOR + 1) * SECTOR)
        begin = offset - write.offset
        parts.append(Write(write.name, offset, write.data[begin : begin + edge - offset]))
        offset = edge
    return parts


@dataclass(slots=True)
class DiskModel:
    """A directory of files, fed with operations; gives images at any time."""

    names: dict[str, _File] = field(default_factory=dict)
    certain_names: dict[str, _File] = field(default_factory=dict)
    pending_names: list[tuple[Create | Delete, _File]] = field(default_factory=list)

    @classmethod
    def holding(cls, image: Image) -> "DiskModel":
        """Return a disk on which this is certain."""
        names = {name: _File(data) for name, data in image.items()}
        return cls(dict(names), dict(names))

    def do(self, operation: Operation) -> None:
        """Take the next operation."""
        if isinstance(operation, Create):
            self.names[operation.name] = _File()
            self.pending_names.append((operation, self.names[operation.name]))
        elif isinstance(operation, Delete):
            self.pending_names.append((operation, self.names.pop(operation.name)))
            if operation.synced:
                self._sync_names()
        elif isinstance(operation, SyncFailed):
            self.names[operation.name].pending.clear()  # never to be certain
        elif isinstance(operation, Sync):
            self.names[operation.name].sync()
            if operation.directory:
                self._sync_names()
        else:
            self.names[operation.name].pending.append(operation)

    def _sync_names(self) -> None:
        self.pending_names.clear()
        self.certain_names = dict(self.names)

    # ------------------------------------------------------------ images

    def everything(self) -> Image:
        """Everything that was asked was done."""
        return {name: f.content(f.pending) for name, f in self.names.items()}

    def only_certain(self) -> Iterator[Image]:
        """Nothing since each file's last sync; with every part of the late names."""
        for names in self._directories():
            yield {name: f.certain for name, f in names.items()}

    def late_names(self) -> Iterator[Image]:
        """All data, but the newest names did not arrive."""
        for names in self._directories()[:-1]:
            yield {name: f.content(f.pending) for name, f in names.items()}

    def torn(self) -> Iterator[Image]:
        """All but the end of the last write; and all but its beginning."""
        for name, file in self.names.items():
            if not file.pending or not isinstance(file.pending[-1], Write):
                continue
            *before, last = file.pending
            parts = sectors(last)  # type: ignore[arg-type]  # checked above
            rest = {n: f.content(f.pending) for n, f in self.names.items()}
            for cut in range(len(parts)):
                yield {**rest, name: file.content([*before, *parts[:cut]])}
                if cut:
                    yield {**rest, name: file.content([*before, *parts[cut:]])}

    def subset(self, choice: random.Random) -> Image:
        """Any part of what is not certain, sector by sector."""
        names = choice.choice(self._directories())
        share = choice.random()  # sometimes nearly all, sometimes nearly nothing
        return {name: self._part(f, choice, share) for name, f in names.items()}

    def _part(self, file: _File, choice: random.Random, share: float) -> bytes:
        asked = [
            part
            for operation in file.pending
            for part in (sectors(operation) if isinstance(operation, Write) else [operation])
        ]
        return file.content([part for part in asked if choice.random() < share])

    def _directories(self) -> list[dict[str, _File]]:
        """Every state of the directory from the certain one to the newest."""
        states = [dict(self.certain_names)]
        for operation, file in self.pending_names:
            names = dict(states[-1])
            if isinstance(operation, Create):
                names[operation.name] = file
            else:
                names.pop(operation.name, None)
            states.append(names)
        return states

    def images(self, subsets: int, choice: random.Random) -> Iterator[Image]:
        """Every kind of image of this moment; some are equal."""
        yield self.everything()
        yield from self.only_certain()
        yield from self.late_names()
        yield from self.torn()
        if self.pending_names or any(f.pending for f in self.names.values()):
            for _ in range(subsets):
                yield self.subset(choice)
