"""Alma's JSON, read from an answer."""

from typing import Any

import msgspec

from almahook.alma.call import Answer, Call
from almahook.alma.failure import error_of
from almahook.alma.fault import fault_in
from almahook.errors import AlmaResponseError


def read_document(call: Call, answer: Answer) -> dict[str, Any]:
    """Decode the body of a 2xx; no body is an empty mapping.

    Raises:
        AlmaResponseError: The body is no JSON object, or it claims an error after all.
    """
    if not answer.body.strip():
        return {}
    document = _decode(answer.body)
    if not isinstance(document, dict):
        raise AlmaResponseError(
            f"Alma's answer to {call.shown} is no JSON object. Look at region or api_url: this may "
            "not be Alma's API",
            http_status=answer.status,
        )
    # A search for records that do not exist is answered 200 with an error and no record.
    if fault_in(document) is not None and not document.get("total_record_count"):
        raise error_of(call, answer)
    return document


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
