"""Alma's side of the wire as pure functions: bytes in, values out.

A host reads one HTTP request, asks :func:`answer` what it means, stores what was accepted, and
sends what :func:`reply` says. Every host decides by these two functions alone.
"""

from almahook.lazy import lazy
from almahook.protocol.decision import Challenged, Endpoint, Refused
from almahook.protocol.message import SIGNATURE_HEADER, Request, Response
from almahook.protocol.reply import challenge_reply, error_reply, reply

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from almahook.protocol.accepted import Accepted
    from almahook.protocol.answering import Outcome, answer
    from almahook.protocol.challenge import find_challenge
    from almahook.protocol.envelope import Envelope, envelope_of, parse_document, read_envelope
    from almahook.protocol.outcome import Failed, Handled, Stored, Unhandled
    from almahook.protocol.signature import sign, verify
    from almahook.protocol.vocabulary import ACTIONS, Action

__all__ = [
    "ACTIONS",
    "SIGNATURE_HEADER",
    "Accepted",
    "Action",
    "Challenged",
    "Endpoint",
    "Envelope",
    "Failed",
    "Handled",
    "Outcome",
    "Refused",
    "Request",
    "Response",
    "Stored",
    "Unhandled",
    "answer",
    "challenge_reply",
    "envelope_of",
    "error_reply",
    "find_challenge",
    "parse_document",
    "read_envelope",
    "reply",
    "sign",
    "verify",
]

_MODULES = {
    "ACTIONS": "vocabulary",
    "Accepted": "accepted",
    "Action": "vocabulary",
    "Envelope": "envelope",
    "Failed": "outcome",
    "Handled": "outcome",
    "Outcome": "answering",
    "Stored": "outcome",
    "Unhandled": "outcome",
    "answer": "answering",
    "envelope_of": "envelope",
    "find_challenge": "challenge",
    "parse_document": "envelope",
    "read_envelope": "envelope",
    "sign": "signature",
    "verify": "signature",
}

# A challenge needs no signature, and a refusal no parser.
# A type checker would take every name for defined if it saw this.
if not TYPE_CHECKING:
    __getattr__ = lazy(__name__, _MODULES)
