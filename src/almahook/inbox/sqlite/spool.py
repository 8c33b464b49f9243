"""What is received, in files beside the database, until it is collected.

A receiver appends batches to a segment, a file of its own, and syncs each to disk; that is all
that an acknowledgement waits for. Whoever collects reads the segments and notes in the database how
far, in the transaction that stores the events. A segment whose writer is gone, and that was read to
its end, is deleted.
"""

import fcntl
import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO

from almahook.errors import InboxUnavailableError
from almahook.inbox.event import NewEvent
from almahook.inbox.sqlite import batches
from almahook.inbox.sqlite.batches import MAGIC, Chunk
from almahook.inbox.sqlite.segment import SUFFIX, sync_data
from almahook.inbox.sqlite.segment_writer import SegmentWriter

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

_DAMAGED = ".damaged"

log = logging.getLogger("almahook.inbox")


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """What is spooled and not collected.

    Attributes:
        events: How many, those that repeat others included.
        oldest_at: When the first of them was received; None when there is none.
    """

    events: int = 0
    oldest_at: float | None = None


def spool_folder(database: Path) -> Path:
    """Say where the segments of a database are."""
    return database.with_name(f"{database.name}-spool")


class Spool:
    """The segments of one database.

    Args:
        folder: Where they are; it is made when the first event comes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer = SegmentWriter(folder)
        self._ends: dict[str, int] = {}

    def put(self, packed: Sequence[bytes]) -> None:
        """Append packed batches, on disk when this returns; there is one at least.

        Raises:
            InboxUnavailableError: They could not be written.
        """
        with _typed_errors(self._folder):
            self._writer.put(packed)

    def begin(
        self,
        packed: Sequence[bytes],
        loop: "AbstractEventLoop",
        ended: Callable[[bool], None],
    ) -> bool:
        """Begin to append packed batches without waiting; False where that cannot be done now.

        Args:
            packed: One at least.
            loop: The event loop that this is called on.
            ended: Called, mostly there, with whether they are on disk. If not, nobody knows why:
                ``put`` tells.
        """
        return self._writer.begin(packed, loop, ended)

    def finish(self) -> None:
        """Wait until what was begun has ended."""
        self._writer.finish()

    def end_segment(self) -> None:
        """Write no more to the segment that is open, so that it is deleted once it is collected."""
        self._writer.end_segment()

    def close(self) -> None:
        """End the segment, and make no more room."""
        self._writer.close()

    def segments(
        self,
        collected: Mapping[str, int] = MappingProxyType({}),
        *,
        passing_over: Collection[str] = (),
    ) -> dict[str, int]:
        """Return the names of the segments, oldest first, with how many bytes hold batches.

        Args:
            collected: How far some of them were collected, so that it is looked from there on.
            passing_over: Those that are of no interest.
        """
        with _typed_errors(self._folder):
            names = self._names()
        ends = {
            name: self._end(name, collected.get(name, 0))
            for name in names
            if name not in passing_over
        }
        self._ends = {name: end for name, end in ends.items() if end is not None}
        return dict(self._ends)

    def _names(self) -> list[str]:
        try:
            # There may be hundreds after a burst, of which a Path each would take a while.
            with os.scandir(self._folder) as entries:
                return sorted(entry.name for entry in entries if entry.name.endswith(SUFFIX))
        except FileNotFoundError:
            return []

    def _end(self, name: str, collected: int) -> int | None:
        """Look where the last batch ends, from where it did before."""
        with self._open(name) as file:
            start = max(collected, self._ends.get(name, 0))
            return batches.end_of(file, start) if file else None

    def read(self, name: str, start: int, *, limit: int) -> Chunk:
        """Read batches from ``start`` on, until they hold ``limit`` events or enough bytes."""
        with self._open(name) as file:
            if file is None:
                return Chunk(events=(), places=(), end=start, on_disk=0)
            return batches.read_from(file, start, limit)

    def sync(self, name: str) -> None:
        """Have on disk what was read of a segment."""
        with self._open(name) as file:
            if file is not None:
                sync_data(file.fileno())

    def batch(self, name: str, place: int) -> Sequence[NewEvent]:
        """Read the batch at a place; nothing when it is not there, or not whole."""
        with self._open(name) as file:
            found = batches.batch_at(file, place) if file else None
        return found[0] if found else ()

    def waiting(self, name: str, start: int) -> Waiting:
        """Count the events from ``start`` on, without reading them."""
        with self._open(name) as file:
            heads = [*batches.heads(file, max(start, len(MAGIC)))] if file else []
        return Waiting(
            events=sum(number for _, number, _ in heads),
            oldest_at=min((received_at for *_, received_at in heads), default=None),
        )

    def retire(
        self, name: str, *, collected: int, first: Callable[[], None] = lambda: None
    ) -> bool:
        """Delete a segment that was collected so far, if that is all and nobody writes to it.

        What is no batch, and was left by a writer that is gone, is set aside and not deleted.

        Args:
            name: The segment.
            collected: How far it was collected, in bytes.
            first: Called before it is deleted.

        Returns:
            Whether the segment is gone.
        """
        with self._open(name) as file:
            if file is None:
                return True
            # As long as it is locked here, nobody begins to write to it.
            if not _is_over(file, collected):
                return False
            first()
            self._remove(name, batches.left_after(file, max(collected, len(MAGIC))))
            return True

    def is_over(self, name: str, *, collected: int) -> bool:
        """Say whether a segment was collected to its end, and nobody writes to it any more."""
        with self._open(name) as file:
            return file is None or _is_over(file, collected)

    def forget_set_aside(self, *, before: float) -> None:
        """Delete the segments that were set aside and last written before a time."""
        with _typed_errors(self._folder):
            for path in self._folder.glob(f"*{_DAMAGED}"):
                if path.stat().st_mtime < before:
                    path.unlink(missing_ok=True)

    def _remove(self, name: str, left: int) -> None:
        path = self._folder / name
        if left > 0:
            kept = path.rename(path.with_suffix(_DAMAGED))
            log.error("spool.damaged", extra={"fields": {"file": str(kept), "bytes": left}})
        else:
            path.unlink(missing_ok=True)

    @contextmanager
    def _open(self, name: str) -> Iterator[BinaryIO | None]:
        """Open a segment to read; None when somebody else has deleted it by now."""
        with _typed_errors(self._folder):
            try:
                file = (self._folder / name).open("rb")
            except FileNotFoundError:
                yield None
                return
            with file:
                yield file


def _is_over(file: BinaryIO, collected: int) -> bool:
    return _is_locked_now(file) and not batches.read_from(file, collected, 1).events


def _is_locked_now(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _typed_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InboxUnavailableError(
            f"{folder} cannot be used now: {error.strerror}. Is the disk full, or read-only?"
        ) from error
