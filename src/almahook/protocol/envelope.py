"""The few fields around every message of Alma's, out of JSON or XML.

Two generations of the JSON are in use (explicit nulls, and nulls left out), so absent and null
mean the same here, order means nothing, and what is not known is passed over.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from almahook.errors import (
    DuplicateKeyError,
    EmptyBodyError,
    EncodingError,
    InvalidActionError,
    JSONError,
    MessageError,
    NestingError,
)
from almahook.protocol.xml import parse_xml

# The payload key of each action, and where in the payload the id of its subject stands.
# https://developers.exlibrisgroup.com/alma/apis/docs/xsd/webhook.xsd/
SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "JOB_END": ("job_instance", "job_info", "id"),
    "NOTIFICATION": ("notification_data", "receiver", "primary_id"),
    "USER": ("webhook_user", "user", "primary_id"),
    "LOAN": ("item_loan", "loan_id"),
    "REQUEST": ("user_request", "request_id"),
    "BIB": ("bib", "mms_id"),
    "ITEM": ("item", "item_data", "pid"),
}

# Text of a message names things in logs, queries and file listings: a plain name, nothing else.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\- ]{0,99}")
_BLANK = b" \t\r\n"
_UTF8_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """What surrounds every payload.

    Attributes:
        id: Alma's id as a string (it exceeds 2**53); empty when the message has none.
        action: Upper case, for example ``JOB_END``; any plain name is legal.
        event: The sub-event, for example ``LOAN_RETURNED``; empty when there is none.
        institution: The institution's code; empty when absent.
        time: As Alma wrote it, for example ``2020-08-17T15:03:24.605Z``; empty when absent.
        subject: The id of the thing the message is about; empty when there is none.
    """

    id: str
    action: str
    event: str = ""
    institution: str = ""
    time: str = ""
    subject: str = ""


def read_envelope(body: bytes) -> Envelope:
    """Read the envelope of a message, JSON or XML.

    Raises:
        MessageError: The body is not a message; the subclass says why.
    """
    return envelope_of(parse_document(body))


def envelope_of(document: Mapping[str, Any]) -> Envelope:
    """Read the envelope out of a parsed message.

    Raises:
        InvalidActionError: The action or the event is missing or no plain name.
    """
    action = _name(_text(document.get("action")))
    if not action:
        raise InvalidActionError
    action = action.upper()
    return Envelope(
        id=_text(document.get("id")),
        action=action,
        event=_name(_text(document.get("event"))),
        institution=_text(document.get("institution")),
        time=_text(document.get("time")),
        subject=_subject(document, action),
    )


def parse_document(body: bytes) -> dict[str, Any]:
    """Turn the body into one plain mapping of the shape that Alma's JSON has.

    JSON and XML are told apart by their first character: the Content-Type is only a claim.

    Raises:
        MessageError: The body is not a message; the subclass says why.
    """
    start = body.removeprefix(_UTF8_BOM).lstrip(_BLANK)
    if not start:
        raise EmptyBodyError
    document = parse_xml(start) if start.startswith(b"<") else _parse_json(start)
    if not isinstance(document, dict):
        raise MessageError
    return document


def _parse_json(text: bytes) -> Any:
    try:
        document = msgspec.json.decode(text)
        # What re-encodes to the same bytes has no key twice; Alma's compact form always does.
        if msgspec.json.encode(document) != text:
            json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise NestingError from None
    except UnicodeError:
        raise EncodingError from None
    except (msgspec.DecodeError, ValueError):
        raise JSONError from None
    return document


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise DuplicateKeyError


def _text(value: Any) -> str:
    """Read a plain value, or the ``value`` of Alma's coded ``{"value", "desc"}``."""
    if isinstance(value, Mapping):
        value = value.get("value")
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def _name(text: str) -> str:
    if text and not _NAME.fullmatch(text):
        raise InvalidActionError
    return text


def _subject(document: Mapping[str, Any], action: str) -> str:
    value: Any = document
    for key in SUBJECTS.get(action, ()):
        if isinstance(value, list):
            value = value[0] if value else None
        value = value.get(key) if isinstance(value, Mapping) else None
    return _text(value)
