"""What was planted beside what was found, list by list and kind by kind."""

from collections import Counter
from collections.abc import Iterator

from simulators.morning.center import Named

_ROW = "{:12}{:16}{:>9}{:>9}{:>9}{:>9}"


def lines(planted: Counter[Named], found: Counter[Named]) -> Iterator[str]:
    """Yield the table: how many of each kind were planted and found, missed, and named wrongly."""
    yield _ROW.format("list", "type", "planted", "found", "missed", "wrong")
    columns = planted, found, planted - found, found - planted
    counts = [Counter((pair, one.code) for pair, one in part.elements()) for part in columns]
    for pair, code in sorted({kind for part in counts for kind in part}):
        yield _ROW.format(pair, code, *(part[pair, code] for part in counts))
    yield _ROW.format("", "all", *(part.total() for part in columns))


def faults(planted: Counter[Named], found: Counter[Named], most: int = 20) -> Iterator[str]:
    """Yield the first differences that were missed, and the first that nobody planted."""
    for word, part in (("missed", planted - found), ("wrong", found - planted)):
        for pair, one in sorted(part)[:most]:
            yield f"  {word}: {pair} {one}"
