from almahook.receivers.budget import LineBudget


def test_so_many_lines_are_let_through_each_second() -> None:
    budget = LineBudget(2)
    assert [budget.take(100.0 + n / 10) for n in range(4)] == [0, 0, None, None]
    assert budget.take(101.0) is not None


def test_the_next_line_says_how_many_were_held_back_and_only_once() -> None:
    budget = LineBudget(1)
    assert [budget.take(100.0) for _ in range(4)] == [0, None, None, None]
    assert budget.take(101.0) == 3
    assert budget.take(102.0) == 0


def test_a_clock_that_is_set_back_holds_nothing_back_for_long() -> None:
    budget = LineBudget(1)
    budget.take(100.0)
    assert budget.take(40.0) == 0
