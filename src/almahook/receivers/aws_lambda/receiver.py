"""The listener as a function: an event of any front door in, its answer out."""

from __future__ import annotations

from functools import cached_property

from almahook.errors import ConfigurationError, UnknownInvocationError
from almahook.errors.refusal import NoSecretError, SignatureMismatchError
from almahook.protocol.decision import Challenged, Endpoint, Refused, decide
from almahook.protocol.reply import reply
from almahook.receivers.aws_lambda.shape import PayloadV2

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from almahook.protocol.contract import Accept
    from almahook.protocol.message import Request, Response
    from almahook.protocol.reply import Mode, Result
    from almahook.receivers.aws_lambda.contract import Event, EventShape, Tell
    from almahook.receivers.budget import LineBudget

# What most have, and whose module is loaded in any case.
_USUAL = PayloadV2()

_WEBHOOKS = "/webhooks/"
_LONGEST_NAME = 100
_LINES_PER_SECOND = 20


class Receiver:
    """Answers events.

    Args:
        endpoints: The profiles by name; their secrets are asked for when a message comes.
        secrets: Returns those of a profile that are valid now; raises ConfigurationError.
        accept: Verifies a message, and reads it then.
        take_in: Stores what was read durably, and in direct mode handles it, before it returns;
            says what became of it.
        mode: Whether an answer tells that an event is stored, or how its handlers ended.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        *,
        endpoints: Mapping[str, Endpoint],
        secrets: Callable[[str], Sequence[bytes]],
        accept: Accept[Any],
        take_in: Callable[[Any], Result],
        mode: Mode,
        tell: Tell,
        clock: Callable[[], float],
    ) -> None:
        self._endpoints = dict(endpoints)
        self._secrets = secrets
        self._accept = accept
        self._take_in = take_in
        self._mode: Mode = mode
        self._tell = tell
        self._clock = clock

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
        path = shape.path(event)
        # A stage, or the base path of a custom domain, may be in front.
        _, is_webhook, profile = path.partition(_WEBHOOKS)
        if not is_webhook:
            from almahook.receivers.aws_lambda import unusual  # noqa: PLC0415 - see there

            if path:
                return unusual.page(path, requests[0].method)
            profile = unusual.only_one(self._endpoints)
        if not shape.is_exact:
            self._tell("warning", "event.reserialized", fix="almahook aws init")
        return reply(self._result(requests, profile.rstrip("/")), mode=self._mode)

    def _result(self, requests: Sequence[Request], profile: str) -> Result:
        try:
            return self._decide(requests, profile)
        except Exception as error:  # noqa: BLE001 - no bug of ours may cost Alma's event
            from almahook.receivers.aws_lambda import unusual  # noqa: PLC0415 - see there

            return unusual.failed(error, self._tell)

    def _decide(self, requests: Sequence[Request], profile: str) -> Result:
        now = self._clock()
        outcome = self._outcome(requests, profile, now)
        if isinstance(outcome, Challenged):
            self._tell("info", "challenge.answered", profile=profile)
            return outcome
        if isinstance(outcome, Refused):
            self._tell_refused(outcome, profile, now)
            return outcome
        return self._take_in(outcome)

    def _outcome(self, requests: Sequence[Request], profile: str, now: float) -> Any:
        endpoint = self._endpoints.get(profile)
        if endpoint is not None and requests[0].method == "POST":
            try:
                endpoint = self._with_secrets(endpoint)
            except ConfigurationError as error:
                self._tell("error", "secret.unreadable", profile=profile, reason=error.message)
                return Refused(error=NoSecretError(), status=NoSecretError.status)
        for request in requests:
            outcome = decide(request, endpoint, received_at=now, accept=self._accept)
            if not (isinstance(outcome, Refused) and _is_mismatch(outcome)):
                break
        return outcome

    def _with_secrets(self, endpoint: Endpoint) -> Endpoint:
        secrets = self._secrets(endpoint.profile)
        if endpoint.secrets is not secrets:
            endpoint = self._endpoints[endpoint.profile] = Endpoint(
                profile=endpoint.profile,
                secrets=secrets,
                refuse_status=endpoint.refuse_status,
                max_body_bytes=endpoint.max_body_bytes,
            )
        return endpoint

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

    @cached_property
    def _lines(self) -> LineBudget:
        # A flood of refused requests must not fill the log, which is paid for.
        from almahook.receivers.budget import LineBudget  # noqa: PLC0415 - a challenge needs none

        return LineBudget(_LINES_PER_SECOND)


def shape_of(event: Any) -> EventShape:
    """Return the shape of an event.

    Raises:
        UnknownInvocationError: It has none that is known here.
    """
    if not isinstance(event, dict):
        raise UnknownInvocationError
    if _USUAL.matches(event):
        return _USUAL
    from almahook.receivers.aws_lambda import shapes  # noqa: PLC0415 - see above

    return shapes.shape_of(event)


def _is_mismatch(refused: Refused) -> bool:
    return isinstance(refused.error, SignatureMismatchError)
