"""What Alma hears, for every outcome: the outcome table as code.

Alma retries 5xx (after 1, 3 and 6 hours) and gives 4xx up for ever, so nothing transient is ever
answered 4xx or 2xx. https://developers.exlibrisgroup.com/alma/integrations/webhooks/
"""

import json
from functools import lru_cache

from almahook.errors import AlmaHookError
from almahook.errors.refusal import MethodNotAllowedError, RefusalError, SignatureError
from almahook.protocol.decision import Challenged, Refused
from almahook.protocol.message import JSON_HEADERS, Response

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from almahook.protocol.outcome import Failed, Handled, Stored, Unhandled

    Mode = Literal["inbox", "direct"]
    Result = Challenged | Refused | Stored | Unhandled | Handled | Failed | AlmaHookError
else:
    # A refusal needs neither typing nor what it takes to store.
    Mode, Result = str, object

_INTERNAL_ERROR = 500
_SERVICE_UNAVAILABLE = 503
_RETRY_AFTER_S = "60"

# The reference system's texts, which people match on in API Gateway.
_INVALID_SIGNATURE = "Signature invalid"


def reply(result: Result, *, mode: Mode = "inbox") -> Response:
    """Say what Alma hears for this result."""
    if isinstance(result, Challenged):
        return challenge_reply(result.challenge)
    if isinstance(result, Refused):
        return _refusal_reply(result, mode)
    if isinstance(result, AlmaHookError):
        return error_reply(result, status=_final_status(result))
    return result.response


def challenge_reply(challenge: str) -> Response:
    """Say the challenge back as compact JSON, whatever the request's ``Accept`` says.

    Alma's own request does not ask for JSON, and text/html would let a link run script.
    """
    body = f'{{"challenge":{_encode(challenge)}}}'.encode()
    return Response(status=200, body=body, headers=JSON_HEADERS)


def error_reply(error: AlmaHookError, *, status: int = 0) -> Response:
    """Say an error as JSON: its stable code, and a text for a person."""
    is_method = isinstance(error, MethodNotAllowedError)
    return _error_reply(status or error.status, error.code, error.message, is_method)


# The same few come again and again.
@lru_cache(maxsize=64)
def _error_reply(status: int, code: str, message: str, is_method: bool) -> Response:
    headers = dict(JSON_HEADERS)
    if status == _SERVICE_UNAVAILABLE:
        headers["retry-after"] = _RETRY_AFTER_S
    if is_method:
        headers["allow"] = "GET, POST"
    body = _encoded({"error": code, "message": message})
    return Response(status=status, body=body, headers=headers)


# msgspec would write the same, but takes longer to load than all the rest of a refusal.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _encoded(value: object) -> bytes:
    return _encode(value).encode("utf-8")


def _final_status(error: AlmaHookError) -> int:
    """Only a refusal may end what Alma does: any other error is ours, and it tries again."""
    if isinstance(error, RefusalError) or error.status >= _INTERNAL_ERROR:
        return error.status
    return _SERVICE_UNAVAILABLE


def _refusal_reply(refused: Refused, mode: Mode) -> Response:
    if mode == "direct" and isinstance(refused.error, SignatureError):
        plain = error_reply(refused.error, status=refused.status)
        body = _encoded(_INVALID_SIGNATURE)
        return Response(status=refused.status, body=body, headers=plain.headers)
    return error_reply(refused.error, status=refused.status)
