"""What handlers/job_end.py must do. To run this, type pytest."""

from pathlib import Path

from almahook import Skip
from almahook.testing import context, run, sample_event, user

HANDLER = Path(__file__).parents[1] / "handlers" / "job_end.py"


def test_the_submitter_gets_one_text() -> None:
    ctx = context(users={"amendez": user(preferred_sms="+1 555 010 0123")})
    event = sample_event("JOB_END", submitted_by="amendez", name="Export Physical Items")
    run(HANDLER, event, ctx)
    assert [message.to for message in ctx.sent] == ["+15550100123"]
    assert [message.text for message in ctx.sent] == [
        "The job Export Physical Items has completed."
    ]


def test_a_job_that_failed_is_told_as_failed() -> None:
    ctx = context(users={"amendez": user(preferred_sms="+1 555 010 0123")})
    event = sample_event("JOB_END", submitted_by="amendez", name="Export", status="FAILED")
    run(HANDLER, event, ctx)
    assert [message.text for message in ctx.sent] == ["The job Export has failed."]


def test_a_job_that_no_person_submitted_is_skipped() -> None:
    ctx = context()
    outcome = run(HANDLER, sample_event("JOB_END", submitted_by="System"), ctx)
    assert outcome == Skip("no person submitted this job")
    assert ctx.sent == []


def test_a_submitter_without_a_number_for_texts_is_skipped() -> None:
    ctx = context(users={"amendez": user()})
    outcome = run(HANDLER, sample_event("JOB_END", submitted_by="amendez"), ctx)
    assert isinstance(outcome, Skip)
    assert ctx.sent == []
