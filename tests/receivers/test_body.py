import asyncio
from collections.abc import Sequence

import pytest

from almahook.errors import (
    BodyTooLargeError,
    MissingBodyError,
    OverloadedError,
    SlowBodyError,
)
from almahook.receivers.body import BodyReader, ClientGoneError
from almahook.receivers.head import announced_bytes

GONE = None


def read(reader: BodyReader, *pieces: bytes | None, announced: int = 0) -> bytes:
    """Read a body that arrives in these pieces; after the last one nothing more comes."""
    return asyncio.run(reader.read(arriving(pieces), announced=announced))


def arriving(pieces: Sequence[bytes | None], *, ends: bool = True):
    left = list(pieces)

    async def receive():
        if not left:
            await asyncio.Event().wait()
        piece = left.pop(0)
        if piece is GONE:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(left) or not ends}

    return receive


@pytest.fixture
def reader() -> BodyReader:
    return BodyReader(max_bytes=100, timeout_s=5, max_held_bytes=150)


def test_the_pieces_are_put_together_as_they_came(reader: BodyReader) -> None:
    assert read(reader, b"a" * 40, b"", b"b" * 40, b"c" * 20) == b"a" * 40 + b"b" * 40 + b"c" * 20


@pytest.mark.parametrize(
    ("pieces", "announced"),
    [((b"a" * 101,), 0), ((b"a" * 100, b"b"), 0), ((b"a",), 101), ((b"a",), 10**18)],
)
def test_a_body_over_the_limit_is_refused(reader, pieces, announced) -> None:
    with pytest.raises(BodyTooLargeError):
        read(reader, *pieces, announced=announced)


def test_a_body_that_stops_arriving_is_cut_off() -> None:
    reader = BodyReader(max_bytes=100, timeout_s=0.01)
    for pieces in [(), (b"a",)]:
        with pytest.raises(SlowBodyError):
            asyncio.run(reader.read(arriving(pieces, ends=False), announced=0))


@pytest.mark.parametrize("pieces", [(GONE,), (b"a", GONE)])
def test_a_client_that_hangs_up_is_told_apart_from_the_end(reader, pieces) -> None:
    with pytest.raises(ClientGoneError):
        read(reader, *pieces)


def test_a_body_that_was_announced_and_is_not_there_is_no_empty_body(reader) -> None:
    assert read(reader, b"", announced=0) == b""
    with pytest.raises(MissingBodyError):
        read(reader, b"", announced=1)


def test_while_bodies_hold_too_much_those_in_pieces_are_put_off(reader) -> None:
    held = [read(reader, b"a" * 50, b"a" * 30), read(reader, b"b" * 60)]
    with pytest.raises(OverloadedError):
        read(reader, b"c" * 10, b"c")
    reader.release(held[0])
    assert read(reader, b"c" * 10, b"c") == b"c" * 11


def test_a_body_in_one_piece_is_never_put_off(reader) -> None:
    for _ in range(3):
        read(reader, b"a" * 90)
    assert read(reader, b"small") == b"small"


@pytest.mark.parametrize("pieces", [(b"a" * 90, b"a" * 90), (b"a" * 90, b"a", GONE)])
def test_a_body_that_is_not_read_to_its_end_holds_nothing(reader, pieces) -> None:
    for _ in range(3):
        with pytest.raises((BodyTooLargeError, ClientGoneError)):
            read(reader, *pieces)
    assert len(read(reader, b"a" * 50, b"a" * 50)) == 100


@pytest.mark.parametrize(
    ("header", "length"),
    [("", 0), ("0", 0), ("26", 26), ("-1", 0), ("1e3", 0), ("²", 0), ("9" * 5000, 10**18)],
)
def test_a_content_length_is_a_number_or_says_nothing(header: str, length: int) -> None:
    assert announced_bytes(header) == length
