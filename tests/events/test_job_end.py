from datetime import UTC, date, datetime
from typing import Any

import pytest

from almahook.events import TERMINAL_STATUSES, Counter, JobEnd, read_event

from .conftest import SAMPLES, Make

WITH_ERRORS = SAMPLES["job_end_2024_completed_with_errors"]
PUBLISHING = SAMPLES["job_end_2024_system_publishing"]


def job(make: Make, **fields: Any) -> JobEnd:
    return make("job_instance", fields, action="JOB_END")


def counted(make: Make, *counters: tuple[str, Any]) -> JobEnd:
    listed = [{"type": {"value": type_}, "value": value} for type_, value in counters]
    return job(make, counter=listed)


def test_the_fields_of_a_job_are_what_alma_wrote() -> None:
    event = read_event(WITH_ERRORS)
    assert isinstance(event, JobEnd)
    assert (event.job_id, event.job_name) == ("M47", "Export Physical Items")
    assert (event.job_type, event.job_category) == ("MANUAL", "REPOSITORY")
    assert event.job_description == "Export items of a set"
    assert (event.instance_id, event.external_id) == (event.id, event.id)
    assert (event.status, event.status_text) == ("COMPLETED_FAILED", "Completed with Errors")
    assert event.status_date == date(2024, 11, 5)
    assert (event.submitted_by, event.submitter_name) == ("amendez", "")
    assert event.end_time == event.time == datetime(2024, 11, 5, 7, 27, 10, 961_000, UTC)
    assert event.progress == 100.3
    assert event.alerts == ["alert_general_error"]
    assert event.link.endswith("/instances/48811093370002319")


def test_counters_are_numbers_where_they_are_numbers_and_text_where_they_are_not() -> None:
    event = read_event(WITH_ERRORS)
    assert isinstance(event, JobEnd)
    assert event.counters == [
        Counter(
            "c.jobs.bibExport.link", "Link to exported records", "BIBLIOGRAPHIC_48811093370002319"
        ),
        Counter("label.new.records", "New Records", "66"),
        Counter("Publishing error", "", "Failed to process record 991002319"),
    ]
    assert [counter.number for counter in event.counters] == [None, 66, None]
    assert event.counter("label.new.records") == 66
    assert event.counter("c.jobs.bibExport.link") is None
    assert event.counter_text("c.jobs.bibExport.link") == "BIBLIOGRAPHIC_48811093370002319"


def test_several_types_are_added_up() -> None:
    event = read_event(PUBLISHING)
    assert isinstance(event, JobEnd)
    types = ["label.new.records", "label.updated.records", "label.deleted.records"]
    assert event.counter(*types) == 3465
    assert event.counter(*types, "absent") == 3465
    assert event.counter("label.new.records") == 0
    assert event.counter() is None


def test_a_type_that_comes_twice_is_added_up_without_its_texts(make) -> None:
    event = counted(make, ("a", "5"), ("a", "no number"), ("b", "7"), ("a", "0.5"))
    assert event.counter("a") == 5.5
    assert event.counter_text("a") == "5"
    assert event.counter("absent") is None
    assert event.counter_text("absent") == ""


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("66", 66),
        (" 66 ", 66),
        (66, 66),
        ("-3", -3),
        ("+3", 3),
        ("0", 0),
        ("007", 7),
        ("12.50", 12.5),
        ("1e3", 1000),
        (100.3, 100.3),
        ("9" * 30, int("9" * 30)),
        ("48811_0002", None),
        ("1,234", None),
        ("1 234", None),
        ("12 records", None),
        ("12%", None),
        ("", None),
        (None, None),
        (True, None),
        ("true", None),
        ("nan", None),
        ("inf", None),
        ("Infinity", None),
        ("1e999", None),
        ("9" * 5000, None),
        ("0x10", None),
        ("٣", None),
        (".", None),
        ([], None),
        ({}, None),
    ],
)
def test_a_counter_is_a_number_only_if_it_looks_like_one(make, written, number) -> None:
    found = counted(make, ("a", written)).counter("a")
    assert found == number
    assert type(found) is type(number) or isinstance(found, float)


@pytest.mark.parametrize("counter", [None, [], [None], ["x"], [[]], {}, "x", 5, [{"type": None}]])
def test_a_job_without_proper_counters_counts_nothing(make, counter) -> None:
    event = job(make, counter=counter)
    assert event.counter("a") is None
    assert event.counter_text("a") == ""
    assert all(one.number is None for one in event.counters)


def test_a_single_counter_that_is_no_list_is_one_counter(make) -> None:
    event = job(make, counter={"type": {"value": "a", "desc": "A"}, "value": "5"})
    assert event.counters == [Counter("a", "A", "5")]


@pytest.mark.parametrize(
    ("status", "is_terminal", "is_completed"),
    [
        ("COMPLETED_SUCCESS", True, True),
        ("COMPLETED_WARNING", True, True),
        ("COMPLETED_FAILED", True, True),
        ("COMPLETED_NO_BULKS", True, True),
        ("FAILED", True, False),
        ("SKIPPED", True, False),
        ("SYSTEM_ABORTED", True, False),
        ("USER_ABORTED", True, False),
        ("MANUAL_HANDLING_REQUIRED", True, False),
        ("QUEUED", False, False),
        ("PENDING", False, False),
        ("INITIALIZING", False, False),
        ("RUNNING", False, False),
        ("FINALIZING", False, False),
        ("", False, False),
    ],
)
def test_a_status_tells_whether_the_job_has_ended_and_left_its_output(
    make, status, is_terminal, is_completed
) -> None:
    event = job(make, status={"value": status})
    assert (event.is_terminal, event.is_completed) == (is_terminal, is_completed)
    assert (status in TERMINAL_STATUSES) == is_terminal


@pytest.mark.parametrize("submitter", ["System", "API", "AlmaAdmin", "", None])
def test_what_alma_starts_itself_is_from_no_person(make, submitter) -> None:
    assert not job(make, submitted_by={"value": submitter}).is_from_person
    assert not job(make, submitted_by=submitter).is_from_person
    assert not job(make).is_from_person


@pytest.mark.parametrize("submitter", ["amendez", "system", "bokafor@example.edu"])
def test_any_other_submitter_is_a_person(make, submitter) -> None:
    assert job(make, submitted_by={"value": submitter}).is_from_person


def test_what_a_metadata_import_did_is_a_list_of_codes(make) -> None:
    event = job(make, action=[{"value": "IMPORT", "desc": "Import"}, "MERGE"])
    assert event.actions == ["IMPORT", "MERGE"]
    assert event.action == "JOB_END"
