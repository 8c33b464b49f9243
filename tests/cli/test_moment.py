import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almahook.cli.moment import local_time, parse_moment, short_time, utc_time
from almahook.errors import ConfigurationError

NOW = 1_795_500_000.0
UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch):
    """Put the machine into a time zone with summer time."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@given(st.integers(0, 2000), st.sampled_from(sorted(UNITS)), st.sampled_from(["", " "]))
def test_a_number_with_a_unit_is_so_long_ago(number, unit, gap):
    assert parse_moment(f"{number}{gap}{unit}", now=NOW) == NOW - number * UNITS[unit]


def test_a_part_of_a_unit_may_be_written():
    assert parse_moment("1.5h", now=NOW) == NOW - 5400


def test_what_lies_before_the_calendar_is_its_beginning():
    assert parse_moment("999999w", now=NOW) == 0
    assert parse_moment("1900-01-01", now=NOW) == 0


@given(st.floats(0, 4e9), st.integers(-14 * 60, 14 * 60))
def test_a_time_with_a_zone_is_read_as_it_was_written(at, minutes):
    written = datetime.fromtimestamp(at, tz=timezone(timedelta(minutes=minutes))).isoformat()
    assert parse_moment(written, now=NOW) == pytest.approx(at, abs=1e-3)


@given(st.integers(0, 4_000_000_000))
def test_what_is_printed_for_a_program_can_be_given_back(at):
    assert parse_moment(utc_time(at), now=NOW) == at


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-01", "2026-10-31T23:00:00.000Z"),
        ("2026-07-01", "2026-06-30T22:00:00.000Z"),
        ("2026-11-01T08:30", "2026-11-01T07:30:00.000Z"),
        ("2026-11-01 08:30:15", "2026-11-01T07:30:15.000Z"),
        ("2026-11-01T08:30Z", "2026-11-01T08:30:00.000Z"),
        ("2026-11-01T08:30-05:00", "2026-11-01T13:30:00.000Z"),
    ],
)
def test_a_time_without_a_zone_is_local(zone, text, meant):
    assert utc_time(parse_moment(text, now=NOW)) == meant


def test_times_are_shown_in_the_local_zone(zone):
    at = datetime(2026, 7, 1, 8, 30, 5, tzinfo=UTC).timestamp()
    assert local_time(at) == "2026-07-01 10:30:05"
    assert short_time(at, now=at) == "Jul 01 10:30"
    assert short_time(at, now=at, seconds=True) == "Jul 01 10:30:05"
    assert short_time(at, now=at + 400 * 86_400) == "2026-07-01"


@pytest.mark.parametrize(
    "text", ["", "2", "h", "-2h", "2x", "2 hours", "1e3d", "2026", "2026-13-01", "yesterday", "²h"]
)
def test_what_is_no_time_is_refused_with_the_forms_that_are(text):
    with pytest.raises(ConfigurationError, match="2026-11-01"):
        parse_moment(text, now=NOW)


@given(st.one_of(st.text(), st.from_regex(r"[0-9]{1,30}[smhdw]"), st.from_regex(r"[0-9:T.+Z-]*")))
def test_any_text_is_a_time_or_is_refused(text):
    try:
        at = parse_moment(text, now=NOW)
    except ConfigurationError:
        return
    assert 0 <= at <= datetime.max.replace(tzinfo=UTC).timestamp() + 86_400


@given(st.floats(0, 1e18))
def test_every_time_can_be_shown(at):
    for shown in (local_time(at), short_time(at, now=NOW), utc_time(at)):
        assert shown
