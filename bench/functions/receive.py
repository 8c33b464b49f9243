"""almahook's own, as it is deployed."""

from almahook.app.functions.receive import handler

__all__ = ["handler"]
