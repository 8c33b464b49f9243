"""The typed error for an answer of Alma's, with a text that holds no patron's data."""

import re

from almahook.alma.call import Answer, Call
from almahook.alma.fault import Fault, read_fault
from almahook.alma.mask import area_of, is_impersonal, mask_message
from almahook.alma.retry import is_over_quota, is_over_rate
from almahook.errors import (
    AlmaKeyError,
    AlmaNotFoundError,
    AlmaQuotaError,
    AlmaRateError,
    AlmaResponseError,
)

# Alma answers 400 for what it does not have; these are the codes of it.
# https://developers.exlibrisgroup.com/alma/apis/ ("Possible Error Codes" of each call)
_NOT_FOUND_CODES = frozenset(
    {
        "401689",  # no items for this barcode
        "401694",  # no such request, or it is no longer active
        "401861",  # no user of this identifier
        "401890",  # no user of this identifier and type
        "4019990",  # no user of this identifier in this institution
        "402203",  # the mms_id is none of this institution's
        "402204",  # the mms_id is not a number, so no record has it
    }
)
_NOT_FOUND_TEXT = re.compile(r"\b(not|no items?) found\b", re.IGNORECASE)
_KEY_CODES = frozenset({"UNAUTHORIZED", "FORBIDDEN", "INVALID_API_KEY"})
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _BAD_REQUEST = 401, 403, 404, 400

# What the areas are called where a key is made: https://developers.exlibrisgroup.com/manage/keys/
_AREAS = {
    "acq": "Acquisitions",
    "analytics": "Analytics",
    "bibs": "Bibs",
    "conf": "Configuration",
    "courses": "Courses",
    "electronic": "Electronic",
    "items": "Bibs",
    "partners": "Resource Sharing Partners",
    "task-lists": "Task Lists",
    "users": "Users",
}


def error_of(call: Call, answer: Answer) -> AlmaResponseError:
    """Make the error that says what Alma answered."""
    fault = read_fault(answer.body) or Fault()
    kind = _kind(call, answer, fault)
    return kind(
        _text(kind, call, answer, fault),
        http_status=answer.status,
        error_code=fault.code,
        tracking_id=fault.tracking_id,
    )


def _kind(call: Call, answer: Answer, fault: Fault) -> type[AlmaResponseError]:
    if is_over_quota(answer):
        return AlmaQuotaError
    if is_over_rate(answer):
        return AlmaRateError
    if fault.code in _KEY_CODES or answer.status in {_UNAUTHORIZED, _FORBIDDEN}:
        return AlmaKeyError
    if _is_not_found(call, answer, fault):
        return AlmaNotFoundError
    return AlmaResponseError


def _is_not_found(call: Call, answer: Answer, fault: Fault) -> bool:
    if fault.code in _NOT_FOUND_CODES or answer.status == _NOT_FOUND:
        return True
    # Not every code is published; a read that says so has found nothing.
    is_refused_read = call.method == "GET" and answer.status == _BAD_REQUEST
    return is_refused_read and bool(_NOT_FOUND_TEXT.search(fault.message))


def _text(kind: type[AlmaResponseError], call: Call, answer: Answer, fault: Fault) -> str:
    facts = [call.shown, f"HTTP {answer.status}"]
    if fault.code:
        facts.append(f"code {fault.code}")
    if fault.tracking_id:
        facts.append(f"tracking id {fault.tracking_id}")
    summary = (kind.__doc__ or "").split("\n\n")[0].strip().rstrip(".")
    return f"{summary} ({', '.join(facts)}){_advice(kind, call)}{_alma_says(call, fault)}"


def _advice(kind: type[AlmaResponseError], call: Call) -> str:
    if kind is AlmaKeyError:
        right = "Read-only" if call.method == "GET" else "Read/write"
        area = _AREAS.get(area_of(call.path), "of this path")
        return (
            f". The key needs the area {area}, {right}, and must belong to this institution and "
            "environment: https://developers.exlibrisgroup.com/manage/keys/"
        )
    if kind is AlmaQuotaError:
        return ". Alma counts anew at midnight GMT"
    if kind is AlmaRateError:
        return ". Lower api_calls_per_second, or look which other program calls Alma"
    return ""


def _alma_says(call: Call, fault: Fault) -> str:
    if not fault.message or not is_impersonal(call.path):
        return ""
    return f'. Alma says: "{mask_message(fault.message, call.values())}"'
