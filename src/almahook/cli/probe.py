"""Asks a listener whether it has the same secret, without leaving an event behind.

The question is signed and is no message of Alma's. almahook verifies before it reads, so it answers
``body.json`` (400) if it knows the secret, and ``signature.mismatch`` (401, or 503 with
refuse_status) if it does not. It keeps the question among the refused requests, where its text says
what it is.
"""

import time
from collections.abc import Iterator
from typing import Literal
from uuid import uuid4

from almahook.cli.call import Heard, Unheard, call
from almahook.cli.post import own_code
from almahook.inbox import Inbox
from almahook.protocol import SIGNATURE_HEADER, sign

Knows = Literal["yes", "no", "no_secret", "unclear"]

_QUESTION = b"almahook doctor asks whether the secret is right "

_UNAUTHORIZED = 401
_KEPT_S = 2.0
_LOOK_EVERY_S = 0.05
_LOOKED_AT = 1000


def knows_secret(url: str, secret: bytes) -> tuple[Knows, Heard | Unheard]:
    """Ask one listener about one secret."""
    question = _QUESTION + str(uuid4()).encode("ascii")
    headers = {"Content-Type": "text/plain", SIGNATURE_HEADER: sign(question, secret=secret)}
    heard = call("POST", url, headers=headers, content=question)
    return _read(heard), heard


def is_probe(body: bytes) -> bool:
    """Say whether a refused body is such a question."""
    return body.startswith(_QUESTION)


def forget_probes(inbox: Inbox, *, sent: int) -> None:
    """Delete the questions from the refused requests; the listener keeps them a moment later."""
    ends = time.monotonic() + _KEPT_S
    while len(found := list(_probes(inbox))) < sent and time.monotonic() < ends:
        time.sleep(_LOOK_EVERY_S)
    if found:
        inbox.forget_rejections(found)


def _probes(inbox: Inbox) -> Iterator[int]:
    return (one.id for one in inbox.rejections(limit=_LOOKED_AT) if is_probe(one.body))


def _read(heard: Heard | Unheard) -> Knows:
    if isinstance(heard, Unheard):
        return "unclear"
    code = own_code(heard.body)
    if code.startswith("body."):
        return "yes"
    if code == "signature.no_secret":
        return "no_secret"
    # Direct mode answers with the words of the reference system.
    is_refused = code.startswith("signature.") or b"Signature invalid" in heard.body
    return "no" if is_refused or heard.status == _UNAUTHORIZED else "unclear"
