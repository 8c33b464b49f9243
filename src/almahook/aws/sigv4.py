"""Signs a request as AWS wants it: Signature Version 4, without a query string.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import time
from functools import lru_cache
from urllib.parse import quote

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_ALGORITHM = "AWS4-HMAC-SHA256"


class Credentials:
    """Who signs; no repr shows the secret.

    Args:
        key_id: The access key's public part.
        secret_key: Its secret part.
        session_token: That of temporary credentials, such as a function's; empty for lasting ones.
    """

    __slots__ = ("key_id", "secret_key", "session_token")

    def __init__(self, key_id: str, secret_key: str, session_token: str = "") -> None:
        self.key_id = key_id
        self.secret_key = secret_key
        self.session_token = session_token

    def __repr__(self) -> str:
        return f"<Credentials {self.key_id}>"


def sign(
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    credentials: Credentials,
    region: str,
    service: str,
    at: float,
) -> dict[str, str]:
    """Return the headers with which the request is to be sent: those given, and three more.

    The path is as it is meant, not percent-encoded; ``Host`` is among the headers. ``at`` is the
    time of the request, seconds since the epoch, which AWS takes within 5 minutes.
    """
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))
    sent = {**headers, "X-Amz-Date": moment}
    if credentials.session_token:
        sent["X-Amz-Security-Token"] = credentials.session_token
    signed = ";".join(sorted(name.lower() for name in sent))
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    text = string_to_sign(canonical_request(method, path, sent, body), moment=moment, scope=scope)
    key = _signing_key(credentials.secret_key, scope)
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    sent["Authorization"] = (
        f"{_ALGORITHM} Credential={credentials.key_id}/{scope}, "
        f"SignedHeaders={signed}, Signature={signature}"
    )
    return sent


def canonical_request(method: str, path: str, headers: Mapping[str, str], body: bytes) -> str:
    """Write the request in the one form that both sides hash."""
    lines = sorted((name.lower(), " ".join(value.split())) for name, value in headers.items())
    return "\n".join(
        (
            method,
            encoded_path(path),
            "",
            *(f"{name}:{value}" for name, value in lines),
            "",
            ";".join(name for name, _ in lines),
            hashlib.sha256(body).hexdigest(),
        )
    )


def string_to_sign(request: str, *, moment: str, scope: str) -> str:
    """Write what the signature is made of."""
    return "\n".join((_ALGORITHM, moment, scope, hashlib.sha256(request.encode()).hexdigest()))


def encoded_path(path: str) -> str:
    """Return the path as it is sent; encoded once, as S3 wants it (the others are called at /)."""
    return quote(path, safe="/-_.~")


# It is the same for a day.
@lru_cache(maxsize=8)
def _signing_key(secret_key: str, scope: str) -> bytes:
    key = b"AWS4" + secret_key.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
