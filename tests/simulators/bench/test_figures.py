"""What a row says, how the table is written, what a comparison tells."""

import pytest

from simulators.bench import report
from simulators.bench.compare import Change, changes
from simulators.bench.figures import MET, MISSED, NOT_MEASURED, TARGETS, Row, Target, rows
from simulators.bench.others import read_center

LIMITED = Target("用时", "time", "ms", "by a clock", (3.0, 10.0))


@pytest.mark.parametrize(
    ("values", "verdict"),
    [((3.0, 10.0), MET), ((3.1, 1.0), MISSED), ((1.0, 10.1), MISSED), ((), NOT_MEASURED)],
)
def test_every_value_of_a_row_is_held_to_its_own_limit(
    values: tuple[float, ...], verdict: str
) -> None:
    assert Row(LIMITED, values).verdict == verdict


def test_a_lower_limit_is_turned_round() -> None:
    speed = Target("速度", "speed", "/s", "counted", (600.0,), at_least=True)
    assert Row(speed, (599.0,)).verdict == MISSED
    assert Row(speed, (600.0,)).verdict == MET
    assert Row(speed, (600.0,)).limit == "≥ 600"


def test_a_row_without_a_limit_judges_nothing() -> None:
    assert Row(Target("用时", "time", "ms", "by a clock"), (1.0,)).verdict == ""


def test_every_target_has_a_row_also_when_it_could_not_be_measured() -> None:
    found = rows({"memory": [40.0]}, {"boot": "no emulator"})
    assert len(found) == len(TARGETS)
    assert {row.verdict for row in found} == {MET, NOT_MEASURED}
    assert "no emulator" in [row.why for row in found]


def test_a_figure_without_a_target_is_a_fault() -> None:
    with pytest.raises(AssertionError, match="speed_of_light"):
        rows({"speed_of_light": [3e8]}, {})


def test_the_page_shows_a_row_as_the_readme_does() -> None:
    row = Row(LIMITED, (2.345, 9.87))
    told = "| 用时 | time | 2.35 / 9.87 ms | ≤ 3 / 10 | met | by a clock |"
    assert told in report.markdown([row], 1.0).splitlines()
    old = "text\n| 用时 | time | 5 / 6 ms | ≤ 3 / 10 | MISSED | by hand |\n| 别的 | other | 1 |\n"
    assert report.refresh(old, [row]) == f"text\n{told}\n| 别的 | other | 1 |\n"


def test_the_terminal_shows_colours_only_where_it_can() -> None:
    row = Row(LIMITED, (1.0, 2.0), "on a quiet machine")
    assert report.GREEN in report.line(row, colours=True)
    assert "\033" not in report.line(row, colours=False)
    assert "on a quiet machine" in report.line(row, colours=False)


def test_the_centres_table_is_read_with_and_without_limits() -> None:
    said = (
        "ingest, 46,634 rows, one process                   9,753.0 rows/s  >=    20,000  MISSED\n"
        "sums: thirty days                                     24.2 ms\n"
        "dashboard, whole page                                 23.7 ms      <=        50  met\n"
        "search: by number                         25.2      (7.3) ms      <=      20  met\n"
        "a line of something else\n"
    )
    ingest, sums, page, search = read_center(said, 1_000)
    assert (ingest.values, ingest.target.limits, ingest.verdict) == ((9753.0,), (20000.0,), MISSED)
    assert (sums.values, sums.verdict) == ((24.2,), "")
    assert search.values == (25.2,)
    assert "processor time 7.3" in search.target.method
    assert (page.target.en, page.verdict) == ("centre: dashboard, whole page", MET)


def test_a_comparison_names_what_is_better_and_what_is_worse() -> None:
    before = {
        "time": {"values": [4.0, 9.0]},
        "speed": {"values": [100.0]},
        "gone": {"values": [1.0]},
    }
    after = {
        "time": {"values": [2.0, 9.0], "unit": "ms", "at_least": False},
        "speed": {"values": [50.0], "unit": "/s", "at_least": True},
        "new": {"values": [1.0], "unit": "", "at_least": False},
    }
    assert [(c.what, c.ratio, c.word) for c in changes(before, after)] == [
        ("time", 0.5, "better"),
        ("speed", 0.5, "worse"),
    ]
    assert Change("same", "ms", (1.0,), (1.1,), at_least=False).word == ""
    assert Change("none before", "ms", (0.0,), (1.0,), at_least=False).ratio is None
