import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from almahook.inbox import EventFilter, Inbox

RECEIVE = """
import sys, threading
from itertools import chain
from queue import SimpleQueue
from almahook.inbox import GroupCommitter
from almahook.inbox.sqlite import SQLiteInbox
from almahook.testing.inbox_contract.given import new_event

inbox = SQLiteInbox(sys.argv[1])
committer = GroupCommitter(
    prepare=list, commit=lambda groups: inbox.append([*chain.from_iterable(groups)])
)
printing = threading.Lock()

def send(thread):
    for number in range(1_000_000):
        event_id = f"{sys.argv[2]}-{thread}-{number}"
        told = SimpleQueue()
        committer.append_all([new_event(event_id, body=event_id.encode() * 50)], told.put)
        assert not isinstance(told.get()[0], Exception)
        with printing:
            print(event_id, flush=True)

for thread in range(8):
    threading.Thread(target=send, args=(thread,)).start()
"""

ROUNDS = 5


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_no_acknowledged_event_is_missing_after_a_kill_and_none_is_kept_twice(
    path: Path, open_inbox: Callable[..., Inbox]
) -> None:
    acknowledged: list[str] = []
    for attempt in range(ROUNDS):
        acknowledged += killed_receiver(path, attempt, after=random.randint(1, 400))
    kept = stored(open_inbox())
    assert len(acknowledged) >= ROUNDS
    assert [event_id for event_id in acknowledged if kept[event_id] != 1] == []
    assert set(kept.values()) == {1}
    # What was being stored when it was killed may be there too: at most one of each thread.
    assert len(kept) - len(acknowledged) <= ROUNDS * 8


def killed_receiver(path: Path, attempt: int, *, after: int) -> list[str]:
    """Run a receiver, and kill it a moment after it has acknowledged so many events."""
    command = [sys.executable, "-c", RECEIVE, str(path), str(attempt)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(after)]
        threading.Timer(random.random() / 50, process.kill).start()
        lines += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    # A line that was cut short was not acknowledged in full.
    return [line.strip() for line in lines if line.endswith("\n")]


def stored(inbox: Inbox) -> Counter[str]:
    """Count the events by their ids, and see that each body is whole."""
    kept: Counter[str] = Counter()
    after = 0
    while page := inbox.events(EventFilter(), limit=500, after=after):
        assert [event for event in page if event.body != event.event_id.encode() * 50] == []
        kept.update(event.event_id for event in page)
        after = page[-1].seq
    return kept
