"""What a person or a monitor asks a listener: whether it is ready, and what it has counted."""

from collections.abc import Callable

from almahook.errors import AlmaHookError
from almahook.protocol import Response, error_reply

READINESS = "/readyz"
METRICS = "/metrics"
PLAIN = {"content-type": "text/plain; charset=utf-8"}

_PROMETHEUS = {"content-type": "text/plain; version=0.0.4; charset=utf-8"}


class Pages:
    """Answers both pages; each takes its time, as the inbox is asked.

    Args:
        require_ready: Raises when events cannot be taken in.
        render: Writes the metrics; None where there are none.
    """

    def __init__(
        self, *, require_ready: Callable[[], None], render: Callable[[], bytes] | None
    ) -> None:
        self._require_ready = require_ready
        self._render = render

    def __call__(self, path: str) -> Response | None:
        """Answer a page; None when there is no such page."""
        if path == READINESS:
            return self._readiness()
        if path == METRICS and self._render is not None:
            return Response(status=200, body=self._render(), headers=_PROMETHEUS)
        return None

    def _readiness(self) -> Response:
        try:
            self._require_ready()
        except AlmaHookError as error:
            return error_reply(error, status=503)
        return Response(status=200, body=b"ready\n", headers=PLAIN)
