"""Who writes to the segment that is open: this process alone, one write at a time.

A write is waited for, on a thread; or it is begun on an event loop, which the kernel tells when it
has ended. Whoever writes has the segment for itself until then. Anybody else who wants to write
meanwhile begins another one.
"""

import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from almahook.inbox.sqlite.ring import Ring
from almahook.inbox.sqlite.segment import (
    MAX_SEGMENT_BYTES,
    Segment,
    Write,
    begin,
    write_room,
)

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

log = logging.getLogger("almahook.inbox")


class _Begun(NamedTuple):
    """A write that the kernel carries out."""

    ring: Ring
    segment: Segment
    write: Write
    ended: Callable[[bool], None]


class SegmentWriter:
    """Appends to the segments of a folder.

    Args:
        folder: Where they are; it is made when the first event comes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Held by who waits for the disk.
        self._turn = threading.Lock()
        # Held for a moment only, as an event loop waits for it.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._segment: Segment | None = None
        self._begun: _Begun | None = None
        self._ring: Ring | None = None
        self._loop: AbstractEventLoop | None = None
        self._may_have_ring = True
        # Its thread begins when there is something to do.
        self._filler = ThreadPoolExecutor(1, "almahook-spool")

    def put(self, packed: Sequence[bytes]) -> None:
        """Append packed batches, on disk when this returns.

        Raises:
            OSError: They could not be written.
        """
        with self._turn:
            try:
                self._append(packed)
            except FileNotFoundError:
                # Somebody has deleted the segment. What it still held is gone; these are not.
                self._append(packed)

    def begin(
        self,
        packed: Sequence[bytes],
        loop: "AbstractEventLoop",
        ended: Callable[[bool], None],
    ) -> bool:
        """Let the kernel append packed batches; say whether it has begun.

        It cannot where a segment is to be begun first, or another write has not ended, or on any
        event loop but the first. ``ended`` is called with whether they are on disk.
        """
        with self._lock:
            segment = self._segment
            if segment is None or self._begun is not None or not segment.is_clear_for(packed):
                return False
            ring = self._ring_on(loop)
            if ring is None:
                return False
            write = segment.next_write(packed)
            try:
                ring.begin(write.fd, b"".join(write.parts), write.place)
            except OSError:
                self._let_go_of_ring()
                return False
            self._segment, self._begun = None, _Begun(ring, segment, write, ended)
        return True

    def finish(self) -> None:
        """Wait until what was begun has ended."""
        while (begun := self._begun) is not None:
            begun.ring.wait()
            self._take_ended()

    def end_segment(self) -> None:
        """Write no more to the segment that is open."""
        segment: Segment | None = None
        is_free = False
        while not is_free:
            self.finish()
            with self._lock:
                is_free = self._begun is None
                if is_free:
                    segment, self._segment = self._segment, None
        if segment is not None:
            self._end(segment)

    def close(self) -> None:
        """End the segment, make no more room, and let the kernel begin nothing more."""
        with self._lock:
            self._may_have_ring = False
        self.end_segment()
        self._filler.shutdown()
        with self._lock:
            self._let_go_of_ring()

    def _append(self, packed: Sequence[bytes]) -> None:
        segment, write = self._take(packed) or self._new(packed)
        try:
            segment.write_out(write)
        except BaseException:
            # What a failed sync left behind is not known. The reader passes over what is cut off.
            # https://wiki.postgresql.org/wiki/Fsync_Errors
            self._end(segment)
            raise
        if not self._keep(segment):
            self._end(segment)

    def _take(self, packed: Sequence[bytes]) -> tuple[Segment, Write] | None:
        """Take the segment that is open, and say what is written to it."""
        with self._lock:
            # Until it is known to be written whole, nothing else is appended to it.
            segment, self._segment = self._segment, None
            if segment is None:
                return None
            self._changed.wait_for(lambda: segment.is_clear_for(packed))
            # In one go with the look: otherwise zeros could be written there in between.
            return segment, segment.next_write(packed)

    def _new(self, packed: Sequence[bytes]) -> tuple[Segment, Write]:
        segment = begin(self._folder)
        return segment, segment.next_write(packed)

    def _keep(self, segment: Segment) -> bool:
        """Go on with a segment, unless it is full, or another one was begun by now."""
        with self._lock:
            if self._segment is not None or segment.size >= MAX_SEGMENT_BYTES:
                return False
            self._segment = segment
            if segment.wants_room:
                segment.may_make_room = False
                self._on_filler(self._make_room, segment)
            return True

    def _end(self, segment: Segment) -> None:
        with self._lock:
            segment.is_ended = True
            # Never behind the end of a segment that was ended.
            self._changed.wait_for(lambda: not segment.makes_room)
        segment.close()

    def _on_filler(self, do: Callable[[Segment], None], segment: Segment) -> bool:
        # What is stored is stored, even if the interpreter ends now.
        with suppress(RuntimeError):
            self._filler.submit(do, segment)
            return True
        return False

    def _make_room(self, segment: Segment) -> None:
        """Write zeros ahead; where that fails, the segment just grows."""
        with suppress(OSError), segment.opened_again() as fd:
            with self._lock:
                if segment.is_ended:
                    return
                place = segment.begin_room()
            made = 0
            try:
                made = write_room(fd, place)
            finally:
                with self._lock:
                    segment.end_room(made)
                    self._changed.notify_all()

    def _ring_on(self, loop: "AbstractEventLoop") -> Ring | None:
        if not self._may_have_ring:
            return None
        if self._ring is not None:
            return self._ring if loop is self._loop else None
        try:
            ring = Ring()
        except OSError:
            self._may_have_ring = False
            return None
        self._ring, self._loop = ring, loop
        try:
            loop.add_reader(ring.fileno(), self._take_ended)
        except NotImplementedError:
            self._let_go_of_ring()
        return self._ring

    def _let_go_of_ring(self) -> None:
        ring, loop = self._ring, self._loop
        self._may_have_ring, self._ring, self._loop = False, None, None
        if ring is None or loop is None:
            return

        def let_go() -> None:
            loop.remove_reader(ring.fileno())
            ring.close()

        try:
            loop.call_soon_threadsafe(let_go)
        except RuntimeError:
            # It has closed, and looks at nothing any more.
            ring.close()

    def _take_ended(self) -> None:
        """Take what the kernel has written, and tell of it."""
        with self._lock:
            begun = self._begun
            written = None if begun is None else begun.ring.ended()
            if begun is None or written is None:
                return
            self._begun = None
            is_whole = written == begun.write.size
            if not is_whole:
                self._let_go_of_ring()
            is_stored = is_whole and _is_stored(begun)
            is_over = not (is_stored and self._keep(begun.segment))
        if not is_whole:
            # Whether it is the disk will be told by a write that is waited for.
            reason = os.strerror(-written) if written < 0 else "written in part"
            log.warning("spool.left_to_thread", extra={"fields": {"reason": reason}})
        if is_over and not self._on_filler(self._end, begun.segment):
            self._end(begun.segment)
        begun.ended(is_stored)


def _is_stored(begun: _Begun) -> bool:
    """Say whether what was written is in a file that still has a name."""
    try:
        begun.segment.note_written(begun.write)
    except OSError:
        return False
    return True
