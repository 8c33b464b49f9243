"""The HTTP library, which is an extra."""

from almahook.errors import MissingExtraError

try:
    import httpx2
except ModuleNotFoundError:
    raise MissingExtraError("Calling Alma's REST API", extra="alma") from None

__all__ = ["httpx2"]
