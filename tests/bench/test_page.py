from dataclasses import replace

from bench.figures import Figures, Run, Spread, Trouble
from bench.page import SECTIONS, page, section_text, targets_table, with_spread
from bench.plot import chosen, svg

TITLES = {"almahook": "**almahook**", "node": "Node", "constant": "says 200"}
FACTS = {"date": "2026-01-01", "rounds": 2, "size": 2048, "scale": "the usual run"}
ACK = SECTIONS[0]


def run(subject: str, turn: int, per_second: float) -> Run:
    return Run(
        workload="ack",
        subject=subject,
        condition="64 connections",
        round=turn,
        values={"per_second": per_second, "p99_ms": 4.26, "cpu_us": 31.4},
    )


MEASURED = Figures(
    [
        run("almahook", 0, 30_000),
        run("node", 0, 15_000),
        run("almahook", 1, 20_000),
        run("node", 1, 16_000),
    ]
)


def cells(text: str, title: str) -> list[str]:
    (row,) = (line for line in text.splitlines() if line.startswith(f"| {title}"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_a_row_has_the_median_with_its_spread_and_the_ratio_with_its_own():
    row = cells(section_text(MEASURED, ACK, TITLES), "Node")
    assert row[1] == "15,500 (15,000 to 16,000)"
    assert row[-1] == "1.6 (1.2 to 2.0) times"


def test_almahook_is_not_compared_with_itself():
    assert cells(section_text(MEASURED, ACK, TITLES), "**almahook**")[-1] == ""


def test_what_was_not_measured_is_an_empty_cell():
    row = cells(section_text(MEASURED, ACK, TITLES), "Node")
    assert row[2] == ""


def test_all_rows_of_a_table_have_as_many_cells():
    rows = [line for line in section_text(MEASURED, ACK, TITLES).splitlines() if line[:1] == "|"]
    assert len({line.count("|") for line in rows}) == 1


def test_a_workload_that_was_not_measured_has_no_section():
    assert section_text(Figures([]), ACK, TITLES) == ""


def test_what_was_measured_of_almahook_alone_shares_one_table():
    runs = [replace(run("almahook", 0, 100), condition=name) for name in ("8", "512")]
    text = section_text(Figures(runs), ACK, TITLES)
    assert text.count("| --- |") == 1
    assert "**almahook**, 8 |" in text
    assert "**almahook**, 512 |" in text


def test_a_single_run_has_no_spread():
    assert with_spread(Spread(median=1.25, lowest=1.25, highest=1.25, count=1), 2) == "1.25"


def test_an_aim_is_told_whether_it_is_reached_or_not():
    text = targets_table(MEASURED)
    assert cells(text, "acknowledgements, against Node")[-1] == "reached"
    slow = Figures([run("almahook", 0, 10), run("node", 0, 11)])
    assert cells(targets_table(slow), "acknowledgements, against Node")[-1] == "**not reached**"


def test_an_aim_whose_peer_was_not_measured_is_left_out():
    assert "FastAPI" not in targets_table(MEASURED)


def test_the_page_says_when_under_what_and_what_is_missing():
    trouble = Trouble(workload="ack", subject="webhook", condition="8", reason="not installed")
    text = page(MEASURED, [trouble], titles=TITLES, conditions=["2 cores"], facts=FACTS)
    assert "2026-01-01" in text
    assert "- 2 cores\n" in text
    assert "- ack, webhook, 8: not installed" in text


def test_the_plot_shows_the_fastest_first_and_leaves_the_generators_limit_out():
    (bars,) = chosen(Figures([*MEASURED.runs, run("constant", 0, 99_999)]), TITLES)
    assert [label for _, label, _ in bars.bars] == ["almahook", "Node"]
    drawn = svg([bars])
    assert "99,999" not in drawn
    assert drawn.index("25,000") < drawn.index("15,500")
