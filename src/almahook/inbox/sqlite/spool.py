"""What is received, in files beside the database, until it is collected.

A receiver appends batches to a segment, a file of its own, and syncs each to disk; that is all
that an acknowledgement waits for. Whoever collects reads the segments and notes in the database how
far, in the transaction that stores the events. A segment whose writer is gone, and that was read to
its end, is deleted.

A segment is a line that names the form, then batches, each:

    bytes and CRC-32 of the payload, number of its events, when the first was received
    payload: a msgpack array of events

A batch counts when all of it is there. What is cut off at the end was never acknowledged. Zeros at
the end are room that was made ahead: over them a sync has no new length to note.
"""

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from errno import ENOENT, ENOSYS, EOPNOTSUPP, EPERM
from pathlib import Path
from secrets import token_hex
from struct import Struct
from typing import BinaryIO
from zlib import crc32

import msgspec

from almahook.errors import InboxUnavailableError
from almahook.inbox.event import NewEvent

_MAGIC = b"almahook spool 1\n"
_HEAD = Struct("<IIId")
_MAX_SEGMENT_BYTES = 16 * 1024 * 1024
# So much is read at once, and the rest of the batch that it ends in.
_CHUNK_BYTES = 8 * 1024 * 1024
# Room is made in pieces, the next when half of one is left, and none by who writes little.
_PIECE = bytes(1024 * 1024)
_ROOM_LEFT_BYTES = len(_PIECE) // 2
_BUSY_BYTES = len(_PIECE) // 4
# Longer buffers make crc32 give up Python's lock. https://docs.python.org/3/library/zlib.html
_CRC_BYTES = 5 * 1024
# Linux: write and sync in one call. https://man7.org/linux/man-pages/man2/pwritev2.2.html
_DSYNC: int | None = getattr(os, "RWF_DSYNC", None)
# What a kernel, or a sandbox, that does not know the flag or the call answers.
_NOT_KNOWN = (EOPNOTSUPP, ENOSYS, EPERM)
_SUFFIX = ".segment"
_DAMAGED = ".damaged"
# How often a new segment may be deleted before it is locked.
_TRIES = 10

_encoder = msgspec.msgpack.Encoder()
log = logging.getLogger("almahook.inbox")

_decode = msgspec.msgpack.Decoder(list[NewEvent]).decode


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """The batches of a segment from some place on.

    Attributes:
        end: Where the next batch begins, in bytes from the start of the segment.
    """

    events: Sequence[NewEvent]
    end: int


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


def pack(events: Sequence[NewEvent]) -> bytes:
    """Write a batch as it is appended; it has one event at least."""
    batch = bytearray(_HEAD.size)
    _encoder.encode_into(events, batch, _HEAD.size)
    length = len(batch) - _HEAD.size
    checksum = _checksum(memoryview(batch)[_HEAD.size :])
    _HEAD.pack_into(batch, 0, length, checksum, len(events), events[0].received_at)
    return bytes(batch)


class Spool:
    """The segments of one database.

    Args:
        folder: Where they are; it is made when the first event comes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._segment: _Segment | None = None
        self._ends: dict[str, int] = {}
        # Its thread begins when there is something to do.
        self._filler = ThreadPoolExecutor(1, "almahook-spool")

    def put(self, batches: Sequence[bytes]) -> None:
        """Append packed batches, on disk when this returns; there is one at least.

        Raises:
            InboxUnavailableError: They could not be written.
        """
        with self._lock, _typed_errors(self._folder):
            try:
                self._append(batches)
            except FileNotFoundError:
                # Somebody has deleted the segment. What it still held is gone; these are not.
                self._append(batches)

    def _append(self, batches: Sequence[bytes]) -> None:
        segment = self._segment or _begin(self._folder)
        # Until it is known to be written whole, nothing is appended to it.
        self._segment = None
        segment.append(batches)
        if segment.size < _MAX_SEGMENT_BYTES:
            self._segment = segment
            self._keep_room(segment)
        else:
            segment.close()

    def _keep_room(self, segment: "_Segment") -> None:
        if segment.wants_room:
            segment.may_make_room = False
            # What is stored is stored, even if the interpreter ends now.
            with suppress(RuntimeError):
                self._filler.submit(self._make_room, segment)

    def _make_room(self, segment: "_Segment") -> None:
        """Write zeros ahead; where that fails, the segment just grows."""
        with suppress(OSError), segment.opened_again() as fd:
            with self._lock:
                # Never over a batch, nor behind the end of a segment that was ended.
                if segment is not self._segment:
                    return
                segment.make_room(fd)
            _sync_data(fd)
            segment.may_make_room = True

    def end_segment(self) -> None:
        """Write no more to the segment that is open, so that it is deleted once it is collected."""
        with self._lock:
            if self._segment is not None:
                self._segment.close()
                self._segment = None

    def close(self) -> None:
        """End the segment, and make no more room."""
        self.end_segment()
        self._filler.shutdown()

    def segments(self) -> dict[str, int]:
        """Return the names of the segments, oldest first, with how many bytes hold batches."""
        with _typed_errors(self._folder):
            try:
                names = sorted(
                    path.name for path in self._folder.iterdir() if path.suffix == _SUFFIX
                )
            except FileNotFoundError:
                return {}
        ends = {name: self._end(name) for name in names}
        self._ends = {name: end for name, end in ends.items() if end is not None}
        return dict(self._ends)

    def _end(self, name: str) -> int | None:
        """Look where the last batch ends, from where it did before."""
        with self._open(name) as file:
            return _end(file, self._ends.get(name, 0)) if file else None

    def read(self, name: str, start: int, *, limit: int) -> Chunk:
        """Read batches from ``start`` on, until they hold ``limit`` events or enough bytes."""
        with self._open(name) as file:
            return _read(file, start, limit) if file else Chunk(events=(), end=start)

    def waiting(self, name: str, start: int) -> Waiting:
        """Count the events from ``start`` on, without reading them."""
        with self._open(name) as file:
            heads = [*_heads(file, max(start, len(_MAGIC)))] if file else []
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
            if not _is_locked_now(file) or _read(file, collected, 1).events:
                return False
            first()
            self._remove(name, _left(file, max(collected, len(_MAGIC))))
            return True

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


class _Segment:
    """A file that this process alone writes to, and holds locked as long as it may."""

    def __init__(self, folder: Path) -> None:
        # Only the owner may read patron data.
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync(folder.parent)
        # By name, in the order in which they were begun.
        path = folder / f"{time.time_ns():020}-{token_hex(4)}{_SUFFIX}"
        self._path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self.size = 0
        # How far there is something, if only zeros.
        self._filled = 0
        # Not while it is made, and no more once that has failed.
        self.may_make_room = True
        try:
            self._hold()
            _sync(folder)
        except BaseException:
            self.close()
            raise

    def _hold(self) -> None:
        """Lock the file, unless somebody took it for an abandoned one before that."""
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        self._require_name()

    def append(self, batches: Sequence[bytes]) -> None:
        """Write batches and sync them; a segment that failed is not to be used again."""
        parts = batches if self.size else [_MAGIC, *batches]
        end = self.size + sum(map(len, parts))
        self._filled = max(self._filled, end)
        try:
            _write_durably(self._fd, parts, self.size)
            self._require_name()
        except BaseException:
            # What a failed sync left behind is not known. The reader passes over what is cut off.
            # https://wiki.postgresql.org/wiki/Fsync_Errors
            self.close()
            raise
        self.size = end

    @property
    def wants_room(self) -> bool:
        """Whether zeros are to be written ahead now."""
        return (
            self.may_make_room
            and self.size > _BUSY_BYTES
            and self._filled - self.size < _ROOM_LEFT_BYTES
            and self._filled < _MAX_SEGMENT_BYTES
        )

    @contextmanager
    def opened_again(self) -> Iterator[int]:
        """Open the file once more, for zeros.

        Who syncs by a descriptor hears of an error, and then it is not told by that one again.
        """
        fd = os.open(self._path, os.O_WRONLY)
        try:
            yield fd
        finally:
            os.close(fd)

    def make_room(self, fd: int) -> None:
        """Write zeros behind all that there is."""
        self._filled += os.pwrite(fd, _PIECE, self._filled)

    def close(self) -> None:
        """Close the file, which lets go of its lock."""
        if self._filled > self.size:
            # If that fails, or is not on disk when the machine dies, it is no harm: zeros at the
            # end are room, and half a batch was never acknowledged.
            with suppress(OSError):
                os.ftruncate(self._fd, self.size)
        os.close(self._fd)

    def _require_name(self) -> None:
        if os.fstat(self._fd).st_nlink == 0:
            raise FileNotFoundError(ENOENT, "a segment was deleted while it was written to")


def _begin(folder: Path) -> _Segment:
    # Whoever collects may have found the file in the moment between its making and its locking.
    for _ in range(_TRIES):
        with suppress(FileNotFoundError):
            return _Segment(folder)
    return _Segment(folder)


def _checksum(payload: memoryview) -> int:
    checksum = 0
    for start in range(0, len(payload), _CRC_BYTES):
        checksum = crc32(payload[start : start + _CRC_BYTES], checksum)
    return checksum


def _write_durably(fd: int, parts: Sequence[bytes], place: int) -> None:
    """Write at a place; the data, and what is needed to find them, are on disk afterwards."""
    written = _write_at_once(fd, parts, place)
    if written == sum(map(len, parts)):
        return
    data = memoryview(b"".join(parts))
    while written < len(data):
        written += os.pwrite(fd, data[written:], place + written)
    _sync_data(fd)


def _write_at_once(fd: int, parts: Sequence[bytes], place: int) -> int:
    """Write and sync in one call, where there is one; return how much was written."""
    if _DSYNC is None:
        return 0
    try:
        return os.pwritev(fd, parts, place, _DSYNC)
    except OSError as error:
        if error.errno not in _NOT_KNOWN:
            raise
        return 0


def _sync_data(fd: int) -> None:
    # macOS has no fdatasync. https://docs.python.org/3/library/os.html#os.fdatasync
    getattr(os, "fdatasync", os.fsync)(fd)


def _end(file: BinaryIO, known: int) -> int:
    """Find where the last batch ends, from a place on where one was known to end."""
    if file.read(len(_MAGIC)) != _MAGIC:
        return 0
    is_known = len(_MAGIC) <= known <= os.fstat(file.fileno()).st_size
    end = known if is_known else len(_MAGIC)
    for place, *_ in _heads(file, end):
        end = place
    return end


def _left(file: BinaryIO, place: int) -> int:
    """Say how much there is behind a place, zeros at the end aside."""
    file.seek(place)
    return len(file.read().rstrip(b"\0"))


def _read(file: BinaryIO, start: int, limit: int) -> Chunk:
    events: list[NewEvent] = []
    end = max(start, len(_MAGIC))
    full = end + _CHUNK_BYTES
    is_ours = file.read(len(_MAGIC)) == _MAGIC
    while is_ours and len(events) < limit and end < full and (batch := _batch(file, end)):
        events += batch[0]
        end = batch[1]
    return Chunk(events=events, end=end)


def _heads(file: BinaryIO, place: int) -> Iterator[tuple[int, int, float]]:
    """Go from batch to batch: where each ends, its number of events, when it was received."""
    while head := _head(file, place):
        length, _, number, received_at = head
        place += _HEAD.size + length
        yield place, number, received_at


def _head(file: BinaryIO, place: int) -> tuple[int, int, int, float] | None:
    """Read what stands before a batch, if there is as much behind it as it says."""
    file.seek(place)
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    length, checksum, number, received_at = _HEAD.unpack(head)
    is_there = place + _HEAD.size + length <= os.fstat(file.fileno()).st_size
    return (length, checksum, number, received_at) if length and is_there else None


def _batch(file: BinaryIO, place: int) -> tuple[list[NewEvent], int] | None:
    """Read one batch, and where it ends; None when there is no whole one."""
    head = _head(file, place)
    if head is None:
        return None
    payload = file.read(head[0])
    if crc32(payload) != head[1]:
        return None
    try:
        return _decode(payload), file.tell()
    except msgspec.DecodeError:
        return None


def _is_locked_now(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync(folder: Path) -> None:
    """Make the folder's entries durable: a file that is synced can still have no name."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def _typed_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InboxUnavailableError(
            f"{folder} cannot be used now: {error.strerror}. Is the disk full, or read-only?"
        ) from error
