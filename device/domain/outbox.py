"""What the journal tells the uploader: the events that wait for the statistics centre."""

from dataclasses import dataclass

from device.domain.chain import GENESIS, WireRow


@dataclass(frozen=True, slots=True)
class Lost:
    """Events that the centre holds and this journal has lost (payment-states M25)."""

    epoch: str
    from_seq: int
    """The first that is still to be fetched."""
    prev: str = GENESIS
    """The hash that it must follow; empty if it is not known here."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """The next events to send, all of one epoch, and where things stand."""

    epoch: str
    """The epoch of the rows: the oldest that has any waiting, else the newest."""
    acknowledged: int
    """The centre has everything of this epoch up to here."""
    end: int
    """The last seq of this epoch that is to be sent."""
    rows: tuple[WireRow, ...] = ()
    """From `acknowledged + 1` on, at most as many as were asked for."""
    newest: bool = True
    """New events are still added to this epoch."""
    replaced: bool = False
    """An earlier epoch ended because it could not go on at the centre."""
    unheard: int = 0
    """Of the newest epochs, how many began in this way and have nothing acknowledged yet."""
    waiting: int = 0
    """Events of every epoch that are not acknowledged."""
    lost: Lost | None = None

    @property
    def healing(self) -> bool:
        """The journal lost events and is not yet as whole as the centre (M25)."""
        unheard = self.replaced and (not self.newest or (self.acknowledged == 0 and self.end > 0))
        return self.lost is not None or unheard


NOTHING = Backlog("", 0, 0)
