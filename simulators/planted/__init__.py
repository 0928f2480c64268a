"""Bugs put into the product on purpose, one at a time: a judge that catches nothing proves nothing.

`BUGS` is the table. Each row changes a line, a function or a table of the *product* and names the
invariants that must be reported broken; the same histories are clean without it. A bug that was
thought of or met goes in here first. `python -m simulators.planted` plays them, prints the score.
"""

from simulators.planted import chase, durable, persons, refunds, till, told, words
from simulators.planted.bug import BUGS, HARMLESS, Bug, Harmless

__all__ = [
    "BUGS",
    "HARMLESS",
    "Bug",
    "Harmless",
    "chase",
    "durable",
    "persons",
    "refunds",
    "till",
    "told",
    "words",
]
