"""What becomes of a run after an execution: pure, with time and chance as arguments."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from almahook.handlers import RetryPolicy
from almahook.inbox import Attempt, AttemptOutcome, Lease, RunState, Settlement

_FINAL = {
    AttemptOutcome.SUCCEEDED: RunState.SUCCEEDED,
    AttemptOutcome.SKIPPED: RunState.SKIPPED,
    AttemptOutcome.GAVE_UP: RunState.PARKED,
}

DIRECT_REASON = "direct mode: Alma sends the event again"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How one execution ended.

    Attributes:
        retry_after_s: The wait that the handler asked for; None leaves it to the policy.
    """

    started_at: float
    ended_at: float
    outcome: AttemptOutcome
    error: str = ""
    traceback: str = field(default="", repr=False)
    log: Sequence[str] = ()
    retry_after_s: float | None = None


def settlement(
    lease: Lease, ended: Ended, *, policy: RetryPolicy, spread: float, direct: bool = False
) -> Settlement:
    """Decide what becomes of the run: finished, tried again, or parked.

    Args:
        lease: The lease it ran under.
        ended: How it ended.
        policy: The handler's.
        spread: A random number from 0 up to 1.
        direct: Alma waits for the outcome and is the one who tries again.
    """
    state, due_at, reason = _next(lease, ended, policy, spread, direct)
    return Settlement(
        run_id=lease.run_id,
        token=lease.token,
        state=state,
        due_at=due_at,
        reason=reason,
        attempt=Attempt(
            number=lease.attempt,
            started_at=ended.started_at,
            ended_at=ended.ended_at,
            outcome=ended.outcome,
            error=ended.error,
            traceback=ended.traceback,
            log=ended.log,
        ),
    )


def _next(
    lease: Lease, ended: Ended, policy: RetryPolicy, spread: float, direct: bool
) -> tuple[RunState, float, str]:
    if final := _FINAL.get(ended.outcome):
        return final, 0.0, ended.error
    if direct:
        return RunState.PARKED, 0.0, f"{ended.error} ({DIRECT_REASON})"
    wait_s = policy.wait_s(attempt=lease.attempt, spread=spread)
    if wait_s is None:
        return RunState.PARKED, 0.0, f"gave up after {lease.attempt} attempts: {ended.error}"
    if ended.retry_after_s is not None:
        wait_s = max(0.0, ended.retry_after_s)
    return RunState.WAITING, ended.ended_at + wait_s, ended.error
