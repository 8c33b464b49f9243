"""Alma's side of the wire as pure functions: bytes in, values out.

A host reads one HTTP request, asks :func:`answer` what it means, stores what was accepted, and
sends what :func:`reply` says. Every host decides by these two functions alone.
"""

from almahook.protocol.answer import Accepted, Challenged, Endpoint, Outcome, Refused, answer
from almahook.protocol.challenge import find_challenge
from almahook.protocol.envelope import Envelope, envelope_of, parse_document, read_envelope
from almahook.protocol.message import Request, Response
from almahook.protocol.reply import (
    Failed,
    Handled,
    Stored,
    Unhandled,
    challenge_reply,
    error_reply,
    reply,
)
from almahook.protocol.signature import SIGNATURE_HEADER, sign, verify
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
