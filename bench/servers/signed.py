"""What a person writes to verify Alma's signature."""

import base64
import hashlib
import hmac

from bench.message import SECRET


def is_signed(body: bytes, given: str) -> bool:
    """Whether the body has this signature."""
    digest = hmac.new(SECRET, body, hashlib.sha256).digest()
    return hmac.compare_digest(base64.b64encode(digest).decode(), given)
