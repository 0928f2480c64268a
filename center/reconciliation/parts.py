"""Numbers in handfuls: what one question to the database may hold."""

from collections.abc import Iterable, Iterator

AT_ONCE = 500


def parts(keys: Iterable[str]) -> Iterator[list[str]]:
    """Yield the numbers, in order, some at a time."""
    every = sorted(keys)
    for start in range(0, len(every), AT_ONCE):
        yield every[start : start + AT_ONCE]
