"""The figures of the HIS's round trips can be taken; here on a sealed link."""

import re

import pytest

from simulators import round_trips


def test_every_kind_of_question_is_answered_during_a_payment(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert round_trips.main(["--questions", "5", "--security", "aes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    kinds = [tuple(line.split()[:2]) for line in lines if " p50 " in line]
    assert kinds == [("aes", question) for question in ("ENQ", "query", "status")]
    medians = [float(found) for line in lines for found in re.findall(r"p50 +([0-9.]+)", line)]
    assert max(medians) < 50  # his-link §3.11
