"""Alma's signature: Base64(HMAC-SHA256(secret as UTF-8, the exact body bytes)).

https://developers.exlibrisgroup.com/alma/integrations/webhooks/
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest, digest

from almahook.errors.refusal import (
    MalformedSignatureError,
    MissingSignatureError,
    NoSecretError,
    SignatureMismatchError,
)
from almahook.protocol.message import signature_bytes

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from hashlib import _Hash as HASH

_DIGEST_BYTES = 32
_BLOCK_BYTES = 64
# What each byte of the key becomes. https://www.rfc-editor.org/rfc/rfc2104#section-2
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
# Of more than these hashlib gives Python's lock away. Each time a thread that waits for it is woken
# up, mostly in vain, and that takes longer than hashing a message.
# https://docs.python.org/3/library/hashlib.html#hashlib.hash.update
_KEPT_BYTES = 2047
# Hashing so much takes long enough for others to run meanwhile.
_LONG_BYTES = 32 * 1024


def sign(body: bytes, *, secret: bytes) -> str:
    """Make the ``X-Exl-Signature`` that Alma would send with this body."""
    return b2a_base64(digest(secret, body, "sha256"), newline=False).decode("ascii")


def verify(body: bytes, *, signature: str | None, secrets: Sequence[bytes]) -> int:
    """Return which of the secrets signed the body, counted from 0; refuse it if none did.

    Every secret is tried, so that a rotation needs no downtime and timing tells nothing.

    Raises:
        NoSecretError: There is no secret to verify with, so nothing is accepted.
        MissingSignatureError: There is no signature.
        MalformedSignatureError: The signature is not the base64 of 32 bytes.
        SignatureMismatchError: None of the secrets produced this signature.
    """
    return which_signed(body, signature_bytes(signature), secrets)


def which_signed(body: bytes, given: bytes, secrets: Sequence[bytes]) -> int:
    """Do what :func:`verify` does, for a signature of bytes; it is empty when there is none."""
    keys = _keys(tuple(secrets))
    if not keys:
        raise NoSecretError
    if not given:
        raise MissingSignatureError
    pieces = _pieces(body)
    matched = -1
    for index, inner, outer in keys:
        hashed = inner.copy()
        for piece in pieces:
            hashed.update(piece)
        mac = outer.copy()
        mac.update(hashed.digest())
        right = b2a_base64(mac.digest(), newline=False)
        if compare_digest(right, given) and matched < 0:
            matched = index
    if matched >= 0:
        return matched
    raise SignatureMismatchError if _is_well_formed(given) else MalformedSignatureError


def _pieces(body: bytes) -> Sequence[bytes]:
    """Cut a body so that hashing it keeps Python's lock."""
    if len(body) <= 2 * _KEPT_BYTES:
        return body[:_KEPT_BYTES], body[_KEPT_BYTES:]
    if len(body) >= _LONG_BYTES:
        return [body]
    return [body[start : start + _KEPT_BYTES] for start in range(0, len(body), _KEPT_BYTES)]


# A listener has a few, and uses them for each message.
@lru_cache(maxsize=64)
def _keys(secrets: tuple[bytes, ...]) -> list[tuple[int, HASH, HASH]]:
    """Number secrets, and begin the hashes of each; an empty key is one that anybody has."""
    return [(index, *_keyed(secret)) for index, secret in enumerate(secrets) if secret]


def _keyed(secret: bytes) -> tuple[HASH, HASH]:
    """Begin the two hashes that an HMAC is made of, with all of them that the key decides.

    hmac can begin one too, but going on from there takes twice as long as hashing a message.
    https://www.rfc-editor.org/rfc/rfc2104#section-4
    """
    key = sha256(secret).digest() if len(secret) > _BLOCK_BYTES else secret
    block = key.ljust(_BLOCK_BYTES, b"\0")
    return sha256(block.translate(_INNER)), sha256(block.translate(_OUTER))


def _is_well_formed(signature: bytes) -> bool:
    """Say whether some digest is spelled like this, and not only a base64 decoder's idea of it."""
    try:
        digest = a2b_base64(signature, strict_mode=True)
    except ValueError:
        return False
    # Unused bits of the last character would let several spellings pass for one signature.
    return len(digest) == _DIGEST_BYTES and b2a_base64(digest, newline=False) == signature
