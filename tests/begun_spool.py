"""A spool whose writes are begun on an event loop, as a receiver does it."""

import asyncio
from collections.abc import Sequence
from errno import EPERM
from pathlib import Path

import pytest

from almahook.inbox.sqlite.ring import Ring
from almahook.inbox.sqlite.spool import Spool


def require_ring() -> None:
    """Skip a test where the kernel writes nothing for anybody."""
    try:
        ring = Ring()
    except OSError as error:
        pytest.skip(f"no io_uring here: {error.strerror}")
    ring.close()


def leave_writing_to_threads(
    monkeypatch: pytest.MonkeyPatch, asked: str = "almahook.inbox.sqlite.segment_writer.Ring"
) -> None:
    """Have a system on which the kernel writes nothing for anybody, as in most containers."""

    def not_allowed() -> Ring:
        raise PermissionError(EPERM, "Operation not permitted")

    monkeypatch.setattr(asked, not_allowed)


def ids(spool: Spool, name: str, start: int = 0) -> list[str]:
    """Return the ids of the events of a segment, from a place on."""
    found: list[str] = []
    while (chunk := spool.read(name, start, limit=100)).events:
        found += [event.event_id for event in chunk.events]
        start = chunk.end
    return found


class BegunSpool(Spool):
    """Begins each write, and waits for its end; what cannot be begun, or failed, is put.

    Attributes:
        by_kernel: How many writes were begun and have succeeded.
    """

    def __init__(self, folder: Path) -> None:
        require_ring()
        super().__init__(folder)
        self.loop = asyncio.new_event_loop()
        self.by_kernel = 0

    def put(self, packed: Sequence[bytes]) -> None:
        """Store what is packed, on disk when this returns."""
        if self.loop.run_until_complete(self._is_stored(packed)):
            self.by_kernel += 1
        else:
            super().put(packed)

    def close(self) -> None:
        """Close it, and then the event loop."""
        super().close()
        if not self.loop.is_closed():
            # The loop lets go of the ring in its next round.
            self.loop.run_until_complete(asyncio.sleep(0))
            self.loop.close()

    async def _is_stored(self, packed: Sequence[bytes]) -> bool:
        told: asyncio.Future[bool] = self.loop.create_future()
        return self.begin(packed, self.loop, told.set_result) and await told
