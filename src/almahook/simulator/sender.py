"""Sends messages as Alma does: signed, within a time limit, and retried by Alma's rules.

    the listener answers        Alma
    2xx                         is content
    3xx, 4xx                    gives the message up for ever
    5xx, nothing, too late      tries again after 1 hour, 3 hours and 6 hours, then gives it up

https://developers.exlibrisgroup.com/alma/integrations/webhooks/ does not say what a redirect does;
here it is not followed and counts as a refusal, so that nobody relies on it.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from almahook.errors import ConfigurationError, MessageError
from almahook.protocol import SIGNATURE_HEADER, read_envelope, sign
from almahook.simulator.profile import ACTIVE, Profile
from almahook.simulator.timer import Timer
from almahook.simulator.wire import Wire
from almahook.simulator.xml import to_xml

Outcome = Literal["sending", "retrying", "delivered", "refused", "dropped"]

RETRY_AFTER_S = (3600.0, 3 * 3600.0, 6 * 3600.0)

_CONTENT_TYPES = {"JSON": "application/json", "XML": "application/xml"}
_CHUNK_BYTES = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One call of the listener.

    Attributes:
        status: The listener's HTTP status; None when there was no answer in time.
        seconds: How long the call took.
    """

    at: datetime
    status: int | None
    reason: str
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class LogEntry:
    """One line of Alma's View Log: a call of a listener.

    Attributes:
        action: The message's action, or ``CHALLENGE``.
        id: The message's id.
        attempt: Counted from 1.
    """

    time: datetime
    profile: str
    action: str
    id: str
    attempt: int
    status: int | None
    reason: str


@dataclass(kw_only=True, eq=False)
class Delivery:
    """One message on its way to one profile, through all of its attempts.

    Attributes:
        body: The exact bytes; every attempt sends the same.
        outcome: ``sending`` before the first answer, ``retrying`` while a retry is to come; then
            ``delivered``, ``refused`` (never tried again) or ``dropped`` (all attempts failed).
        duplicate: The unasked second sending, where the profile makes one.
    """

    profile: Profile
    body: bytes = field(repr=False)
    action: str
    id: str
    attempts: list[Attempt] = field(default_factory=list)
    outcome: Outcome = "sending"
    duplicate: "Delivery | None" = None
    _changed: threading.Condition = field(default_factory=threading.Condition, repr=False)

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.outcome not in {"sending", "retrying"}

    def wait(self, timeout: float | None = None) -> "Delivery":
        """Wait for the final outcome, and return this delivery.

        Args:
            timeout: Seconds; None waits for ever.

        Raises:
            TimeoutError: The outcome is still open.
        """
        return self._wait(lambda: self.is_final, timeout)

    def wait_attempt(self, number: int = 1, timeout: float | None = None) -> "Delivery":
        """Wait for so many attempts, or for the final outcome if that comes first.

        Raises:
            TimeoutError: There were fewer attempts in this time.
        """
        return self._wait(lambda: len(self.attempts) >= number or self.is_final, timeout)

    def settle(self, outcome: Outcome, attempt: Attempt | None = None) -> None:
        """Note what an attempt has led to."""
        with self._changed:
            if attempt is not None:
                self.attempts.append(attempt)
            self.outcome = outcome
            self._changed.notify_all()

    def _wait(self, is_so: Callable[[], bool], timeout: float | None) -> "Delivery":
        with self._changed:
            if not self._changed.wait_for(is_so, timeout):
                raise TimeoutError(f"after {timeout} s the message is still {self.outcome}")
        return self


def decide(status: int | None, *, attempt: int) -> Outcome:
    """Say what an answer means; ``attempt`` is the one just made, counted from 1."""
    if status is not None and 200 <= status < 300:  # noqa: PLR2004 - the table above
        return "delivered"
    if status is not None and status < 500:  # noqa: PLR2004 - the table above
        return "refused"
    return "retrying" if attempt <= len(RETRY_AFTER_S) else "dropped"


class Sender:
    """Calls listeners from ``senders`` threads at once.

    Args:
        time_scale: How many times faster than Alma's hours pass: 3600 makes an hour a second.
    """

    def __init__(
        self, *, wire: Wire, timer: Timer, senders: int, time_scale: float, chance: random.Random
    ) -> None:
        self._wire = wire
        self._timer = timer
        self._time_scale = time_scale
        self._chance = chance
        self._threads = ThreadPoolExecutor(senders, thread_name_prefix="alma-sender")
        self._lock = threading.Lock()
        self._counts: Counter[Profile] = Counter()
        self._open: set[Delivery] = set()
        self._closed = False
        self.log: list[LogEntry] = []

    def send(self, profile: Profile, body: bytes) -> Delivery:
        """Send one message, with all its retries, and return at once.

        Raises:
            ConfigurationError: The profile is not active.
        """
        _require_active(profile)
        delivery = _delivery(profile, body)
        with self._lock:
            self._counts[profile] += 1
            count = self._counts[profile]
        self._dispatch(delivery)
        if profile.duplicate_every and count % profile.duplicate_every == 0:
            delivery.duplicate = _delivery(profile, body)
            self._dispatch(delivery.duplicate)
        return delivery

    def bulk(
        self,
        profile: Profile,
        bodies: Iterable[bytes],
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[Delivery]:
        """Send many messages, and return when each has been tried once.

        Args:
            profile: To whom.
            bodies: The messages.
            on_progress: Called with how many have been tried so far, and of how many.

        Raises:
            ConfigurationError: The profile is not active.
        """
        deliveries = [self.send(profile, body) for body in bodies]
        for done, delivery in enumerate(deliveries, start=1):
            delivery.wait_attempt()
            if on_progress is not None:
                on_progress(done, len(deliveries))
        return deliveries

    def close(self) -> None:
        """Cut what is under way, and drop what waits for a retry."""
        with self._lock:
            self._closed = True
        self._wire.close()
        self._threads.shutdown(cancel_futures=True)
        self._wire.release()
        for delivery in self._open:
            delivery.settle("dropped")

    def _dispatch(self, delivery: Delivery) -> None:
        with self._lock:
            self._open.add(delivery)
        hold_s = delivery.profile.out_of_order_s
        if hold_s:
            self._timer.call_later(hold_s * self._chance.random(), partial(self._submit, delivery))
        else:
            self._submit(delivery)

    def _submit(self, delivery: Delivery) -> None:
        with self._lock:
            if not self._closed:
                self._threads.submit(self._attempt, delivery)
                return
        delivery.settle("dropped")

    def _attempt(self, delivery: Delivery) -> None:
        attempt = self._call(delivery)
        number = len(delivery.attempts) + 1
        outcome = decide(attempt.status, attempt=number)
        self._note(delivery, attempt, number)
        delivery.settle(outcome, attempt)
        if outcome == "retrying":
            wait_s = RETRY_AFTER_S[number - 1] / self._time_scale
            self._timer.call_later(wait_s, partial(self._submit, delivery))
        else:
            with self._lock:
                self._open.discard(delivery)

    def _call(self, delivery: Delivery) -> Attempt:
        profile = delivery.profile
        at, started = datetime.now(UTC), time.monotonic()
        content = _chunks(delivery.body) if profile.chunked else delivery.body
        heard = self._wire.call(
            "POST", profile.url, headers=_headers(profile, delivery.body), content=content
        )
        reason = heard.reason or f"HTTP {heard.status}"
        return Attempt(
            at=at, status=heard.status, reason=reason, seconds=time.monotonic() - started
        )

    def _note(self, delivery: Delivery, attempt: Attempt, number: int) -> None:
        self.log.append(
            LogEntry(
                time=attempt.at,
                profile=delivery.profile.name,
                action=delivery.action,
                id=delivery.id,
                attempt=number,
                status=attempt.status,
                reason=attempt.reason,
            )
        )


def _require_active(profile: Profile) -> None:
    if profile.status != ACTIVE:
        raise ConfigurationError(
            f"Alma sends nothing to profile {profile.name}: it is {profile.status.lower()}. "
            "Call activate(profile) while its listener runs."
        )


def _delivery(profile: Profile, body: bytes) -> Delivery:
    # What is not a message is sent as it is: tests send such bodies on purpose.
    try:
        envelope = read_envelope(body)
    except MessageError:
        return Delivery(profile=profile, body=body, action="", id="")
    if profile.message_type == "XML" and body.startswith(b"{"):
        body = to_xml(body)
    return Delivery(profile=profile, body=body, action=envelope.action, id=envelope.id)


def _headers(profile: Profile, body: bytes) -> list[tuple[str, str]]:
    headers = [("Content-Type", _CONTENT_TYPES[profile.message_type])]
    if profile.secret:
        headers.append((SIGNATURE_HEADER, sign(body, secret=profile.secret.encode())))
    if profile.lower_case_headers:
        return [(name.lower(), value) for name, value in headers]
    return headers


def _chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), _CHUNK_BYTES):
        yield body[start : start + _CHUNK_BYTES]
