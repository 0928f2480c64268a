"""The short form of `make matrix`: each way of talking under each kind of bad line, once."""

import logging
from collections.abc import Iterator

import pytest

from simulators.matrix.__main__ import BREAK_PARTS, Matrix, Talk, possible
from simulators.matrix.conversation import PARTS
from simulators.matrix.faults import FAULTS, Fault
from simulators.matrix.stand import CELLS, Cell

LINES = ("20 % lost", "20 % changed", "everything twice")
SLOW = {"one byte at a time": CELLS[4], "1200 baud": CELLS[3]}
"""These take seconds: one cell each, TLS in JSON and sealed TCP in XML."""
BREAKS = 7  # spread over the conversation; `make matrix` breaks it after every byte


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    logging.disable(logging.CRITICAL)
    yield Matrix(tmp_path_factory.mktemp("matrix"))
    logging.disable(logging.NOTSET)


BAD = [(cell, name) for cell in CELLS for name in LINES if possible(cell, name)]


@pytest.mark.parametrize(("cell", "name"), BAD, ids=str)
def test_a_bad_line_changes_no_result(matrix: Matrix, cell: Cell, name: str) -> None:
    assert matrix.faulty(cell, name, range(1, 2)).wrong == []


@pytest.mark.parametrize("name", SLOW)
def test_a_slow_line_changes_no_result(matrix: Matrix, name: str) -> None:
    assert matrix.faulty(SLOW[name], name, range(1, 2)).wrong == []


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_line_that_breaks_anywhere_changes_no_result(matrix: Matrix, cell: Cell) -> None:
    length = matrix.talk(Talk(cell, FAULTS["whole"], 1, BREAK_PARTS)).carried
    assert matrix.broken(cell, length // BREAKS, first=CELLS.index(cell) * 5).wrong == []


def test_a_his_that_loses_a_refund_would_be_seen(matrix: Matrix) -> None:
    matrix._good[PARTS] = matrix.good(BREAK_PARTS)
    row = matrix.row(CELLS[0], "whole", [Talk(CELLS[0], Fault(), 1, PARTS)])
    del matrix._good[PARTS]
    assert len(row.wrong) == 1
