import re
from pathlib import Path

from almahook.handlers import GiveUp
from almahook.testing.host_contract import HTTPRequest, over_http
from listening import Wire, handler, head, message, metrics, until

EVENTS = "almahook_events_received_total"
REFUSED = "almahook_requests_refused_total"
RUNS = "almahook_runs_total"
DUPLICATES = "almahook_events_duplicate_total"
BACKLOG = "almahook_backlog"
LABEL = re.compile(r'(\w+)="([^"]*)"')


def gives_up(*_: object) -> None:
    raise GiveUp


def send(url: str, *requests: bytes) -> list[int]:
    with Wire(url) as wire:
        wire.send(*requests)
        return [wire.status() for _ in requests]


def labels(url: str) -> set[tuple[str, str]]:
    """Return every label and its value, the histogram's bounds aside."""
    found = {pair for line in metrics(url) for pair in LABEL.findall(line)}
    return {(name, value) for name, value in found if name != "le"}


def test_events_are_counted_by_profile_and_by_what_became_of_them(listen) -> None:
    listening = listen(worker=False)
    for event_id in "1", "2", "1":
        assert listening.post(message(event_id))[0] == 200
    counted = metrics(listening.url)
    assert counted[f'{EVENTS}{{profile="main",result="stored"}}'] == 3
    assert counted["almahook_ack_seconds_count"] == 3


def test_what_was_there_already_is_counted_when_it_is_collected(listen) -> None:
    receiving = listen(worker=False)
    for event_id in "1", "2", "1", "1":
        assert receiving.post(message(event_id))[0] == 200
    assert metrics(receiving.url)[DUPLICATES] == 0
    working = listen()
    until(lambda: metrics(working.url)[DUPLICATES] == 2)
    assert len(working.bodies()) == 2


def test_in_direct_mode_the_endings_of_handlers_are_counted(listen) -> None:
    listening = listen(
        handler("good", "LOAN", lambda *_: None),
        handler("bad", "ITEM", gives_up),
        mode="direct",
    )
    for action in "LOAN", "ITEM", "BIB", "BIB":
        listening.post(message("1", action=action))
    counted = metrics(listening.url)
    assert counted[f'{EVENTS}{{profile="main",result="handled"}}'] == 1
    assert counted[f'{EVENTS}{{profile="main",result="failed"}}'] == 1
    assert counted[f'{EVENTS}{{profile="main",result="unhandled"}}'] == 2


def test_refusals_are_counted_by_reason_and_not_as_acknowledgements(listen) -> None:
    listening = listen(worker=False, max_body_bytes=100)
    send(
        listening.url,
        head("Content-Length: 2", body=b"no") + b"x{",
        head("Content-Length: 2", body=b"x{") + b"x{",
        head(method="PUT"),
        head(method="GET", path="/webhooks/main?challenge=abc"),
        head("Content-Length: 101"),
    )
    counted = metrics(listening.url)
    refused = {name: value for name, value in counted.items() if name.startswith(REFUSED)}
    reasons = ("signature.mismatch", "body.json", "request.method", "body.too_large")
    assert refused == {f'{REFUSED}{{reason="{reason}"}}': 1 for reason in reasons} | {
        f'{REFUSED}{{reason="not_recorded"}}': 0
    }
    assert counted["almahook_ack_seconds_count"] == 0


def test_runs_are_counted_by_handler_and_outcome(listen) -> None:
    listening = listen(handler("good", "LOAN", lambda *_: None), handler("bad", "LOAN", gives_up))
    for event_id in "1", "2":
        listening.post(message(event_id))
    good = f'{RUNS}{{handler="good",outcome="succeeded"}}'
    bad = f'{RUNS}{{handler="bad",outcome="gave_up"}}'
    until(lambda: metrics(listening.url).get(good) == metrics(listening.url).get(bad) == 2)
    counted = metrics(listening.url)
    assert counted[f'{BACKLOG}{{state="parked"}}'] == 2
    assert counted[f'{BACKLOG}{{state="waiting"}}'] == 0
    assert counted["almahook_backlog_oldest_seconds"] == 0


def test_the_backlog_tells_how_much_waits_and_since_when(listen) -> None:
    now = [1_700_000_000.0]
    listening = listen(worker=False, clock=lambda: now[0])
    listening.post(message("1"))
    now[0] += 40
    listening.post(message("2"))
    now[0] += 2
    counted = metrics(listening.url)
    assert counted[f'{BACKLOG}{{state="pending"}}'] == 2
    assert counted["almahook_backlog_oldest_seconds"] == 42


def test_no_text_of_a_request_becomes_a_label(listen) -> None:
    listening = listen(worker=False)
    listening.post(message("1"))
    send(listening.url, head("Content-Length: 0", path="/webhooks/nobody"))
    before = labels(listening.url)
    for number in range(20):
        send(listening.url, head("Content-Length: 0", path=f"/webhooks/nobody-{number}"))
        send(listening.url, head(method="GET", path=f"/webhooks/other-{number}?challenge=1"))
        send(listening.url, head(method="GET", path=f"/{number}"))
        listening.post(message(f"new-{number}", action=f"ACTION_{number}"))
    assert labels(listening.url) == before
    assert {name for name, _ in before} == {"profile", "result", "reason", "state"}


def test_while_the_inbox_cannot_be_read_the_counters_still_can(listen) -> None:
    listening = listen(worker=False)
    listening.post(message("1"))
    listening.inbox.close()
    counted = metrics(listening.url)
    assert counted[f'{EVENTS}{{profile="main",result="stored"}}'] == 1
    assert [name for name in counted if name.startswith(BACKLOG)] == []
    assert listening.get("/healthz") == (200, b"ok\n")
    status, body = listening.get("/readyz")
    assert (status, b"inbox.unavailable" in body) == (503, True)


def test_a_stopped_worker_is_not_ready(listen) -> None:
    listening = listen()
    assert listening.get("/readyz") == (200, b"ready\n")
    listening.listener.worker.stop()
    status, body = listening.get("/readyz")
    assert (status, b"The worker has stopped." in body) == (503, True)


def test_without_metrics_nothing_is_served_there(listen) -> None:
    listening = listen(worker=False, metrics=False)
    assert listening.post(message("1"))[0] == 200
    assert listening.get("/metrics")[0] == 404


def test_pages_are_read_and_not_written(listen) -> None:
    listening = listen(worker=False)
    ask = over_http(listening.url)
    assert ask(HTTPRequest(method="HEAD", path="/healthz")).status == 200
    for path in "/healthz", "/readyz", "/metrics":
        assert send(listening.url, head("Content-Length: 0", path=path)) == [404]


def test_a_listener_on_a_busy_inbox_file_counts_for_itself(listen, tmp_path: Path) -> None:
    first, second = listen(worker=False), listen(worker=False)
    assert first.post(message("1"))[1] == b'{"status":"stored"}'
    assert second.post(message("1"))[1] == b'{"status":"stored"}'
    assert metrics(second.url)["almahook_ack_seconds_count"] == 1
