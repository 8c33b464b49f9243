from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from almahook import Event, RetryPolicy, on
from almahook.errors import FilterError
from almahook.handlers import make_filter
from almahook.handlers.decorator import OPTIONS


def takes(message: Event, action: Any = "*", /, **filters: Any) -> bool:
    where = filters.pop("where", None)
    options = {key: filters.pop(key) for key in list(filters) if key in OPTIONS}
    return make_filter(action, where=where, fields=filters, **options)(message)


@pytest.mark.parametrize("action", ["JOB_END", "job_end", "JOB_*", ["LOAN", "JOB_END"], "*"])
def test_an_action_is_matched_whatever_its_case_by_glob_and_by_list(
    action: Any, job: Event
) -> None:
    assert takes(job, action)


def test_another_action_is_not_matched(job: Event) -> None:
    assert not takes(job, "LOAN")


def test_a_sub_event_is_matched(loan: Event, job: Event) -> None:
    assert takes(loan, "LOAN", event="loan_returned")
    assert not takes(loan, "LOAN", event="LOAN_CREATED")
    assert not takes(job, event="*")


@pytest.mark.parametrize(
    "job_pattern",
    ["M47", "m47", "Export Physical Items", "export*", ["M50", "M47"]],
)
def test_a_job_is_matched_by_its_id_or_its_name(job_pattern: Any, job: Event) -> None:
    assert takes(job, "JOB_END", job=job_pattern)


def test_a_name_with_brackets_matches_itself(job: Event) -> None:
    assert takes(job, "JOB_END", job="Export Physical Items [weekly]")


def test_another_job_is_not_matched(job: Event) -> None:
    assert not takes(job, "JOB_END", job="M48")


def test_a_coded_field_is_compared_by_its_code(job: Event) -> None:
    assert takes(job, "JOB_END", status="COMPLETED_*")
    assert not takes(job, "JOB_END", status="Completed with Errors")


def test_two_underscores_lead_into_a_field(job: Event) -> None:
    assert takes(job, job_info__type="MANUAL")
    assert not takes(job, job_info__type="SCHEDULED")


@pytest.mark.parametrize(
    "path", ["job_instance.status", "job_instance.status.value", "job_instance.counter.type"]
)
def test_where_takes_any_path_of_the_message(path: str, job: Event) -> None:
    assert takes(job, where={path: ["COMPLETED_FAILED", "label.new.records"]})


def test_a_list_on_the_path_matches_by_any_of_its_elements(job: Event) -> None:
    assert takes(job, counter__type="c.jobs.bibExport.link")
    assert takes(job, counter__type="label.new.*")
    assert not takes(job, counter__type="label.deleted.records")


def test_a_number_matches_a_number_and_a_counters_text(job: Event) -> None:
    assert takes(job, progress=100.3)
    assert takes(job, where={"job_instance.counter.value": 66})
    assert not takes(job, where={"job_instance.counter.value": 67})


def test_a_long_id_is_compared_exactly(loan: Event) -> None:
    assert takes(loan, mms_id=99525303135979361)
    assert not takes(loan, mms_id=99525303135979360)


def test_a_bool_matches_a_bool_and_its_text(make_event: Callable[..., Event], loan: Event) -> None:
    bib = make_event({"id": "1", "action": "BIB", "bib": {"suppress_from_publishing": "true"}})
    assert takes(bib, suppress_from_publishing=True)
    assert not takes(bib, suppress_from_publishing=False)
    assert takes(loan, renewable=False)
    assert not takes(loan, renewable=0)


@pytest.mark.parametrize("field", ["circ_desk", "description", "no_such_field"])
def test_none_matches_what_is_null_empty_or_absent(field: str, loan: Event) -> None:
    assert takes(loan, **{field: None})
    assert not takes(loan, **{field: "*"})


def test_none_may_be_one_of_the_alternatives(loan: Event) -> None:
    assert takes(loan, circ_desk=["DEFAULT", None])
    assert not takes(loan, library=["OTHER", None])


def test_a_function_is_asked_for_the_value(job: Event) -> None:
    assert takes(job, progress=lambda value: value > 100)
    assert not takes(job, progress=lambda value: value > 101)


def test_a_function_that_fails_does_not_match(job: Event) -> None:
    assert not takes(job, status=lambda value: value > 100)


def test_the_profile_and_the_institution_are_matched(make_event: Callable[..., Event]) -> None:
    event = make_event(
        {"id": "1", "action": "BIB", "institution": {"value": "01EXAMPLE_INST"}}, profile="sandbox"
    )
    assert takes(event, profile="sandbox", institution="01example_*")
    assert not takes(event, profile="main")
    assert not takes(event, institution="01OTHER_INST")


def test_every_filter_must_match(job: Event) -> None:
    assert takes(job, "JOB_END", job="M47", status="COMPLETED_*")
    assert not takes(job, "JOB_END", job="M47", status="FAILED")


def test_a_filter_says_what_it_takes() -> None:
    words = str(
        make_filter(
            "JOB_END", fields={"job": "M47", "status": ["FAILED", None], "counter__type": bool_of}
        )
    )
    assert words == (
        "action JOB_END, job M47, status FAILED or absent, counter.type as bool_of says"
    )


def bool_of(value: object) -> bool:
    return bool(value)


async def later(value: object) -> bool:
    return bool(value)


@pytest.mark.parametrize(
    ("arguments", "fix"),
    [
        ({"action": ""}, "None to match what is absent"),
        ({"action": []}, "empty list"),
        ({"action": None}, "must be text"),
        ({"action": "LOAN", "event": 7}, "must be text"),
        ({"action": "LOAN", "library": " "}, "None to match what is absent"),
        ({"action": "LOAN", "library": []}, "empty list"),
        ({"action": "LOAN", "library": b"MAIN"}, "cannot be a bytes"),
        ({"action": "LOAN", "library": {"value": "MAIN"}}, "cannot be a dict"),
        ({"action": "LOAN", "library": str}, "cannot be a type"),
        ({"action": "LOAN", "library": later}, "plain one"),
        ({"action": "LOAN", "fine": float("nan")}, "NaN"),
        ({"action": "LOAN", "where": "library"}, "paths and patterns"),
        ({"action": "LOAN", "where": {"item_loan..library": "MAIN"}}, "A path in where="),
        ({"action": "LOAN", "concurency": 2}, "Did you mean concurrency=?"),
        ({"action": "LOAN", "timeout_s": 2}, "Did you mean timeout=?"),
        ({"action": "LOAN", "retries": 2}, "Did you mean retry=?"),
        ({"action": "LOAN", "concurrency": 0}, "whole number from 1"),
        ({"action": "LOAN", "concurrency": True}, "whole number from 1"),
        ({"action": "LOAN", "timeout": 0}, "seconds above 0"),
        ({"action": "LOAN", "timeout": "60"}, "seconds above 0"),
        ({"action": "LOAN", "timeout": float("inf")}, "seconds above 0"),
        ({"action": "LOAN", "coalesce": timedelta(seconds=-1)}, "seconds above 0"),
        ({"action": "LOAN", "retry": 3}, "RetryPolicy(attempts=3)"),
        ({"action": "LOAN", "retry": RetryPolicy(attempts=0)}, "whole number from 1"),
        ({"action": "LOAN", "ordered": "yes"}, "True or False"),
        ({"action": "JOB_END", "name": "Export *"}, "job="),
    ],
)
def test_a_filter_that_can_never_work_is_refused_with_the_fix(
    arguments: dict[str, Any], fix: str
) -> None:
    with pytest.raises(FilterError) as refused:
        on(**arguments)
    assert fix in str(refused.value)


@pytest.mark.parametrize("field", ["time", "task_name", "full_name", "preferred", "returned_by"])
def test_a_field_of_almas_is_not_taken_for_a_misspelt_option(field: str) -> None:
    assert callable(on("REQUEST", **{field: "*"}))


def test_the_decorator_without_parentheses_is_refused() -> None:
    with pytest.raises(FilterError, match=r'@on\("LOAN"\)'):
        on(bool_of)  # type: ignore[arg-type]


def test_a_decorated_function_is_still_the_same_function() -> None:
    assert on("LOAN")(bool_of) is bool_of
