from hypothesis import example, given
from hypothesis import strategies as st

from almahook.cli.output import counted, fact, listed, paragraph, plain, plain_lines

ANY = st.text(st.characters())


@given(ANY)
@example("\x1b[2J\x1b]0;owned\x07")
@example("abc\u202ecba")
@example("\ud800")
def test_nothing_that_steers_a_terminal_gets_through(text):
    for line in (plain(text), *plain_lines(text), *paragraph(text), *fact("id", text)):
        assert line.isprintable()


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_what_prints_stays_as_it_is(text):
    assert plain(text) == text


@given(st.lists(st.text("abcé", min_size=1, max_size=60)))
def test_a_paragraph_keeps_every_word_within_eighty_columns(words):
    lines = paragraph(" ".join(words), indent=4)
    assert [word for line in lines for word in line.split()] == words
    assert max(map(len, lines), default=0) <= 80


def test_a_word_that_is_too_long_is_not_broken_as_it_may_be_copied():
    url = "https://hooks.example.edu/" + "a" * 100
    assert paragraph(f"See {url}") == ["See", url]


def test_a_fact_that_is_not_known_is_left_out():
    assert fact("event", "") == []


def test_a_long_fact_is_continued_below_its_beginning():
    first, second = fact("reason", "word " * 20)
    assert first.startswith("  reason       word")
    assert second.startswith("               word")


def test_numbers_are_counted_in_words_and_never_listed_by_the_thousand():
    assert (counted(1, "event"), counted(1200, "event")) == ("1 event", "1,200 events")
    assert listed([3, 4]) == "3, 4"
    assert listed(range(1, 1001)) == "1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 990 more"
