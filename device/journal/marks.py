"""When things of this process happened, by the monotonic clock; bounded.

The wall clock may jump ten years (payment-states M18), so what is young is judged by these marks
as long as the process lives, and by written time only for what an earlier process stored.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field

LIMIT = 2_048
"""Marks kept. A desk makes at most some 400 answers in the 30 min that his-link §3.2 asks about;
beyond this the oldest is forgotten (0.5 MiB at the most)."""


@dataclass(slots=True)
class Marks:
    """Key -> monotonic seconds, the newest `limit` of them."""

    limit: int = LIMIT
    times: dict[Hashable, float] = field(default_factory=dict)

    def note(self, key: Hashable, mono_s: float) -> None:
        """Remember when; the first time counts."""
        self.times.setdefault(key, mono_s)
        if len(self.times) > self.limit:
            del self.times[next(iter(self.times))]

    def get(self, key: Hashable) -> float | None:
        """Return the time, None if not noted or forgotten."""
        return self.times.get(key)

    def oldest(self) -> float:
        """Return a time that everything forgotten is not younger than; 0.0 if nothing is noted."""
        return next(iter(self.times.values()), 0.0)
