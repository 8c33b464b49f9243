"""almahook: jobs are its events, stored by its inbox, or posted where BENCH_PORT says."""

import http.client
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from almahook.inbox import NewEvent
from almahook.inbox.sqlite import SQLiteInbox
from bench.engines import Job, Put
from bench.engines.mark import FOLDER_VARIABLE
from bench.message import PATH, SECRET, alma_signature
from bench.servers import almahook

_HANDLER = """
from almahook import Context, Event, on
from bench.engines.mark import handled

@on("BIB", concurrency={at_once})
def process(event: Event, ctx: Context) -> None:
    {body}
"""
_PLAIN = "handled(event.id)"
_STEP = 'ctx.once("mark", handled, event.id)'


@contextmanager
def opened() -> Iterator[Put]:
    """Open the inbox, or a connection to the receiver."""
    if port := os.environ.get("BENCH_PORT"):
        connection = http.client.HTTPConnection("127.0.0.1", int(port))
        yield lambda jobs: _post(connection, jobs)
        connection.close()
    else:
        inbox = SQLiteInbox(Path(os.environ[FOLDER_VARIABLE]) / "inbox.db")
        yield lambda jobs: _append(inbox, jobs)
        inbox.close()


def _append(inbox: SQLiteInbox, jobs: Sequence[Job]) -> None:
    inbox.append([new_event(*job) for job in jobs])


def new_event(event_id: str, body: bytes) -> NewEvent:
    """Make what the receiver would store of this message."""
    return NewEvent(
        profile="main",
        action="BIB",
        event="BIB_UPDATED",
        event_id=event_id,
        institution="01EXAMPLE_INST",
        time="2026-11-05T16:21:16.109Z",
        # As long and as scattered as a record's id.
        subject=f"99{event_id[:15]}1032",
        content_type="application/json",
        body=body,
        received_at=time.time(),
        secret_index=0,
    )


def _post(connection: http.client.HTTPConnection, jobs: Sequence[Job]) -> None:
    for _, body in jobs:
        name, _, signature = alma_signature(body, SECRET).partition(": ")
        headers = {name: signature, "Content-Type": "application/json"}
        connection.request("POST", PATH, body=body, headers=headers)
        response = connection.getresponse()
        response.read()
        if response.status != http.client.OK:
            raise SystemExit(f"the receiver answered {response.status}")


def work(at_once: int, *, keep_step: bool) -> None:
    """Run the worker, with the receiver if there is a port for it."""
    port = int(os.environ.get("BENCH_PORT", "0"))
    body = _STEP if keep_step else _PLAIN
    os.environ["BENCH_HANDLER"] = _HANDLER.format(at_once=at_once, body=body)
    almahook.prepare(port, Path(os.environ[FOLDER_VARIABLE]))
    command = [sys.executable, "-m", "almahook.cli", "serve" if port else "work"]
    os.execv(sys.executable, command)
