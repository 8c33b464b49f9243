"""The one decision every host calls: what does this request mean?

What reads a message is imported with the first one that is verified: a function on AWS that refuses
a request, or answers a challenge, starts in half the time without it.
"""

from collections.abc import Sequence
from functools import cache

from almahook.errors import (
    BodyTooLargeError,
    ChallengeMissingError,
    MethodNotAllowedError,
    RefusalError,
    SignatureError,
    UnknownProfileError,
)
from almahook.protocol.message import Request
from almahook.protocol.plain import Plain
from almahook.protocol.signature import verify

# What typing defines for this takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from almahook.protocol.accepted import Accepted, Outcome, Reader

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


def answer(request: Request, *, endpoint: Endpoint | None) -> "Outcome":
    """Decide what a request to a listener URL means; ``endpoint`` is None for an unknown profile.

    Nothing in the body is looked at before its signature is verified.
    """
    try:
        return _answer(request, endpoint)
    except RefusalError as error:
        # A traceback holds its callers' frames, and one of these will hold the refusal: nothing
        # but the garbage collector would ever free it.
        error.__traceback__ = None
        status = error.status
        if isinstance(error, SignatureError):
            assert endpoint is not None
            status = endpoint.refuse_status
        return Refused(error=error, status=status)


def _answer(request: Request, endpoint: Endpoint | None) -> "Challenged | Accepted":
    if endpoint is None:
        raise UnknownProfileError
    if request.method == "POST":
        return _accept(request, endpoint)
    if request.method == "GET":
        return _challenged(request.query)
    raise MethodNotAllowedError


def _challenged(query: str) -> Challenged:
    # Messages are many, and challenges are few.
    from almahook.protocol.challenge import find_challenge  # noqa: PLC0415

    challenge = find_challenge(query)
    if challenge is None:
        raise ChallengeMissingError
    return Challenged(challenge=challenge)


def _accept(request: Request, endpoint: Endpoint) -> "Accepted":
    if len(request.body) > endpoint.max_body_bytes:
        raise BodyTooLargeError
    index = verify(request.body, signature=request.signature, secrets=endpoint.secrets)
    return _reader()(request, profile=endpoint.profile, secret_index=index)


@cache
def _reader() -> "Reader":
    from almahook.protocol.accepted import accept  # noqa: PLC0415 - see above

    return accept
