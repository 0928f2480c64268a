"""The tape: what the disk was asked to do and what the world learned, in one order.

Disk operations and facts stand in one list, so "everything up to here" is a moment at which the
power may fail: the disk had been asked this much, and the providers and the HIS had seen that.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from device.domain.replies import Reply
from device.domain.requests import Request


@dataclass(frozen=True, slots=True)
class Create:
    """A name came into being. The names are those of one directory."""

    name: str


@dataclass(frozen=True, slots=True)
class Delete:
    """A name was removed; `synced`: SQLite asked for the directory to be synced with it."""

    name: str
    synced: bool


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes at an offset."""

    name: str
    offset: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Truncate:
    """A new length in bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """The file's bytes are on the disk; `directory`: its name too, and every name before it."""

    name: str
    directory: bool = False


@dataclass(frozen=True, slots=True)
class SyncFailed:
    """The sync of a file failed: Linux then takes its pages for clean, and they may be gone."""

    name: str


Operation = Create | Delete | Write | Truncate | Sync | SyncFailed


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request reached a provider. `number` is the refund's own where it is one, else empty."""

    call: str
    out_trade_no: str
    number: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """The HIS sent a request."""

    request: Request


@dataclass(frozen=True, slots=True)
class Told:
    """The box sent the HIS a message."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Shown:
    """The display said that this amount was paid."""

    amount_fen: int


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The centre stored this row; `ours`: this box sent it."""

    epoch: str
    seq: int
    hash: str
    row: str = field(repr=False)
    ours: bool = True


@dataclass(frozen=True, slots=True)
class RolledBack:
    """The centre has only so many rows of that epoch any more."""

    epoch: str
    keep: int


Fact = Arrived | Asked | Told | Shown | Uploaded | RolledBack


@dataclass(slots=True)
class Tape:
    """Everything that happened, oldest first; `times[i]` is the world's time of entry i."""

    now: Callable[[], float]
    entries: list[Operation | Fact] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def add(self, entry: Operation | Fact) -> None:
        """Write it down."""
        self.entries.append(entry)
        self.times.append(self.now())

    def operations(self) -> int:
        """How many of the entries are the disk's."""
        return sum(isinstance(entry, Operation) for entry in self.entries)

    def facts(self, moment: int) -> list[Fact]:
        """What the world knew when the first `moment` entries had happened."""
        return [entry for entry in self.entries[:moment] if not isinstance(entry, Operation)]
