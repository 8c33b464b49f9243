"""What every host here does around the protocol's decision: keep what is refused, and count."""

import logging
import traceback
from asyncio import AbstractEventLoop
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from almahook.errors import (
    AlmaHookError,
    InboxUnavailableError,
    RefusalError,
)
from almahook.protocol import (
    Accepted,
    Challenged,
    Endpoint,
    Failed,
    Handled,
    Refused,
    Request,
    Response,
    Stored,
    Unhandled,
)
from almahook.protocol.reply import Mode, Result
from almahook.protocol.value import Value
from almahook.receivers.budget import LineBudget
from almahook.receivers.counts import Counts

TakeIn = Callable[[Accepted], Awaitable[Result]]
Told = Callable[[Sequence[Result]], None]
Store = Callable[[Sequence[Accepted], Told, AbstractEventLoop], int]

_TAKEN_IN: Mapping[type[object], str] = {
    Stored: "stored",
    Handled: "handled",
    Failed: "failed",
    Unhandled: "unhandled",
}
_LONGEST_NAME = 100
_LINES_PER_SECOND = 20

log = logging.getLogger("almahook.receiver")


class Refusal(Value, frozen=True, kw_only=True):
    """A refused request as it is to be kept.

    Attributes:
        profile: The last part of the path, at most 100 characters of it.
        size: Bytes of the body, as far as it was read or announced.
        at: When, seconds since the epoch.
    """

    refused: Refused
    request: Request
    profile: str
    size: int
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """What a receiver calls; the app connects it.

    Attributes:
        take_in: Stores an accepted message durably, and in direct mode handles it, before it
            returns; says what became of it.
        store: Stores accepted messages durably, then calls back on the event loop it is given with
            what became of each. Returns for how many there was room, from the first on; the others
            are not stored. For hosts that do without a task per request.
        record: Keeps a refused request, without being waited for.
        page: Answers ``/readyz`` and ``/metrics``, in its time; None when there is no such page.
        clock: Seconds since the epoch.
    """

    take_in: TakeIn
    store: Store
    record: Callable[[Refusal], None]
    page: Callable[[str], Response | None]
    clock: Callable[[], float]


class Reception:
    """The part of a receiver that does not depend on how HTTP is spoken.

    Args:
        endpoints: The profiles by name.
        mode: Whether an answer tells that an event is stored, or how its handlers ended.
        counts: Where it counts; None counts nowhere.
    """

    def __init__(
        self,
        *,
        endpoints: Mapping[str, Endpoint],
        ports: Ports,
        mode: Mode = "inbox",
        counts: Counts | None = None,
    ) -> None:
        self.endpoints = endpoints
        self.ports = ports
        self.mode: Mode = mode
        self.counts = counts
        # A flood of refused requests must not fill the disk that events are stored on.
        self._lines = LineBudget(_LINES_PER_SECOND)

    def note(
        self, outcome: Challenged | Refused, request: Request, profile: str, now: float
    ) -> None:
        """Tell of what is answered without being stored, and keep it if it was refused."""
        if isinstance(outcome, Challenged):
            log.info("challenge.answered", extra={"fields": {"profile": profile}})
        else:
            self._record(outcome, request, profile=profile, size=len(request.body), now=now)

    def turn_away(
        self, error: AlmaHookError, request: Request, profile: str, announced: int
    ) -> Result:
        """Say what a request is told whose body was not read to its end."""
        if self.counts is not None:
            self.counts.count_refused(error.code)
        if not isinstance(error, RefusalError):
            return error
        refused = Refused(error=error, status=error.status)
        now = self.ports.clock()
        self._record(refused, request, profile=profile, size=announced, now=now)
        return refused

    def count(self, result: Result, profile: str, started: float, number: int = 1) -> None:
        """Count what was answered."""
        counts = self.counts
        if counts is None:
            return
        taken_in = _TAKEN_IN.get(type(result))
        if taken_in is not None:
            seconds = max(0.0, self.ports.clock() - started)
            counts.count_acknowledged(profile, taken_in, seconds, number)
        elif isinstance(result, Refused):
            counts.count_refused(result.error.code)
        elif isinstance(result, AlmaHookError):
            counts.count_received(profile, result.code)

    def _record(
        self, refused: Refused, request: Request, *, profile: str, size: int, now: float
    ) -> None:
        # The profile of a refused request is whatever somebody wrote into a URL.
        profile = profile[:_LONGEST_NAME]
        held_back = self._lines.take(now)
        if held_back is not None:
            _tell_refused(refused, profile, held_back)
        self.ports.record(
            Refusal(refused=refused, request=request, profile=profile, size=size, at=now)
        )


def _tell_refused(refused: Refused, profile: str, held_back: int) -> None:
    fields = {"profile": profile, "code": refused.error.code, "status": refused.status}
    more = {"held_back": held_back} if held_back else {}
    log.warning("request.refused", extra={"fields": {**fields, **more}})


def failed(error: Exception) -> AlmaHookError:
    """Tell of an error that nobody expected: the event is Alma's to send again.

    The error's own text may hold a part of the request, so it is told by its kind and place.
    """
    frame = traceback.extract_tb(error.__traceback__)[-1]
    fields = {"error": type(error).__name__, "place": f"{frame.filename}:{frame.lineno}"}
    log.error("request.failed", extra={"fields": fields})
    return InboxUnavailableError()


def not_stored(error: AlmaHookError) -> AlmaHookError:
    """Tell of an event that could not be stored, and is Alma's to send again."""
    log.error("event.not_stored", extra={"fields": {"reason": error.message}})
    return error
