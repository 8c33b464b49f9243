"""The one decision every host calls: what does this request mean?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from almahook.errors import (
    BodyTooLargeError,
    ChallengeMissingError,
    MethodNotAllowedError,
    RefusalError,
    SignatureError,
    UnknownProfileError,
)
from almahook.protocol.challenge import find_challenge
from almahook.protocol.envelope import Envelope, read_envelope
from almahook.protocol.message import Request
from almahook.protocol.signature import verify
from almahook.protocol.value import Value

DEFAULT_MAX_BODY_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """One profile as the edge sees it.

    Attributes:
        profile: The profile's name, the last part of its path.
        secrets: Every secret that is accepted now, as bytes; several during a rotation.
        refuse_status: What a wrong or missing signature is answered: 401, which Alma never
            retries, or 503, which it does.
        max_body_bytes: A larger body is refused.
    """

    profile: str
    secrets: Sequence[bytes] = field(repr=False)
    refuse_status: int = SignatureError.status
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES


@dataclass(frozen=True, kw_only=True, slots=True)
class Challenged:
    """Alma asks whether somebody listens here."""

    challenge: str


class Accepted(Value, frozen=True, kw_only=True):
    """A verified message, to be stored before anything is answered.

    Attributes:
        secret_index: Which of the endpoint's secrets signed it, counted from 0.
    """

    hidden: ClassVar[frozenset[str]] = frozenset({"body"})

    profile: str
    envelope: Envelope
    secret_index: int
    body: bytes
    content_type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """A request that is not taken in, and why.

    Attributes:
        status: What the host answers; the error's own unless the profile says otherwise.
    """

    error: RefusalError
    status: int


Outcome = Challenged | Accepted | Refused


def answer(request: Request, *, endpoint: Endpoint | None) -> Outcome:
    """Decide what a request to a listener URL means; ``endpoint`` is None for an unknown profile.

    Nothing in the body is looked at before its signature is verified.
    """
    try:
        return _answer(request, endpoint)
    except SignatureError as error:
        assert endpoint is not None
        return Refused(error=error, status=endpoint.refuse_status)
    except RefusalError as error:
        return Refused(error=error, status=error.status)


def _answer(request: Request, endpoint: Endpoint | None) -> Challenged | Accepted:
    if endpoint is None:
        raise UnknownProfileError
    if request.method == "POST":
        return _accept(request, endpoint)
    if request.method == "GET":
        return _challenged(request.query)
    raise MethodNotAllowedError


def _challenged(query: str) -> Challenged:
    challenge = find_challenge(query)
    if challenge is None:
        raise ChallengeMissingError
    return Challenged(challenge=challenge)


def _accept(request: Request, endpoint: Endpoint) -> Accepted:
    body = request.body
    if len(body) > endpoint.max_body_bytes:
        raise BodyTooLargeError
    secret_index = verify(body, signature=request.signature, secrets=endpoint.secrets)
    return Accepted(
        profile=endpoint.profile,
        envelope=read_envelope(body),
        secret_index=secret_index,
        body=body,
        content_type=request.content_type,
    )
