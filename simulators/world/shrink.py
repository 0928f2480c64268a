"""A failing history made smaller: faults are left out, many at first, one by one at the end."""

from simulators.world.history import Told, play

MOST_TRIES = 200  # histories played for one shrinking: about a minute or two


def shrunk(told: Told, payments: int) -> Told:
    """Return a history that violates the same invariant with as few faults as could be found."""
    broken = {one.invariant for one in told.violations}
    best, tries, size = told, 0, max(1, len(told.faults) // 2)
    while size and tries < MOST_TRIES:
        smaller, used = _without_some(best, payments, size, broken, MOST_TRIES - tries)
        tries += used
        if smaller is None:
            size //= 2
        else:
            best = smaller
    return best


def _without_some(
    told: Told, payments: int, size: int, broken: set[str], most: int
) -> tuple[Told | None, int]:
    """Leave out `size` neighbouring faults at a time; the first history that still fails."""
    names = list(dict.fromkeys(fault.name for fault in told.faults))
    starts = range(0, len(names), size)
    for tries, start in enumerate(starts, 1):
        if tries > most:
            break
        found = play(told.seed, payments, frozenset(names) - set(names[start : start + size]))
        if broken & {one.invariant for one in found.violations}:
            return found, tries
    return None, len(starts)
