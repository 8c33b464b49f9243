"""Nothing of a patron's, and no secret, leaves by the log, the metrics, an answer or a reason."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from almahook.inbox import EventFilter, RunState
from almahook.inbox.sqlite import SQLiteInbox
from listening import Command, Wire, command, get, head, until

PATRON = {
    "primary_id": "bokafor-73-barcode",
    "full_name": "Blessing Okafor-Seventythree",
    "pin_number": "pin-4711-pin",
    "email": "bokafor73@example.edu",
    "phone_number": "+15550100173",
}
SECRET = "secret-of-the-profile-73"
API_KEY = "l8xx-api-key-73"
TOKEN = "gateway-token-73"
PRIVATE = [*PATRON.values(), SECRET, API_KEY, TOKEN, "5550100173", "Seventythree"]

TOML = f"""\
host = "127.0.0.1"
port = 0
mode = "MODE"
inbox = "sqlite:inbox.db"
log_level = "DEBUG"
log_format = "FORM"
max_body_bytes = 20000
body_timeout_s = 0.2

[profiles.main]
secrets = ["file:secret"]
api_key = "file:api-key"
api_url = "http://127.0.0.1:PORT"

[notify]
sms = ["json://account:{TOKEN}@127.0.0.1:PORT"]
"""

HANDLERS = {
    "loan": "raise LookupError(f'no loan of {event.payload}')",
    "request": "raise GiveUp(f'no request of {event.payload}')",
    "bib": "raise Retry(f'later, {event.payload}', after=0.01)",
    "notification": "return Skip(f'nothing for {event.payload}')",
    "user": "ctx.alma.get_user(event.payload['primary_id'])",
    "item": "ctx.notify.sms(event.payload['phone_number'], f'Dear {event.payload}')",
    "job_end": "ctx.once('step', lambda: {event.payload['full_name']})",
}
HANDLER = """\
from datetime import timedelta
from almahook import Context, Event, GiveUp, Retry, RetryPolicy, Skip, on

@on("ACTION", retry=RetryPolicy(attempts=2, first=timedelta(seconds=0.01)))
ASYNC def process(event: Event, ctx: Context):
    CODE
"""
PAYLOADS = {
    "LOAN": "item_loan",
    "REQUEST": "user_request",
    "BIB": "bib",
    "NOTIFICATION": "notification_data",
    "USER": "webhook_user",
    "ITEM": "item",
    "JOB_END": "job_instance",
}
CASES = [("inbox", "text", ""), ("inbox", "json", "async"), ("direct", "json", "")]


def body(action: str) -> bytes:
    document = {
        "id": f"of-{action}",
        "action": action,
        "institution": {"value": "01EXAMPLE_INST"},
        PAYLOADS.get(action, "other"): {**PATRON, "user": PATRON, "receiver": PATRON},
    }
    return json.dumps(document, separators=(",", ":")).encode()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody listens on while the test runs."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]


def write(folder: Path, mode: str, form: str, is_async: str, port: int) -> None:
    (folder / "handlers").mkdir()
    toml = TOML.replace("MODE", mode).replace("FORM", form).replace("PORT", str(port))
    files = {"almahook.toml": toml, "secret": SECRET, "api-key": API_KEY}
    for name, code in HANDLERS.items():
        file = HANDLER.replace("ACTION", name.upper()).replace("CODE", code)
        files[f"handlers/{name}.py"] = file.replace("ASYNC ", f"{is_async} " if is_async else "")
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")


def send_everything(url: str) -> list[bytes]:
    """Send each kind of message, good and bad; return all that was answered."""
    good = body("LOAN")
    answers = [exchange(url, body(action)) for action in [*PAYLOADS, "SOMETHING_ELSE", "LOAN"]]
    answers += [
        exchange(url, good, signed_as="another secret"),
        exchange(url, good[:-9]),
        exchange(url, good.replace(b'"LOAN"', b'"../bokafor-73-barcode"')),
        exchange(url, good + b"\xff"),
        exchange(url, b"<webhook>" + good),
        exchange(url, good * 100),
        exchange(url, good, path="/webhooks/nobody"),
    ]
    with Wire(url) as wire:
        wire.send(head("Content-Length: 9000", body=good) + good)
        answers.append(repr(wire.answer()).encode())
    return answers


def exchange(
    url: str, body: bytes, *, signed_as: str = SECRET, path: str = "/webhooks/main"
) -> bytes:
    with Wire(url) as wire:
        wire.post(body, path=path, secret=signed_as)
        return repr(wire.answer()).encode()


def told_by_the_inbox(inbox: SQLiteInbox) -> str:
    seqs = [event.seq for event in inbox.events(EventFilter(action="LOAN"), limit=100)]
    attempts = [attempt for run in inbox.runs(seqs) for attempt in inbox.attempts(run.id)]
    return "".join(attempt.traceback for attempt in attempts)


def await_the_end(inbox: SQLiteInbox) -> None:
    final = {RunState.SUCCEEDED, RunState.SKIPPED, RunState.PARKED}

    def is_over() -> bool:
        events = inbox.events(EventFilter(), limit=100)
        runs = inbox.runs([event.seq for event in events])
        return len(runs) == len(HANDLERS) and {run.state for run in runs} <= final

    until(is_over)


@pytest.mark.parametrize(("mode", "form", "is_async"), CASES)
def test_no_secret_and_nothing_of_a_patrons_is_seen_outside_of_the_inbox(
    tmp_path: Path, closed_port: int, mode: str, form: str, is_async: str
) -> None:
    write(tmp_path, mode, form, is_async, closed_port)
    with command(tmp_path, "serve") as serve:
        url = serve.address()
        seen = send_everything(url)
        inbox = SQLiteInbox(tmp_path / "inbox.db")
        if mode == "inbox":
            await_the_end(inbox)
        until(lambda: len(inbox.rejections(limit=100)) == 8)
        seen += [get(url, path)[1] for path in ("/metrics", "/readyz", "/webhooks/main")]
        seen += [repr(kept).encode() for kept in inbox.rejections(limit=100)]
        # Only the inbox knows what the handlers made of it.
        assert "Seventythree" in told_by_the_inbox(inbox)
        inbox.close()
        assert serve.end() == 0
        seen.append(serve.said().encode())
    everything = b"\n".join(seen).decode()
    assert [text for text in PRIVATE if text in everything] == []
    assert_told(serve, form)


def assert_told(serve: Command, form: str) -> None:
    """See that the log is one, and tells what happened."""
    lines = serve.errors.read_text("utf-8").splitlines()
    assert any("request.refused" in line for line in lines)
    assert any("run.parked" in line for line in lines)
    if form == "json":
        for line in lines:
            assert {"at", "level", "logger", "event"} <= json.loads(line).keys()
