import pytest
from bench.figures import Figures, Run, percentile, spread


def run(subject: str, turn: int, per_second: float, condition: str = "64 connections") -> Run:
    return Run(
        workload="ack",
        subject=subject,
        condition=condition,
        round=turn,
        values={"per_second": per_second},
    )


def test_a_spread_is_the_median_with_the_lowest_and_the_highest():
    found = spread([5.0, 1.0, 2.0])
    assert (found.median, found.lowest, found.highest, found.count) == (2.0, 1.0, 5.0, 3)


def test_nothing_has_no_spread():
    assert spread([]) is None


def test_a_ratio_is_of_runs_of_one_round_and_not_of_medians():
    figures = Figures([run("a", 0, 30), run("b", 0, 10), run("a", 1, 80), run("b", 1, 40)])
    ratio = figures.ratio("per_second", ("a", "64 connections"), ("b", "64 connections"))
    assert (ratio.median, ratio.lowest, ratio.highest) == (2.5, 2, 3)


def test_a_round_in_which_one_failed_has_no_ratio():
    figures = Figures([run("a", 0, 30), run("b", 0, 10), run("a", 1, 60)])
    pairs = ("a", "64 connections"), ("b", "64 connections")
    assert figures.ratio("per_second", *pairs).count == 1


def test_a_ratio_to_what_was_not_measured_is_none():
    figures = Figures([run("a", 0, 30)])
    pairs = ("a", "64 connections"), ("b", "64 connections")
    assert figures.ratio("per_second", *pairs) is None


def test_a_ratio_to_zero_is_none():
    figures = Figures([run("a", 0, 30), run("b", 0, 0)])
    pairs = ("a", "64 connections"), ("b", "64 connections")
    assert figures.ratio("per_second", *pairs) is None


def test_conditions_and_subjects_keep_the_order_in_which_they_were_measured():
    figures = Figures([run("b", 0, 1), run("a", 0, 1), run("b", 1, 1), run("a", 0, 1, "8")])
    assert figures.conditions() == ["64 connections", "8"]
    assert figures.subjects("64 connections") == ["b", "a"]


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1), (0.5, 50), (0.501, 51), (0.99, 99), (0.999, 100), (1.0, 100)]
)
def test_a_percentile_is_the_smallest_value_that_this_share_does_not_exceed(share, value):
    assert percentile(list(range(1, 101)), share) == value


def test_a_percentile_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)
