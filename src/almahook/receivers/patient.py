"""uvicorn's HTTP protocol, with bounds of our own.

uvicorn waits for the end of a head for ever and keeps all of it meanwhile, so that whoever opens
many connections and says nothing could take them all.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_TIMEOUT_S = 10.0
MAX_HEAD_BYTES = 256 * 1024


class PatientProtocol(HttpToolsProtocol):
    """Closes a connection whose next head does not come to an end."""

    _timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _is_in_head = False
    _has_ended = False

    def connection_made(
        self,
        transport: asyncio.Transport,  # type: ignore[override]  # as narrow as uvicorn's own
    ) -> None:
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEAD_TIMEOUT_S, transport.close)

    def data_received(self, data: bytes) -> None:
        """Pass the data on; then see whether it ended a head, as it nearly always does."""
        self._has_ended = False
        super().data_received(data)
        if self._is_answering() or (self._has_ended and not self._is_in_head):
            if self._timer is not None or self._head_bytes:
                self._stop_waiting()
        else:
            self._wait_on(len(data))

    def on_message_begin(self) -> None:
        """Note that a head has begun."""
        self._is_in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that it has ended."""
        self._is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that a request has come to its end."""
        self._has_ended = True
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _is_answering(self) -> bool:
        # At first there is no cycle, whatever its annotation says.
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _wait_on(self, size: int) -> None:
        self._head_bytes += size
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)
        if self._head_bytes > MAX_HEAD_BYTES:
            self.transport.close()

    def _stop_waiting(self) -> None:
        self._head_bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
