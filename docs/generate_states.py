"""Draw `docs/states.md` from the tables the box decides by: `make docs`.

Nothing here is written by hand twice: the states, what is true in each and every arrow come from
`device/domain/payment.py` and `refund.py`. A test compares the stored file with this one's output.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Any

from device.domain import booking, payment, refund
from device.domain.booking import BookingEvent, BookingState
from device.domain.payment import Attempt, AttemptEvent, AttemptState
from device.domain.refund import RefundEvent, RefundState
from device.domain.words import Wallet

TARGET = Path(__file__).parent / "states.md"
ORDINALS = ("", "first", "second", "third", "fourth", "fifth")
MEMBER = re.compile(r'\s+[A-Z_]+ = "(?P<value>\w+)"(  # (?P<true>.+))?')

HEAD = """\
# States

Drawn by `make docs` from the tables in `device/domain/`, which the box decides by; a test keeps
this file equal to them. An event that is not listed for a state is illegal there: it raises and
changes nothing. Every arrow is synced to disk before anything acts on it.
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """One table and how it is told."""

    title: str
    module: ModuleType
    states: type[StrEnum]
    events: type[StrEnum]
    arrows: Mapping[Any, Mapping[Any, StrEnum]]
    """State x event -> next state, itself where the event stays."""
    condition: Callable[[StrEnum, StrEnum], tuple[str, StrEnum] | None]
    """The other arrow of a cell and when it is taken."""
    begins: tuple[StrEnum, ...]


def meanings(words: type[StrEnum]) -> dict[str, str]:
    """Return value -> the comment beside the member: what is true in that state."""
    found = map(MEMBER.fullmatch, inspect.getsource(words).splitlines())
    return {m["value"]: m["true"] or "" for m in found if m}


def _attempt(state: AttemptState, **facts: object) -> Attempt:
    blank = Attempt(1, Wallet.WECHAT, "", 1, "", state)
    return replace(blank, **facts)  # type: ignore[arg-type]  # the facts of CONDITIONS


CONDITIONS: dict[str, dict[str, object]] = {
    "with a cancel wish": {"cancel_wish": True},
    f"for the {ORDINALS[payment.REFUSALS_BEFORE_REFUND]} time": {
        "refusals": payment.REFUSALS_BEFORE_REFUND - 1
    },
    f"for the {ORDINALS[payment.CONTRADICTIONS_BEFORE_REVERSE]} time": {
        "contradictions": payment.CONTRADICTIONS_BEFORE_REVERSE - 1
    },
}


def _payment_condition(state: StrEnum, event: StrEnum) -> tuple[str, StrEnum] | None:
    """Ask the real step function what each condition changes."""
    before, happened = AttemptState(state), AttemptEvent(event)
    plain = payment.step(_attempt(before), happened).state
    for words, facts in CONDITIONS.items():
        target = payment.step(_attempt(before, **facts), happened).state
        if target is not plain:
            return words, target
    return None


PAYMENT = Machine(
    "One payment attempt",
    payment,
    AttemptState,
    AttemptEvent,
    {s: {e: to or s for e, to in row.items()} for s, row in payment.TABLE.items()},
    _payment_condition,
    (AttemptState.INTENDED,),
)
REFUND = Machine(
    "One refund",
    refund,
    RefundState,
    RefundEvent,
    refund.REFUND_TABLE,
    lambda _state, _event: None,
    (RefundState.REQUESTED,),
)
BOOKING = Machine(
    "Booking in two steps",
    booking,
    BookingState,
    BookingEvent,
    booking.BOOKING_TABLE,
    lambda _state, _event: None,
    (BookingState.NONE, BookingState.WANTED),
)


def _edges(machine: Machine) -> dict[tuple[StrEnum, StrEnum], list[str]]:
    edges: dict[tuple[StrEnum, StrEnum], list[str]] = {}
    for state, row in machine.arrows.items():
        for event, target in row.items():
            if target is not state:
                edges.setdefault((state, target), []).append(event)
            other = machine.condition(state, event)
            if other:
                edges.setdefault((state, other[1]), []).append(f"{event} {other[0]}")
    return edges


def _diagram(machine: Machine) -> Iterator[str]:
    yield from ("```mermaid", "stateDiagram-v2")
    yield from (f"    [*] --> {first}" for first in machine.begins)
    for (state, target), events in _edges(machine).items():
        yield f"    {state} --> {target}: {', '.join(events)}"
    yield from (f"    {state} --> [*]" for state, row in machine.arrows.items() if not row)
    yield "```"


def _cell(machine: Machine, state: StrEnum) -> str:
    told = []
    for event, target in machine.arrows[state].items():
        other = machine.condition(state, event)
        after = f" ({other[0]}: **{other[1]}**)" if other else ""
        told.append(f"{event} → {'stays' if target is state else f'**{target}**'}{after}")
    return "; ".join(told) or "none: the end"


def _tables(machine: Machine) -> Iterator[str]:
    true = meanings(machine.states)
    yield from ("| state | what is true in it | what may happen |", "|---|---|---|")
    yield from (f"| `{s}` | {true[s]} | {_cell(machine, s)} |" for s in machine.states)
    happened = {word: text for word, text in meanings(machine.events).items() if text}
    if happened:
        yield from ("", "| event | what happened |", "|---|---|")
        yield from (f"| `{word}` | {text} |" for word, text in happened.items())


def _section(machine: Machine) -> str:
    prose = (machine.module.__doc__ or "").split("\n", 1)[1].strip()
    return "\n".join(
        [f"## {machine.title}", "", prose, "", *_diagram(machine), "", *_tables(machine), ""]
    )


def render() -> str:
    """Return the whole of `docs/states.md`."""
    return "\n".join([HEAD, _section(PAYMENT), _section(REFUND), _section(BOOKING)])


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
