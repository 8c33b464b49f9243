"""What the kernel writes for almahook, as the benchmark reckons it."""

import os
from pathlib import Path

import pytest
from bench.message import Bodies, request
from bench.servers import SERVERS
from bench.usage import tree_usage

from almahook.inbox.sqlite.batches import pack
from almahook.testing.inbox_contract.given import new_event
from begun_spool import BegunSpool, leave_writing_to_threads, require_ring
from bench import spooled


@pytest.fixture
def asked() -> bytes:
    return request(Bodies().next()[1])


def test_it_is_what_an_event_has_in_the_spool(asked: bytes) -> None:
    require_ring()
    body = asked.partition(b"\r\n\r\n")[2]
    found = spooled.uncounted_bytes(SERVERS["almahook"], asked)
    assert len(body) < found < len(body) + 400


def test_others_have_none(asked: bytes) -> None:
    assert spooled.uncounted_bytes(SERVERS["node"], asked) == 0


def test_where_threads_write_nothing_is_uncounted(
    asked: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_writing_to_threads(monkeypatch, "bench.spooled.Ring")
    spooled._has_ring.cache_clear()
    assert spooled.uncounted_bytes(SERVERS["almahook"], asked) == 0
    spooled._has_ring.cache_clear()


def test_linux_does_not_count_it(tmp_path: Path) -> None:
    spool = BegunSpool(tmp_path / "spool")
    spool.put([pack([new_event("0")])])
    large = pack([new_event("1", body=bytes(200_000))])
    before = tree_usage([os.getpid()]).written_bytes
    spool.put([large])
    assert spool.by_kernel == 1
    assert tree_usage([os.getpid()]).written_bytes - before < len(large)
    spool.close()
