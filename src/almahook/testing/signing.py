"""Requests as Alma sends them, signed."""

from almahook.protocol import SIGNATURE_HEADER, Request, sign

_JSON = "application/json"


def signed_headers(body: bytes, secret: str | bytes) -> dict[str, str]:
    """Return the headers that Alma would send with this body."""
    return {"Content-Type": _JSON, SIGNATURE_HEADER: sign(body, secret=_bytes(secret))}


def signed_request(body: bytes, secret: str | bytes) -> Request:
    """Return the request that Alma would make with this body, as hosts read it."""
    signature = sign(body, secret=_bytes(secret))
    return Request(method="POST", signature=signature, body=body, content_type=_JSON)


def _bytes(secret: str | bytes) -> bytes:
    return secret.encode("utf-8") if isinstance(secret, str) else secret
