import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from device.domain.record import Event
from device.errors import JournalDamaged
from device.journal import chain
from device.journal.chain import Link

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "sync.json").read_bytes())
ROWS: list[dict[str, Any]] = VECTORS["rows"]


def event_of(row: dict[str, Any]) -> Event:
    fields = {chain.FIELDS.get(k, k): row[k] for k in chain.COLUMNS if k != "seq"}
    fields["at"] = datetime.fromisoformat(row["at"])
    fields["money_at"] = datetime.fromisoformat(row["money_at"]) if row["money_at"] else None
    return Event(**fields)


def in_file(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"id": n, "epoch": "9f3c", **row} for n, row in enumerate(rows, 1)]


def test_the_vectors_are_reproduced_bit_for_bit() -> None:
    link = Link("9f3c")
    for expected in ROWS:
        row, link = chain.append(link, event_of(expected))
        assert row == expected
        assert list(row) == list(expected)
    assert link == Link("9f3c", 2, 2, ROWS[-1]["hash"])


def test_the_vectors_pass_the_check() -> None:
    assert chain.check(in_file(ROWS), Link("9f3c")) == Link("9f3c", 2, 2, ROWS[-1]["hash"])


@pytest.mark.parametrize("column", [*chain.COLUMNS, "prev", "hash"])
def test_a_change_of_any_column_is_found(column: str) -> None:
    rows = in_file([dict(row) for row in ROWS])
    old = rows[0][column]
    rows[0][column] = old + 1 if isinstance(old, int) else old + "x"
    with pytest.raises(JournalDamaged, match="event 1 "):
        chain.check(rows, Link("9f3c"))


def test_a_missing_row_is_found() -> None:
    with pytest.raises(JournalDamaged, match="event 1 is missing"):
        chain.check(in_file(ROWS)[1:], Link("9f3c"))


def test_a_missing_row_is_found_even_if_the_rest_was_renumbered() -> None:
    rows = in_file(ROWS[1:])
    with pytest.raises(JournalDamaged, match="seq 1 is missing"):
        chain.check(rows, Link("9f3c"))


def test_the_newest_rows_alone_take_the_first_prev_on_trust() -> None:
    link = chain.check(in_file(ROWS)[1:])
    assert link is not None
    assert link.seq == 2


def test_a_new_epoch_begins_at_one_after_zeros() -> None:
    row, _ = chain.append(Link("aaaa"), event_of(ROWS[0]))
    rows = [*in_file(ROWS), {"id": 3, "epoch": "aaaa", **row}]
    assert chain.check(rows, Link("9f3c")) == Link("aaaa", 3, 1, str(row["hash"]))


def test_no_rows_leave_the_link_as_it_is() -> None:
    assert chain.check([], Link("9f3c")) == Link("9f3c")
