"""Jobs that are started over the API: they run a while, end, and fire JOB_END."""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from almahook.simulator.api import refusal
from almahook.simulator.institution import Institution, Record
from almahook.simulator.messages import Messages
from almahook.simulator.timer import Timer
from almahook.simulator.variety import stamp_of

# https://developers.exlibrisgroup.com/alma/apis/docs/conf/ (Submit a manual or scheduled job)
MOST_RUNNING = 3
MOST_STARTS_PER_HOUR = 5
_HOUR_S = 3600.0
_MANUAL_OR_SCHEDULED = frozenset({"MANUAL", "SCHEDULED"})


class JobRunner:
    """Runs jobs within Alma's two limits.

    Args:
        fire: Sends a JOB_END message to the profiles that want it.
    """

    def __init__(
        self,
        institution: Institution,
        messages: Messages,
        timer: Timer,
        *,
        time_scale: float,
        fire: Callable[[bytes], object],
    ) -> None:
        self._data = institution
        self._messages = messages
        self._timer = timer
        self._hour_s = _HOUR_S / time_scale
        self._fire = fire
        self._lock = threading.Lock()
        self._running = 0
        self._starts: defaultdict[str, deque[float]] = defaultdict(deque)
        self.job_s = 0.1

    def run(self, job_id: str) -> str:
        """Start a job and return the id of its instance.

        Raises:
            AlmaResponseError: The job cannot be started, or a limit is reached.
        """
        job = self._data.jobs[job_id]
        if job["type"]["value"] not in _MANUAL_OR_SCHEDULED:
            raise refusal("402248", "Cannot submit scheduled job.")
        with self._lock:
            self._require_room(self._starts[job_id])
        started = datetime.now(UTC)
        instance = _instance(self._message(job, started))
        instance_id = str(instance["id"])
        self._data.instances[job_id][instance_id] = _unfinished(instance)
        self._timer.call_later(self.job_s, partial(self._finish, job, instance_id, started))
        return instance_id

    def _require_room(self, starts: deque[float]) -> None:
        now = time.monotonic()
        while starts and now - starts[0] >= self._hour_s:
            starts.popleft()
        if self._running >= MOST_RUNNING:
            raise refusal("402222", "Execution threshold reached.")
        if len(starts) >= MOST_STARTS_PER_HOUR:
            raise refusal("402223", "Execution threshold reached.")
        self._running += 1
        starts.append(now)

    def _message(self, job: Record, started: datetime, instance_id: str | None = None) -> bytes:
        status = self._data.outcomes.get(job["id"], "COMPLETED_SUCCESS")
        overrides: Mapping[str, Any] = {
            "time": stamp_of(datetime.now(UTC)),
            "job_instance.name": job["name"],
            "job_instance.job_info": job,
            "job_instance.submitted_by": {"value": "API", "desc": None},
            "job_instance.status.value": status,
            "job_instance.submit_time": stamp_of(started),
            "job_instance.start_time": stamp_of(started),
        }
        return self._messages.message("JOB_END", overrides=overrides, id=instance_id)

    def _finish(self, job: Record, instance_id: str, started: datetime) -> None:
        message = self._message(job, started, instance_id)
        with self._lock:
            self._running -= 1
        self._data.instances[job["id"]][instance_id] = _instance(message)
        self._fire(message)


def _instance(message: bytes) -> Record:
    instance = msgspec.json.decode(message)["job_instance"]
    assert isinstance(instance, dict)
    return instance


def _unfinished(instance: Record) -> Record:
    running = {"value": "RUNNING", "desc": "Running"}
    rest = {key: value for key, value in instance.items() if key not in {"end_time", "counter"}}
    return {**rest, "progress": 0, "status": running, "alert": []}
