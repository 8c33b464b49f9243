"""A listener's folder with an inbox in it, filled as a listener and its worker fill it."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from almahook.inbox import (
    Assignment,
    Attempt,
    AttemptOutcome,
    Inbox,
    Lease,
    Rejection,
    RunState,
    Settlement,
    StoredEvent,
)
from almahook.inbox.sqlite import SQLiteInbox
from almahook.protocol import Endpoint, sign
from almahook.protocol.answering import accept
from almahook.testing import sample

SECRET = "clé-secrète"
HOUR = 3600.0
DAY = 24 * HOUR

TOML = """\
host = "127.0.0.1"
port = 0
inbox = "{url}"

[profiles.main]
secrets = ["file:secret"]
"""

HANDLERS = {
    "job_end": '''\
from pathlib import Path
from almahook import Context, GiveUp, JobEnd

def process(event: JobEnd, ctx: Context) -> None:
    """Gives up, until there is a file called mended."""
    if not (Path(__file__).parents[1] / "mended").exists():
        raise GiveUp("the export is not there")
''',
    "loan": '''\
from almahook import LoanEvent

def process(event: LoanEvent) -> None:
    """Has nothing to do."""
''',
}

_OUTCOMES = {
    RunState.SUCCEEDED: AttemptOutcome.SUCCEEDED,
    RunState.SKIPPED: AttemptOutcome.SKIPPED,
    RunState.PARKED: AttemptOutcome.GAVE_UP,
    RunState.WAITING: AttemptOutcome.FAILED,
}


class Project:
    """The folder of a listener, and its inbox as another process has it open."""

    def __init__(
        self,
        folder: Path,
        *,
        database: str = "inbox.db",
        inbox: Inbox | None = None,
        url: str = "",
    ) -> None:
        self.folder = folder
        self.url = url or f"sqlite:{database}"
        self.write("almahook.toml", TOML.format(url=self.url))
        self.write("secret", SECRET)
        for stem, code in HANDLERS.items():
            self.write(f"handlers/{stem}.py", code)
        self.inbox: Inbox = inbox or SQLiteInbox(folder / database)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def receive(self, action: str = "LOAN", *, ago: float = 0.0, **overrides: Any) -> int:
        """Store an event, received so many seconds ago; return its number."""
        names = {name: overrides.pop(name) for name in ("event",) if name in overrides}
        profile = overrides.pop("profile", "main")
        message_id = overrides.pop("id", str(time.monotonic_ns()))
        body = overrides.pop("body", None) or sample(action, **names, **overrides)
        accepted = accept(
            body,
            signature=sign(body, secret=SECRET.encode()).encode(),
            content_type="application/json",
            endpoint=Endpoint(profile=profile, secrets=[SECRET.encode()]),
            received_at=time.time() - ago,
        )
        (receipt,) = self.inbox.append([replace(accepted, event_id=message_id)])
        return receipt.seq

    def dispatch(self, *handlers: str) -> None:
        """Give what is pending to these handlers."""

        def match(event: StoredEvent) -> Sequence[Assignment]:
            return [Assignment(handler=name, due_at=event.received_at) for name in handlers]

        while self.inbox.dispatch(match, limit=1000):
            pass

    def lease(self, *handlers: str) -> list[Lease]:
        """Begin what is due."""
        now = time.time()
        return self.inbox.lease(dict.fromkeys(handlers, 10_000), now=now, until=now + HOUR)

    def end(self, leases: Sequence[Lease], state: RunState, **attempt: Any) -> None:
        """Settle what was begun."""
        now = time.time()
        self.inbox.settle(
            [
                Settlement(
                    run_id=lease.run_id,
                    token=lease.token,
                    state=state,
                    due_at=now + HOUR,
                    reason=attempt.get("error", ""),
                    attempt=Attempt(
                        **{
                            "number": lease.attempt,
                            "started_at": now - 1.5,
                            "ended_at": now,
                            "outcome": _OUTCOMES[state],
                            **attempt,
                        }
                    ),
                )
                for lease in leases
            ]
        )

    def ended(
        self, state: RunState, *, action: str = "LOAN", handler: str = "loan", **more: Any
    ) -> int:
        """Store an event whose run has ended so."""
        attempt = {name: more.pop(name) for name in ("error", "traceback", "log") if name in more}
        seq = self.receive(action, **more)
        self.dispatch(handler)
        self.end(self.lease(handler), state, **attempt)
        return seq

    def refuse(self, *, ago: float = 0.0, secret: str = "another", **changes: Any) -> int:
        """Record a refused request, signed with another secret; return its number."""
        body = changes.pop("body", sample("LOAN"))
        given = {
            "at": time.time() - ago,
            "profile": "main",
            "method": "POST",
            "code": "signature.mismatch",
            "reason": "No configured secret produced this signature.",
            "status": 401,
            "content_type": "application/json",
            "signature": sign(body, secret=secret.encode()),
            "size": len(body),
            "body": body,
        }
        self.inbox.reject([Rejection(**{**given, **changes})])
        return self.inbox.rejections(limit=1)[0].id

    def states(self, seq: int) -> list[tuple[str, int, str]]:
        """Say how the runs of an event stand."""
        return [(run.handler, run.number, run.state.value) for run in self.inbox.runs([seq])]
