"""Refused requests, verified once more: what a corrected secret accepts is taken in after all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from almahook.errors import BodyTooLargeError, RefusalError, SlowBodyError
from almahook.inbox import Inbox, NewEvent, Receipt, Rejection
from almahook.protocol import Accepted, Endpoint, Refused, Request, answer

_PAGE = 100
_INCOMPLETE = "Its body is not kept in whole (setting rejection_body_bytes)."
# Of these the body was not read to its end, whatever its size is said to be.
_CUT_OFF = frozenset({BodyTooLargeError.code, SlowBodyError.code})


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A refused request and what it is worth now.

    Attributes:
        event: The event it becomes; None when it is not taken in.
        code: Why it is not taken in; ``body.incomplete``, or that of the error.
        reason: The same in words.
    """

    rejection: Rejection
    event: NewEvent | None = None
    code: str = ""
    reason: str = ""


def recheck(rejection: Rejection, endpoints: Mapping[str, Endpoint]) -> Checked:
    """Decide about one refused request as if it arrived now."""
    if rejection.size != len(rejection.body) or rejection.code in _CUT_OFF:
        return Checked(rejection=rejection, code="body.incomplete", reason=_INCOMPLETE)
    endpoint = endpoints.get(rejection.profile)
    # It was received when Alma sent it.
    outcome = answer(_request(rejection), endpoint=endpoint, received_at=rejection.at)
    if isinstance(outcome, Accepted):
        return Checked(rejection=rejection, event=outcome)
    error = outcome.error if isinstance(outcome, Refused) else RefusalError()
    return Checked(rejection=rejection, code=error.code, reason=error.message)


def recheck_all(inbox: Inbox, endpoints: Mapping[str, Endpoint]) -> Iterator[Checked]:
    """Decide about every refused request that is kept, newest first; the bodies are let go of."""
    before = None
    while page := inbox.rejections(limit=_PAGE, before=before):
        before = page[-1].id
        for rejection in page:
            checked = recheck(rejection, endpoints)
            yield replace(checked, rejection=replace(rejection, body=b""))


def take_in(inbox: Inbox, checked: Checked) -> Receipt:
    """Store the event of a request that is accepted now, then forget the request."""
    assert checked.event is not None
    (receipt,) = inbox.append([checked.event])
    inbox.forget_rejections([checked.rejection.id])
    return receipt


def _request(rejection: Rejection) -> Request:
    return Request(
        method=rejection.method,
        signature=rejection.signature or None,
        body=rejection.body,
        content_type=rejection.content_type,
    )
