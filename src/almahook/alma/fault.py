"""Alma's error bodies: JSON, XML, or neither.

``{"errorsExist":true,"errorList":{"error":[{"errorCode":"…","errorMessage":"…",…}]}}``, the same
as a ``web_service_result`` in XML, a gateway's page in HTML, or nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from almahook.errors import RefusalError
from almahook.protocol.xml import parse_xml

_PLAIN = re.compile(r"[\w.:-]{1,80}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Fault:
    """The first error of a body; ``message`` may name a patron."""

    code: str = ""
    message: str = field(default="", repr=False)
    tracking_id: str = ""


def read_fault(body: bytes) -> Fault | None:
    """Read the error in a body, or None when the body claims none."""
    return fault_in(_document(body))


def fault_in(document: object) -> Fault | None:
    """Read the error in a decoded body, or None when there is none."""
    errors = _get(_get(document, "errorList"), "error")
    error = errors[0] if isinstance(errors, list) and errors else errors
    if not isinstance(error, Mapping):
        return None
    return Fault(
        code=_plain(error.get("errorCode")),
        message=str(error.get("errorMessage") or ""),
        tracking_id=_plain(error.get("trackingId")),
    )


def _document(body: bytes) -> Any:
    text = body.lstrip()
    if text.startswith(b"<"):
        return _xml(text)
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _xml(text: bytes) -> Any:
    try:
        return parse_xml(text)
    except RefusalError:
        return None


def _get(value: object, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None


def _plain(value: object) -> str:
    """Take a code or an id only if it looks like one, because it is shown."""
    text = str(value or "").strip()
    return text if _PLAIN.fullmatch(text) else ""
