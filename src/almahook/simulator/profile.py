"""An integration profile of type Webhooks, as Alma keeps it, and its challenge."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from almahook.simulator.wire import Heard, Wire

PENDING = "Pending activation"
ACTIVE = "Active"

MessageType = Literal["JSON", "XML"]

_OK = 200


@dataclass(kw_only=True, eq=False)
class Profile:
    """One integration profile; nothing is sent to it before it is activated.

    Attributes:
        url: The listener's URL; it may have a query of its own.
        secret: Signs every message; without one there is no ``X-Exl-Signature`` header.
        subscriptions: The actions that are sent; None is every action.
        user_groups: For USER, the groups whose users are sent; none is every group.
        status: ``Pending activation`` or ``Active``.
        duplicate_every: Every n-th message is sent a second time, unasked; 0 is never.
        out_of_order_s: Each message waits a random time up to this many seconds, so that messages
            overtake each other.
        lower_case_headers: Header names are sent in lower case, as HTTP/2 and many proxies do.
        chunked: Bodies are sent in chunks, without a Content-Length.
    """

    name: str
    url: str
    secret: str = field(repr=False)
    message_type: MessageType = "JSON"
    subscriptions: Collection[str] | None = None
    user_groups: Collection[str] = ()
    status: str = PENDING
    duplicate_every: int = 0
    out_of_order_s: float = 0.0
    lower_case_headers: bool = False
    chunked: bool = False

    def wants(self, document: Mapping[str, Any]) -> bool:
        """Say whether Alma would send this message to this profile."""
        if self.status != ACTIVE:
            return False
        action = document["action"]
        if self.subscriptions is not None and action not in self.subscriptions:
            return False
        return action != "USER" or not self.user_groups or _group(document) in self.user_groups


def _group(document: Mapping[str, Any]) -> str:
    return str(document["webhook_user"]["user"]["user_group"]["value"])


@dataclass(frozen=True, kw_only=True, slots=True)
class ChallengeResult:
    """What Alma's Activate button says.

    Attributes:
        status: The listener's HTTP status; None when there was no answer.
        reason: In words.
    """

    ok: bool
    status: int | None
    reason: str


def challenge(url: str, text: str, *, wire: Wire) -> ChallengeResult:
    """Call the listener with a challenge, unsigned, and look for it in the answer.

    Alma is lenient here: listeners answer in JSON, compact or not, as HTML or as plain text, and
    all of these are known to be accepted.
    """
    mark = "&" if "?" in url else "?"
    # Alma's request does not ask for JSON.
    heard = wire.call("GET", f"{url}{mark}challenge={text}", headers=[("Accept", "*/*")])
    reason = _complaint(heard, text)
    return ChallengeResult(ok=not reason, status=heard.status, reason=reason or "activated")


def _complaint(heard: Heard, text: str) -> str:
    if heard.status is None:
        return heard.reason
    if heard.status != _OK:
        return f"the listener answered HTTP {heard.status} instead of 200"
    if text.encode("ascii") not in heard.body:
        return "the answer does not contain the challenge"
    return ""
