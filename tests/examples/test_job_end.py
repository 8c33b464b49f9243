from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from almahook import Event, GiveUp, Skip
from almahook.handlers import templates

from .conftest import EXAMPLES, Desk

Job = Callable[..., Event]


@pytest.fixture
def job(event: Callable[[dict[str, Any]], Event]) -> Job:
    def job_of(submitter: Any = "amendez", status: str = "COMPLETED_SUCCESS") -> Event:
        return event(
            {
                "action": "JOB_END",
                "job_instance": {
                    "name": "Export Physical Items",
                    "submitted_by": submitter and {"value": submitter},
                    "status": {"value": status},
                },
            }
        )

    return job_of


def test_the_submitter_is_told(run: Callable[..., Any], job: Job, desk: Desk) -> None:
    assert run("job_end", job()) is None
    assert desk.sent == ["The job Export Physical Items has completed."]


@pytest.mark.parametrize(
    ("status", "ending"),
    [
        ("COMPLETED_NO_BULKS", "has completed."),
        ("COMPLETED_WARNING", "has completed with warnings."),
        ("COMPLETED_FAILED", "has completed with errors."),
        ("FAILED", "has failed."),
        ("SYSTEM_ABORTED", "has ended without completing."),
    ],
)
def test_a_job_that_did_not_go_well_is_not_called_completed(
    status: str, ending: str, run: Callable[..., Any], job: Job, desk: Desk
) -> None:
    run("job_end", job(status=status))
    assert desk.sent == [f"The job Export Physical Items {ending}"]


@pytest.mark.parametrize("submitter", ["System", "API", "AlmaAdmin", "", None])
def test_a_job_that_no_person_submitted_is_skipped(
    submitter: Any, run: Callable[..., Any], job: Job, desk: Desk
) -> None:
    assert run("job_end", job(submitter)) == Skip("no person submitted this job")
    assert desk.sent == []


def test_a_submitter_whom_alma_does_not_know_is_skipped(run: Callable[..., Any], job: Job) -> None:
    assert isinstance(run("job_end", job("nobody")), Skip)


def test_a_submitter_without_a_number_is_skipped(
    run: Callable[..., Any], job: Job, desk: Desk
) -> None:
    desk.numbers["amendez"] = ""
    assert isinstance(run("job_end", job()), Skip)


def test_a_wrong_number_is_given_up_without_being_told(
    run: Callable[..., Any], job: Job, desk: Desk
) -> None:
    desk.numbers["amendez"] = "12"
    with pytest.raises(GiveUp) as given_up:
        run("job_end", job())
    assert "12" not in str(given_up.value)


def test_a_retry_does_not_send_a_second_text(run: Callable[..., Any], job: Job, desk: Desk) -> None:
    run("job_end", job())
    run("job_end", job(), attempt=2)
    assert len(desk.sent) == 1


def test_the_example_is_what_a_new_folder_gets() -> None:
    (folder,) = templates.__path__
    shipped = (Path(folder) / "job_end.py").read_text(encoding="utf-8")
    assert (EXAMPLES / "job_end.py").read_text(encoding="utf-8") == shipped
