"""Writes that the kernel carries out while Python goes on: io_uring, on Linux.

A thread that waits for the disk has to wait for Python's lock again afterwards, which an event loop
under load hardly ever lets go. The kernel waits for nobody, and says on a descriptor that it is
done. https://man7.org/linux/man-pages/man7/io_uring.7.html
"""

import ctypes
import os
import select
import sys
from collections.abc import Iterable
from errno import ENOSYS
from mmap import MAP_SHARED, PROT_READ, PROT_WRITE, mmap
from typing import cast

# The same on every processor in use. https://github.com/torvalds/linux/blob/master/include/uapi/asm-generic/unistd.h
_SETUP = 425
_ENTER = 426

# https://github.com/torvalds/linux/blob/master/include/uapi/linux/io_uring.h
_WRITE = 23
# By a thread of the kernel: the call that begins a write must not wait for the disk.
_ASYNC = 1 << 4
_RINGS_ARE_ONE = 1 << 0
_SUBMISSIONS_AT = 0x10000000
# Write and sync in one go. https://man7.org/linux/man-pages/man2/pwritev2.2.html
_DSYNC = 2

_LONGEST_WAIT_MS = 100


def _numbers(*names: str) -> Iterable[tuple[str, type[ctypes.c_uint32]]]:
    return ((name, ctypes.c_uint32) for name in names)


class _SubmissionOffsets(ctypes.Structure):
    _fields_ = (
        *_numbers("head", "tail", "mask", "entries", "flags", "dropped", "array", "reserved"),
        ("address", ctypes.c_uint64),
    )


class _CompletionOffsets(ctypes.Structure):
    _fields_ = (
        *_numbers("head", "tail", "mask", "entries", "overflow", "cqes", "flags", "reserved"),
        ("address", ctypes.c_uint64),
    )


class _Parameters(ctypes.Structure):
    _fields_ = (
        *_numbers("sq_entries", "cq_entries", "flags", "thread_cpu", "thread_idle", "features"),
        ("reserved", ctypes.c_uint32 * 4),
        ("submission", _SubmissionOffsets),
        ("completion", _CompletionOffsets),
    )


class _Submission(ctypes.Structure):
    _fields_ = (
        ("opcode", ctypes.c_uint8),
        ("flags", ctypes.c_uint8),
        ("priority", ctypes.c_uint16),
        ("fd", ctypes.c_int32),
        ("place", ctypes.c_uint64),
        ("address", ctypes.c_uint64),
        ("length", ctypes.c_uint32),
        ("write_flags", ctypes.c_uint32),
        ("rest", ctypes.c_uint64 * 4),
    )


class _Completion(ctypes.Structure):
    _fields_ = (
        ("user_data", ctypes.c_uint64),
        ("result", ctypes.c_int32),
        ("flags", ctypes.c_uint32),
    )


class Ring:
    """One durable write at a time; its descriptor is readable when that has ended.

    Raises:
        OSError: The system has no such thing, or does not allow it, as containers do not.
    """

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise OSError(ENOSYS, os.strerror(ENOSYS))
        self._written = b""
        given = _Parameters()
        self._fd = _call(_SETUP, 1, ctypes.addressof(given), 0, 0, 0, 0)
        try:
            if not given.features & _RINGS_ARE_ONE:
                raise OSError(ENOSYS, os.strerror(ENOSYS))
            self._map(given)
        except BaseException:
            os.close(self._fd)
            raise

    def _map(self, given: _Parameters) -> None:
        submission, completion = given.submission, given.completion
        size = max(
            submission.array + given.sq_entries * ctypes.sizeof(ctypes.c_uint32),
            completion.cqes + given.cq_entries * ctypes.sizeof(_Completion),
        )
        rings = mmap(self._fd, size, MAP_SHARED, PROT_READ | PROT_WRITE)
        entries = mmap(
            self._fd,
            given.sq_entries * ctypes.sizeof(_Submission),
            MAP_SHARED,
            PROT_READ | PROT_WRITE,
            offset=_SUBMISSIONS_AT,
        )
        # There is one place for a submission, so that its number, which is 0, stays as it is.
        self._submission = _Submission.from_buffer(entries)
        self._submitted = ctypes.c_uint32.from_buffer(rings, submission.tail)
        self._seen = ctypes.c_uint32.from_buffer(rings, completion.head)
        self._ended = ctypes.c_uint32.from_buffer(rings, completion.tail)
        self._completions = (_Completion * given.cq_entries).from_buffer(rings, completion.cqes)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._fd

    def begin(self, fd: int, data: bytes, place: int) -> None:
        """Begin to write at a place of a file; nothing else may be on its way.

        Raises:
            OSError: It has not begun. The ring is not to be used again.
        """
        # The kernel reads it until it has ended.
        self._written = data
        entry = self._submission
        entry.opcode, entry.flags = _WRITE, _ASYNC
        entry.fd, entry.place = fd, place
        entry.address = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value
        entry.length = len(data)
        entry.write_flags = _DSYNC
        self._submitted.value += 1
        if _call(_ENTER, self._fd, 1, 0, 0, 0, 0) != 1:
            raise BlockingIOError

    def ended(self) -> int | None:
        """Take how many bytes were written, or an error's number below 0; None if not yet.

        It is asked once the descriptor was readable: what the kernel has noted is seen by then.
        """
        seen = self._seen.value
        if self._ended.value == seen:
            return None
        result = cast("int", self._completions[seen % len(self._completions)].result)
        self._seen.value = seen + 1
        self._written = b""
        return result

    def wait(self) -> None:
        """Wait for the end of a write, but not for long: somebody else may take it."""
        ready = select.poll()
        ready.register(self._fd, select.POLLIN)
        ready.poll(_LONGEST_WAIT_MS)

    def close(self) -> None:
        """Let go of it; nothing may be on its way."""
        # They hold the memory that is shared with the kernel.
        del self._submission, self._submitted, self._seen, self._ended, self._completions
        os.close(self._fd)


_syscall = ctypes.PyDLL(None, use_errno=True).syscall
# As wide as a register, which is what the kernel reads.
_syscall.argtypes = [ctypes.c_long] * 7
_syscall.restype = ctypes.c_long


def _call(number: int, *given: int) -> int:
    """Make a system call, with Python's lock held: none of these waits.

    Raises:
        OSError: It failed, or there is no such call.
    """
    result = cast("int", _syscall(number, *given))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result
