"""The one decision every host calls: what does this request mean?

The host says what verifies a message and reads it: a function on AWS that answers a challenge, or
refuses a request, starts in half the time without them.
"""

from __future__ import annotations

from almahook.errors.refusal import (
    BodyTooLargeError,
    ChallengeMissingError,
    MethodNotAllowedError,
    RefusalError,
    SignatureError,
    UnknownProfileError,
)
from almahook.protocol.message import Plain, signature_bytes

# What typing defines for this takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from almahook.protocol.contract import Accept, T_co
    from almahook.protocol.message import Request

DEFAULT_MAX_BODY_BYTES = 10 * 1024 * 1024


class Endpoint(Plain):
    """One profile as the edge sees it.

    Attributes:
        profile: The profile's name, the last part of its path.
        secrets: Every secret that is accepted now, as bytes; several during a rotation.
        refuse_status: What a wrong or missing signature is answered: 401, which Alma never
            retries, or 503, which it does.
        max_body_bytes: A larger body is refused.
    """

    __slots__ = ("max_body_bytes", "profile", "refuse_status", "secrets")

    hidden = frozenset({"secrets"})

    def __init__(
        self,
        *,
        profile: str,
        secrets: Sequence[bytes],
        refuse_status: int = SignatureError.status,
        max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
    ) -> None:
        self.profile = profile
        self.secrets = secrets
        self.refuse_status = refuse_status
        self.max_body_bytes = max_body_bytes


class Challenged(Plain):
    """Alma asks whether somebody listens here."""

    __slots__ = ("challenge",)

    def __init__(self, *, challenge: str) -> None:
        self.challenge = challenge


class Refused(Plain):
    """A request that is not taken in, and why.

    Attributes:
        status: What the host answers; the error's own unless the profile says otherwise.
    """

    __slots__ = ("error", "status")

    def __init__(self, *, error: RefusalError, status: int) -> None:
        self.error = error
        self.status = status


def decide(
    request: Request, endpoint: Endpoint | None, *, received_at: float, accept: Accept[T_co]
) -> Challenged | Refused | T_co:
    """Decide what a request to a listener URL means; ``endpoint`` is None for an unknown profile.

    ``accept`` verifies what is posted, and looks at nothing in it before.
    """
    try:
        if endpoint is None:
            raise UnknownProfileError
        if request.method != "POST":
            return _challenged(request)
        if len(request.body) > endpoint.max_body_bytes:
            raise BodyTooLargeError
        return accept(
            request.body,
            signature=signature_bytes(request.signature),
            content_type=request.content_type,
            endpoint=endpoint,
            received_at=received_at,
        )
    except RefusalError as error:
        return refused(error, endpoint)


def refused(error: RefusalError, endpoint: Endpoint | None) -> Refused:
    """Say what a request is answered that is not taken in."""
    # A traceback holds its callers' frames, and one of these will hold the refusal: nothing
    # but the garbage collector would ever free it.
    error.__traceback__ = None
    status = error.status
    if isinstance(error, SignatureError):
        assert endpoint is not None
        status = endpoint.refuse_status
    return Refused(error=error, status=status)


def _challenged(request: Request) -> Challenged:
    if request.method != "GET":
        raise MethodNotAllowedError
    # Messages are many, and challenges are few.
    from almahook.protocol.challenge import find_challenge  # noqa: PLC0415

    challenge = find_challenge(request.query)
    if challenge is None:
        raise ChallengeMissingError
    return Challenged(challenge=challenge)
