"""The listener as a function: an event of any front door in, its answer out."""

from __future__ import annotations

from almahook.errors import (
    AlmaHookError,
    ConfigurationError,
    InboxUnavailableError,
    NoSecretError,
    SignatureMismatchError,
    UnknownInvocationError,
    UnknownPathError,
)
from almahook.protocol.answer import Challenged, Endpoint, Refused, answer
from almahook.protocol.message import Request, Response
from almahook.protocol.reply import error_reply, reply
from almahook.receivers.aws_lambda.balancer import LoadBalancer, MultiValueLoadBalancer
from almahook.receivers.aws_lambda.payload import PayloadV1, PayloadV2
from almahook.receivers.aws_lambda.template import Reference, Template
from almahook.receivers.budget import LineBudget

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Protocol

    from almahook.protocol.accepted import Accepted, Outcome
    from almahook.protocol.reply import Mode, Result
    from almahook.receivers.aws_lambda.shape import Event, EventShape
else:
    Protocol = object

# No event has two of them.
SHAPES: Sequence[EventShape] = (
    PayloadV2(),
    PayloadV1(),
    LoadBalancer(),
    MultiValueLoadBalancer(),
    Template(),
    Reference(),
)

_WEBHOOKS = "/webhooks/"
_LONGEST_NAME = 100
_LINES_PER_SECOND = 20
_PLAIN = {"content-type": "text/plain; charset=utf-8"}


class Tell(Protocol):
    """Writes one line of the log."""

    def __call__(self, level: str, event: str, **fields: object) -> None:
        """Write it."""


class Receiver:
    """Answers events.

    Args:
        endpoints: The profiles by name; their secrets are asked for when a message comes.
        secrets: Returns those of a profile that are valid now; raises ConfigurationError.
        take_in: Stores an accepted message durably, and in direct mode handles it, before it
            returns; says what became of it.
        mode: Whether an answer tells that an event is stored, or how its handlers ended.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        *,
        endpoints: Mapping[str, Endpoint],
        secrets: Callable[[str], Sequence[bytes]],
        take_in: Callable[[Accepted, float], Result],
        mode: Mode,
        tell: Tell,
        clock: Callable[[], float],
    ) -> None:
        self._endpoints = endpoints
        self._secrets = secrets
        self._take_in = take_in
        self._mode: Mode = mode
        self._tell = tell
        self._clock = clock
        # A flood of refused requests must not fill the log, which is paid for.
        self._lines = LineBudget(_LINES_PER_SECOND)

    def __call__(self, event: Any) -> object:
        """Answer one event.

        Raises:
            NotDoneError: The front door makes a status of an error, and it is not 200.
            UnknownInvocationError: The event is of no front door that is known here.
        """
        shape = shape_of(event)
        return shape.reply(self._respond(shape, event))

    def _respond(self, shape: EventShape, event: Event) -> Response:
        requests = shape.requests(event)
        path = shape.path(event) or self._only_path()
        # A stage, or the base path of a custom domain, may be in front.
        _, is_webhook, profile = path.partition(_WEBHOOKS)
        if not is_webhook:
            return _page(path, requests[0].method)
        if isinstance(shape, Reference):
            self._tell("warning", "event.reserialized", fix="almahook aws init")
        return reply(self._result(requests, profile.rstrip("/")), mode=self._mode)

    def _result(self, requests: Sequence[Request], profile: str) -> Result:
        try:
            return self._decide(requests, profile)
        except AlmaHookError as error:
            self._tell("error", "event.not_stored", reason=error.message)
            return error
        except Exception as error:  # noqa: BLE001 - no bug of ours may cost Alma's event
            # Its own text may hold a part of the request, so it is told by its kind and place.
            self._tell("error", "request.failed", error=type(error).__name__, place=_place(error))
            return InboxUnavailableError()

    def _decide(self, requests: Sequence[Request], profile: str) -> Result:
        now = self._clock()
        outcome = self._outcome(requests, profile)
        if isinstance(outcome, Challenged):
            self._tell("info", "challenge.answered", profile=profile)
        elif isinstance(outcome, Refused):
            self._tell_refused(outcome, profile, now)
        else:
            return self._take_in(outcome, now)
        return outcome

    def _outcome(self, requests: Sequence[Request], profile: str) -> Outcome:
        endpoint = self._endpoints.get(profile)
        if endpoint is not None and requests[0].method == "POST":
            try:
                endpoint = _with_secrets(endpoint, self._secrets(profile))
            except ConfigurationError as error:
                self._tell("error", "secret.unreadable", profile=profile, reason=error.message)
                return Refused(error=NoSecretError(), status=NoSecretError.status)
        for request in requests:
            outcome = answer(request, endpoint=endpoint)
            if not (isinstance(outcome, Refused) and _is_mismatch(outcome)):
                break
        return outcome

    def _tell_refused(self, refused: Refused, profile: str, now: float) -> None:
        held_back = self._lines.take(now)
        if held_back is None:
            return
        self._tell(
            "warning",
            "request.refused",
            # It is whatever somebody wrote into a URL.
            profile=profile[:_LONGEST_NAME],
            code=refused.error.code,
            status=refused.status,
            **({"held_back": held_back} if held_back else {}),
        )

    def _only_path(self) -> str:
        if len(self._endpoints) != 1:
            raise UnknownInvocationError(
                "The event names no profile, and there are several. Use the mapping template that "
                "almahook aws init writes."
            )
        (name,) = self._endpoints
        return f"{_WEBHOOKS}{name}"


def shape_of(event: Any) -> EventShape:
    """Return the shape of an event.

    Raises:
        UnknownInvocationError: It has none that is known here.
    """
    if isinstance(event, dict):
        for shape in SHAPES:
            if shape.matches(event):
                return shape
    raise UnknownInvocationError


def _with_secrets(endpoint: Endpoint, secrets: Sequence[bytes]) -> Endpoint:
    return Endpoint(
        profile=endpoint.profile,
        secrets=secrets,
        refuse_status=endpoint.refuse_status,
        max_body_bytes=endpoint.max_body_bytes,
    )


def _is_mismatch(refused: Refused) -> bool:
    return isinstance(refused.error, SignatureMismatchError)


def _page(path: str, method: str) -> Response:
    """Answer what is no listener's path; a load balancer asks for its targets' health."""
    if path == "/healthz" and method in {"GET", "HEAD"}:
        return Response(status=200, body=b"ok\n", headers=_PLAIN)
    return error_reply(UnknownPathError())


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
