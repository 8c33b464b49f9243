import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almahook.handlers import RetryPolicy
from almahook.inbox import AttemptOutcome, Lease, RunState, StoredEvent
from almahook.worker.decide import DIRECT_REASON, Ended, settlement

NOW = 1_700_000_000.0
FINAL = {
    AttemptOutcome.SUCCEEDED: RunState.SUCCEEDED,
    AttemptOutcome.SKIPPED: RunState.SKIPPED,
    AttemptOutcome.GAVE_UP: RunState.PARKED,
}
FAILURES = sorted(set(AttemptOutcome) - set(FINAL))

spreads = st.floats(0, 1, exclude_max=True)
waits = st.floats(0.001, 10 * 86_400).map(lambda seconds: timedelta(seconds=seconds))
policies = st.builds(RetryPolicy, attempts=st.integers(1, 50), first=waits, longest=waits)


def lease_of(attempt: int) -> Lease:
    event = StoredEvent(
        seq=1,
        profile="main",
        action="LOAN",
        event="LOAN_RETURNED",
        event_id="1",
        institution="",
        time="",
        subject="",
        content_type="",
        body=b"{}",
        received_at=NOW,
        secret_index=0,
    )
    return Lease(
        run_id=7, token=3, handler="loan", number=1, attempt=attempt, until=NOW, event=event
    )


def ended(outcome: AttemptOutcome, **changes: object) -> Ended:
    given = {"started_at": NOW, "ended_at": NOW + 5, "outcome": outcome, "error": "why"}
    return Ended(**{**given, **changes})


@given(policy=policies, attempt=st.integers(1, 60), spread=spreads)
def test_a_wait_is_at_least_half_of_what_is_due_and_never_longer_than_the_longest(
    policy, attempt, spread
):
    wait_s = policy.wait_s(attempt=attempt, spread=spread)
    if attempt >= policy.attempts:
        assert wait_s is None
        return
    due_s = min(policy.first.total_seconds() * 2.0 ** (attempt - 1), policy.longest.total_seconds())
    assert due_s / 2 <= wait_s <= due_s * (1 + 1e-9)
    assert wait_s <= policy.longest.total_seconds()


@given(attempt=st.integers(1, 10), spreads=st.lists(spreads, min_size=2, max_size=2, unique=True))
def test_runs_that_failed_together_do_not_come_back_together(attempt, spreads):
    policy = RetryPolicy(attempts=20)
    less, more = sorted(spreads)
    assert policy.wait_s(attempt=attempt, spread=less) <= policy.wait_s(
        attempt=attempt, spread=more
    )
    assert policy.wait_s(attempt=attempt, spread=0.0) * 2 == pytest.approx(
        policy.wait_s(attempt=attempt, spread=math.nextafter(1, 0))
    )


def test_an_attempt_that_can_no_longer_be_counted_in_doublings_still_has_a_wait():
    policy = RetryPolicy(attempts=10**9)
    assert policy.wait_s(attempt=10**8, spread=0.0) == 1800


@pytest.mark.parametrize(("outcome", "state"), FINAL.items())
@given(policy=policies, attempt=st.integers(1, 60), spread=spreads)
def test_what_has_ended_for_good_is_never_tried_again(outcome, state, policy, attempt, spread):
    settled = settlement(lease_of(attempt), ended(outcome), policy=policy, spread=spread)
    assert (settled.state, settled.reason) == (state, "why")


@pytest.mark.parametrize("outcome", FAILURES)
@given(policy=policies, attempt=st.integers(1, 60), spread=spreads)
def test_a_failure_is_tried_again_after_its_end_until_the_last_attempt_and_parked_then(
    outcome, policy, attempt, spread
):
    settled = settlement(lease_of(attempt), ended(outcome), policy=policy, spread=spread)
    if attempt < policy.attempts:
        assert settled.state is RunState.WAITING
        assert settled.due_at > NOW + 5 - 1
        assert settled.reason == "why"
    else:
        assert settled.state is RunState.PARKED
        assert settled.reason == f"gave up after {attempt} attempts: why"


@given(after=st.floats(-1e6, 1e6), spread=spreads)
def test_the_wait_that_a_handler_asks_for_is_taken_and_never_lies_in_the_past(after, spread):
    how = ended(AttemptOutcome.RETRY, retry_after_s=after)
    settled = settlement(lease_of(1), how, policy=RetryPolicy(), spread=spread)
    assert settled.due_at == NOW + 5 + max(0.0, after)


def test_a_handler_that_asks_to_be_run_again_for_ever_is_parked_after_its_last_attempt():
    how = ended(AttemptOutcome.RETRY, retry_after_s=1.0)
    settled = settlement(lease_of(8), how, policy=RetryPolicy(attempts=8), spread=0.5)
    assert settled.state is RunState.PARKED


@pytest.mark.parametrize("outcome", FAILURES)
def test_in_direct_mode_it_is_alma_who_tries_again(outcome):
    settled = settlement(lease_of(1), ended(outcome), policy=RetryPolicy(), spread=0.5, direct=True)
    assert settled.state is RunState.PARKED
    assert DIRECT_REASON in settled.reason


def test_a_settlement_says_whose_it_is_and_what_happened():
    how = ended(AttemptOutcome.FAILED, traceback="Traceback …", log=["INFO began"])
    settled = settlement(lease_of(2), how, policy=RetryPolicy(), spread=0.5)
    assert (settled.run_id, settled.token) == (7, 3)
    attempt = settled.attempt
    assert (attempt.number, attempt.started_at, attempt.ended_at) == (2, NOW, NOW + 5)
    assert (attempt.outcome, attempt.error) == (AttemptOutcome.FAILED, "why")
    assert (attempt.traceback, attempt.log) == ("Traceback …", ["INFO began"])
