"""How events are written into a segment of the spool: in batches, each whole or not there.

A segment is a line that names the form, then batches, each:

    CRC-32 of all that follows, bytes of the payload, number of its events, when the first came
    payload: a msgpack array of events

A batch counts when all of it is there. What is cut off at the end was never acknowledged. Zeros at
the end are room that was made ahead: over them a sync has no new length to note.

Batches that are written and synced at once have a mark in front of them, so that all in front of a
mark is known to be on disk: what comes before was synced by then.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from struct import Struct
from typing import BinaryIO
from zlib import crc32

import msgspec

from almahook.inbox.event import NewEvent

MAGIC = b"almahook spool 3\n"
# A head that begins with it would be that of a batch of nearly a gigabyte.
MARK = b"written:"
_HEAD = Struct("<IIId")
_CRC = Struct("<I")
# So much is read at once, and the rest of the batch that it ends in.
_CHUNK_BYTES = 8 * 1024 * 1024
# Longer buffers make crc32 give up Python's lock. https://docs.python.org/3/library/zlib.html
_CRC_BYTES = 5 * 1024

_encoder = msgspec.msgpack.Encoder()
_decode = msgspec.msgpack.Decoder(list[NewEvent]).decode


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """The batches of a segment from some place on.

    Attributes:
        places: Where each batch begins, in bytes from the start of the segment, and the number of
            its events.
        end: Where the next batch begins.
        on_disk: How many of the batches are known to be on disk: their writer may not have come so
            far with the others.
    """

    events: Sequence[NewEvent]
    places: Sequence[tuple[int, int]]
    end: int
    on_disk: int

    def known_on_disk(self) -> "Chunk":
        """Return those batches only."""
        places, rest = self.places[: self.on_disk], self.places[self.on_disk :]
        events = self.events[: sum(count for _, count in places)]
        return replace(self, events=events, places=places, end=rest[0][0] if rest else self.end)


def pack(events: Sequence[NewEvent]) -> bytes:
    """Write a batch as it is appended; it has one event at least."""
    batch = bytearray(_HEAD.size)
    _encoder.encode_into(events, batch, _HEAD.size)
    length = len(batch) - _HEAD.size
    _HEAD.pack_into(batch, 0, 0, length, len(events), events[0].received_at)
    _CRC.pack_into(batch, 0, _checksum(memoryview(batch)[_CRC.size :]))
    return bytes(batch)


def _checksum(checked: memoryview) -> int:
    checksum = 0
    for start in range(0, len(checked), _CRC_BYTES):
        checksum = crc32(checked[start : start + _CRC_BYTES], checksum)
    return checksum


def end_of(file: BinaryIO, known: int) -> int:
    """Find where the last batch ends, from a place on where one was known to end."""
    if file.read(len(MAGIC)) != MAGIC:
        return 0
    is_known = len(MAGIC) <= known <= os.fstat(file.fileno()).st_size
    known_end = known if is_known else len(MAGIC)
    for place, *_ in heads(file, known_end):
        known_end = place
    return known_end


def left_after(file: BinaryIO, place: int) -> int:
    """Say how much there is behind a place, zeros at the end aside."""
    file.seek(place)
    return len(file.read().rstrip(b"\0"))


def read_from(file: BinaryIO, start: int, limit: int) -> Chunk:
    """Read batches until they hold so many events, or enough bytes."""
    events: list[NewEvent] = []
    places: list[tuple[int, int]] = []
    on_disk = 0
    end = max(start, len(MAGIC))
    full = end + _CHUNK_BYTES
    is_ours = file.read(len(MAGIC)) == MAGIC
    place = _behind_mark(file, end)
    while is_ours and len(events) < limit and end < full and (found := batch_at(file, place)):
        events += found[0]
        places.append((place, len(found[0])))
        end = found[1]
        place = _behind_mark(file, end)
        if place > end:
            on_disk = len(places)
    return Chunk(events=events, places=places, end=end, on_disk=on_disk)


def heads(file: BinaryIO, place: int) -> Iterator[tuple[int, int, float]]:
    """Go from batch to batch: where each ends, its number of events, when it was received."""
    begins = _behind_mark(file, place)
    while head := _head(file, begins):
        length, _, number, received_at = head
        end = begins + _HEAD.size + length
        yield end, number, received_at
        begins = _behind_mark(file, end)


def _behind_mark(file: BinaryIO, place: int) -> int:
    """Say where a batch begins: at the place, or behind the mark that is there."""
    file.seek(place)
    return place + len(MARK) if file.read(len(MARK)) == MARK else place


def _head(file: BinaryIO, place: int) -> tuple[int, int, int, float] | None:
    """Read what stands before a batch, if there is as much behind it as it says."""
    file.seek(place)
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    checksum, length, number, received_at = _HEAD.unpack(head)
    is_there = place + _HEAD.size + length <= os.fstat(file.fileno()).st_size
    return (length, checksum, number, received_at) if length and is_there else None


def batch_at(file: BinaryIO, place: int) -> tuple[list[NewEvent], int] | None:
    """Read one batch, and where it ends; None when there is no whole one."""
    head = _head(file, place)
    if head is None:
        return None
    length, checksum, *_ = head
    file.seek(place + _CRC.size)
    checked = file.read(_HEAD.size - _CRC.size + length)
    if crc32(checked) != checksum:
        return None
    try:
        return _decode(memoryview(checked)[-length:]), file.tell()
    except msgspec.DecodeError:
        return None
