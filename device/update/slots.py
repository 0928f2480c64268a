"""Which of the two root slots boots: the file `slots` on the data partition. Pure.

    good=a      boots unless a trial is due
    try=b       the slot on trial, or empty
    tries=1     how often it may still be tried

The initrd takes one try off, durably, before it mounts the slot on trial; with none left it boots
`good`. So a release that does not come up is tried once, whatever happens to it.
"""

from dataclasses import dataclass

from device.errors import UpdateRefused

NAMES = ("a", "b")
FILE = "slots"


@dataclass(frozen=True, slots=True)
class Slots:
    """The state as it is on the disk."""

    good: str = "a"
    trial: str = ""
    tries: int = 0

    @classmethod
    def parse(cls, text: str) -> "Slots":
        """Return what the file says; UpdateRefused if it says nothing that can be followed."""
        fields = dict(line.split("=", 1) for line in text.split() if "=" in line)
        good, trial, tries = (fields.get(name, "") for name in ("good", "try", "tries"))
        if good not in NAMES or trial not in {*NAMES, ""} or not (tries or "0").isdigit():
            raise UpdateRefused("slots: 内容有误 / the slot state cannot be read")
        return cls(good, trial, int(tries or "0"))

    def text(self) -> str:
        """Return the file's text."""
        return f"good={self.good}\ntry={self.trial}\ntries={self.tries}\n"

    def with_trial(self, slot: str) -> "Slots":
        """Return the state in which a slot is tried once."""
        return Slots(self.good, slot, 1)

    def without_trial(self) -> "Slots":
        """Return the state in which only the good slot boots: the other may be written over."""
        return Slots(self.good)

    def kept(self) -> "Slots":
        """Return the state in which the slot on trial is the good one."""
        return Slots(self.trial or self.good)

    def boot(self) -> "tuple[str, Slots]":
        """Return which slot boots and what is left: what the initrd does, for tests against it."""
        if self.trial and self.tries > 0:
            return self.trial, Slots(self.good, self.trial, self.tries - 1)
        return self.good, self


def other(slot: str) -> str:
    """Return the slot that is not this one."""
    return NAMES[1 - NAMES.index(slot)]
