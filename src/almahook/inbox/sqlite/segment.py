"""A file that a receiver appends batches to, each on disk before anybody is told."""

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from errno import ENOENT, ENOSYS, EOPNOTSUPP, EPERM
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

from almahook.inbox.sqlite.batches import MAGIC, MARK

SUFFIX = ".segment"
MAX_SEGMENT_BYTES = 16 * 1024 * 1024
# Room is made in pieces, the next when half of one is left, and none by who writes little.
_PIECE = bytes(1024 * 1024)
_ROOM_LEFT_BYTES = len(_PIECE) // 2
_BUSY_BYTES = len(_PIECE) // 4
# Linux: write and sync in one call. https://man7.org/linux/man-pages/man2/pwritev2.2.html
_DSYNC: int | None = getattr(os, "RWF_DSYNC", None)
# What a kernel, or a sandbox, that does not know the flag or the call answers.
_NOT_KNOWN = (EOPNOTSUPP, ENOSYS, EPERM)
# How often a new segment may be deleted before it is locked.
_TRIES = 10


class Write(NamedTuple):
    """What is to be written to a file at once, and where."""

    fd: int
    parts: Sequence[bytes]
    place: int
    size: int

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.place + self.size


class Segment:
    """A file that this process alone writes to, and holds locked as long as it may."""

    def __init__(self, folder: Path) -> None:
        # Only the owner may read patron data.
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync(folder.parent)
        # By name, in the order in which they were begun.
        path = folder / f"{time.time_ns():020}-{token_hex(4)}{SUFFIX}"
        self._path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self.size = 0
        # How far there is something, if only zeros.
        self._filled = 0
        # Not while it is made, and no more once that has failed.
        self.may_make_room = True
        self.is_ended = False
        # Where zeros are being written.
        self._room_from: int | None = None
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

    def next_write(self, batches: Sequence[bytes]) -> Write:
        """Say how batches are written; no zeros go there from now on."""
        parts = [MARK if self.size else MAGIC, *batches]
        write = Write(self._fd, parts, self.size, sum(map(len, parts)))
        self._filled = max(self._filled, write.end)
        return write

    def note_written(self, write: Write) -> None:
        """Note that it is on disk.

        Raises:
            FileNotFoundError: It is not, as somebody has deleted the file.
        """
        self._require_name()
        self.size = write.end

    def write_out(self, write: Write) -> None:
        """Write and sync; a segment that failed is not to be used again."""
        _write_durably(write.fd, write.parts, write.place)
        self.note_written(write)

    @property
    def wants_room(self) -> bool:
        """Whether zeros are to be written ahead now."""
        return (
            self.may_make_room
            and self.size > _BUSY_BYTES
            and self._filled - self.size < _ROOM_LEFT_BYTES
            and self._filled < MAX_SEGMENT_BYTES
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

    @property
    def makes_room(self) -> bool:
        """Whether zeros are just being written."""
        return self._room_from is not None

    def is_clear_for(self, batches: Sequence[bytes]) -> bool:
        """Say whether no zeros are just being written where these would go."""
        if self._room_from is None:
            return True
        return self.size + len(MAGIC) + sum(map(len, batches)) <= self._room_from

    def begin_room(self) -> int:
        """Say where zeros are to be written: behind all that there is, or will be in a moment."""
        self._room_from = self._filled
        return self._filled

    def end_room(self, made: int) -> None:
        """Note how many zeros were written and synced; none if that failed."""
        self._room_from = None
        self._filled += made
        self.may_make_room = made > 0

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


def begin(folder: Path) -> Segment:
    """Begin a segment in a folder, which is made when it is not there."""
    # Whoever collects may have found the file in the moment between its making and its locking.
    for _ in range(_TRIES):
        with suppress(FileNotFoundError):
            return Segment(folder)
    return Segment(folder)


def _write_durably(fd: int, parts: Sequence[bytes], place: int) -> None:
    """Write at a place; the data, and what is needed to find them, are on disk afterwards."""
    written = _write_at_once(fd, parts, place)
    if written == sum(map(len, parts)):
        return
    data = memoryview(b"".join(parts))
    while written < len(data):
        written += os.pwrite(fd, data[written:], place + written)
    sync_data(fd)


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


def write_room(fd: int, place: int) -> int:
    """Write zeros at a place, and have them on disk; return how many."""
    made = os.pwrite(fd, _PIECE, place)
    sync_data(fd)
    return made


def sync_data(fd: int) -> None:
    """Have on disk what was written, and what is needed to find it."""
    # macOS has no fdatasync. https://docs.python.org/3/library/os.html#os.fdatasync
    getattr(os, "fdatasync", os.fsync)(fd)


def _sync(folder: Path) -> None:
    """Make the folder's entries durable: a file that is synced can still have no name."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
