"""The further processes of ``almahook serve --receivers N``: one port, one inbox, one answer."""

import os
import resource
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from almahook.app.endpoints import LiveSecrets, make_endpoints
from almahook.app.receiver_processes import Office, ReceiverProcesses
from almahook.app.receiver_words import orders
from almahook.config import Secret
from almahook.inbox import EventFilter
from almahook.inbox.sqlite import SQLiteInbox
from almahook.protocol import Endpoint, Response
from almahook.testing.host_contract import Row, over_http, rows, write_settings
from listening import (
    WAIT_S,
    Command,
    Wire,
    command,
    get,
    head,
    is_running,
    make_settings,
    message,
    metrics,
    receivers_of,
    state_of,
    until,
)

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")

STORED = 'almahook_events_received_total{profile="main",result="stored"}'
REFUSED = 'almahook_requests_refused_total{reason="signature.mismatch"}'


class Pair:
    """An ``almahook serve`` and its further receiver; a test says which of them accepts."""

    def __init__(self, serve: Command) -> None:
        self.serve = serve
        self.url = serve.address()
        self.main = serve.process.pid
        self.further = self.find()

    def find(self) -> int:
        """Return the further receiver, once it accepts."""
        (pid,) = receivers_of(self.main)
        # Before that it has yet to hear from the main process, which must not be stopped.
        self.serve.wait_for(f"receiver.ready pid={pid}\n")
        with stopped(self.main), Wire(self.url) as wire:
            wire.send(head(method="GET", path="/healthz"))
            assert wire.status() == 200
        return pid

    def to_main(self) -> Wire:
        return self._wire(self.further)

    def to_further(self) -> Wire:
        return self._wire(self.main)

    def _wire(self, other: int) -> Wire:
        """Connect while the other process cannot accept."""
        with stopped(other):
            wire = Wire(self.url)
            wire.send(head(method="GET", path="/healthz"))
            assert wire.status() == 200
        return wire


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: state_of(pid) == "T")
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_settings(tmp_path)
    return tmp_path


@pytest.fixture
def pair(folder: Path) -> Iterator[Pair]:
    with command(folder, "serve", "--receivers", "2", "--no-worker") as serve:
        yield Pair(serve)


def post(wire: Wire, *ids: str) -> None:
    with wire:
        for event_id in ids:
            wire.post(message(event_id))
            assert wire.status() == 200


def page(wire: Wire, path: str) -> tuple[int, bytes]:
    with wire:
        wire.send(head(method="GET", path=path))
        status, _, body = wire.answer()
    return status, body


def counted(text: bytes) -> set[str]:
    """Leave out of the metrics what depends on the clock."""
    return {
        one for one in text.decode().splitlines() if "oldest" not in one and "created" not in one
    }


def kept(folder: Path) -> Counter[str]:
    """Collect what is spooled; count how often each event is there."""
    inbox = SQLiteInbox(folder / "inbox.db")
    while inbox.collect(limit=1000).events:
        pass
    found = Counter(event.event_id for event in inbox.events(EventFilter(), limit=10_000))
    inbox.close()
    return found


def segments(folder: Path) -> int:
    return len(list((folder / "inbox.db-spool").glob("*.segment")))


def test_what_comes_over_many_connections_is_there_once_and_each_process_wrote_a_part(
    folder, pair
) -> None:
    post(pair.to_main(), "main")
    post(pair.to_further(), "further")
    wires = [Wire(pair.url) for _ in range(40)]
    for turn in range(5):
        for number, wire in enumerate(wires):
            wire.post(message(f"{turn}-{number}"))
        assert {wire.status() for wire in wires} == {200}
    for wire in wires:
        wire.close()
    assert segments(folder) == 2
    until(lambda: metrics(pair.url).get(STORED) == 202)
    assert pair.serve.end() == 0
    found = kept(folder)
    assert len(found) == 202
    assert set(found.values()) == {1}


def test_it_says_how_many_receive(pair) -> None:
    pair.serve.wait_for("2 processes receive there")


def test_readiness_and_metrics_are_the_same_whoever_answers(pair) -> None:
    post(pair.to_main(), "1", "2")
    post(pair.to_further(), "3")
    with pair.to_further() as wire:
        wire.send(head("Content-Length: 2", body=b"{}", secret="wrong") + b"{}")
        assert wire.status() == 401
    # Who asks the further one sees at once what that has counted.
    asked = page(pair.to_further(), "/metrics")[1]
    assert f"{STORED} 3.0" in counted(asked)
    assert f"{REFUSED} 1.0" in counted(asked)
    assert counted(page(pair.to_main(), "/metrics")[1]) == counted(asked)
    assert (
        page(pair.to_further(), "/readyz") == page(pair.to_main(), "/readyz") == (200, b"ready\n")
    )


def test_the_time_that_answers_took_is_counted_in_all_processes(pair) -> None:
    post(pair.to_main(), "1")
    post(pair.to_further(), "2", "3")
    found = counted(page(pair.to_further(), "/metrics")[1])
    assert "almahook_ack_seconds_count 3.0" in found


def test_when_the_main_process_does_not_answer_the_further_one_says_503_and_receives_on(
    pair,
) -> None:
    with pair.to_further() as wire, stopped(pair.main):
        wire.send(head(method="GET", path="/readyz"))
        status, _, body = wire.answer()
        assert status == 503
        assert b"The main process does not answer." in body
        wire.post(message("1"))
        assert wire.status() == 200


def test_one_that_cannot_store_makes_the_listener_unready(pair) -> None:
    resource.prlimit(pair.further, resource.RLIMIT_FSIZE, (0, -1))
    with pair.to_further() as wire:
        wire.post(message("1"))
        assert wire.status() == 503
    until(lambda: page(pair.to_main(), "/readyz")[0] == 503)
    assert b"The last event could not be stored." in page(pair.to_further(), "/readyz")[1]
    resource.prlimit(pair.further, resource.RLIMIT_FSIZE, (-1, -1))
    post(pair.to_further(), "1")
    until(lambda: page(pair.to_main(), "/readyz")[0] == 200)


class Sender:
    """Sends events on connections of its own until it is told to stop; remembers what got 200."""

    def __init__(self, url: str, name: str) -> None:
        self._url, self._name = url, name
        self._stopping = threading.Event()
        self.acknowledged: list[str] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> list[str]:
        self._stopping.set()
        self._thread.join()
        return self.acknowledged

    def _run(self) -> None:
        number = 0
        while not self._stopping.is_set():
            # Whoever is killed answers nothing.
            with suppress(OSError, IndexError), Wire(self._url) as wire:
                for _ in range(10):
                    number += 1
                    event_id = f"{self._name}-{number}"
                    wire.post(message(event_id))
                    if wire.status() == 200:
                        self.acknowledged.append(event_id)


def test_one_that_is_killed_loses_nothing_acknowledged_and_is_started_again(folder, pair) -> None:
    senders = [Sender(pair.url, str(number)) for number in range(4)]

    def until_more() -> None:
        wanted = {one: len(one.acknowledged) + 50 for one in senders}
        until(lambda: all(len(one.acknowledged) > number for one, number in wanted.items()))

    until_more()
    os.kill(pair.further, signal.SIGKILL)
    pair.serve.wait_for("receiver.died status=-9")
    # The port is answered all the while.
    until_more()
    until(lambda: receivers_of(pair.main) != [pair.further])
    until_more()
    acknowledged = {event_id for one in senders for event_id in one.stop()}
    before = metrics(pair.url)[STORED]
    pair.further = pair.find()
    post(pair.to_further(), "again")
    # What was counted in the last quarter of a second may come after the first look.
    until(lambda: metrics(pair.url)[STORED] > before)
    assert pair.serve.end() == 0
    found = kept(folder)
    assert acknowledged <= set(found)
    assert set(found.values()) == {1}


def test_one_that_is_started_again_has_the_settings_and_secrets_of_the_main_process(
    folder, pair
) -> None:
    (folder / "secret").write_text("another")
    (folder / "almahook.toml").write_text("[profiles.other]\n")
    os.kill(pair.further, signal.SIGKILL)
    until(lambda: receivers_of(pair.main) != [pair.further])
    pair.further = pair.find()
    post(pair.to_further(), "1")


def test_what_one_had_counted_before_it_died_is_still_counted(pair) -> None:
    post(pair.to_further(), "1", "2")
    until(lambda: metrics(pair.url).get(STORED) == 2)
    os.kill(pair.further, signal.SIGKILL)
    until(lambda: receivers_of(pair.main) != [pair.further])
    pair.further = pair.find()
    post(pair.to_further(), "3")
    until(lambda: metrics(pair.url).get(STORED) == 3)


def test_secrets_that_change_are_read_by_each_process_and_none_is_shown(folder) -> None:
    settings = make_settings(folder)
    kept = Endpoint(profile="main", secrets=[b"kept"])
    live = Endpoint(profile="live", secrets=LiveSecrets(lambda: [Secret("live")]))
    told = orders(settings, {"main": kept, "live": live}, [3])
    assert told.secrets == {"main": [b"kept"]}
    assert "kept" not in repr(told)


def test_who_connects_while_others_start_is_answered(folder) -> None:
    with command(folder, "serve", "--receivers", "3", "--no-worker") as serve:
        url = serve.address()
        while serve.said().count("receiver.ready") < 2:
            assert get(url, "/healthz")[0] == 200


def test_when_the_main_process_is_killed_all_end(folder) -> None:
    with command(folder, "serve", "--receivers", "3") as serve:
        others = [*receivers_of(serve.process.pid, 2), serve.worker()]
        url = serve.address()
        assert serve.end(signal.SIGKILL) == -signal.SIGKILL
        until(lambda: not any(map(is_running, others)))
        with pytest.raises(ConnectionRefusedError):
            Wire(url)


def test_one_that_has_just_been_started_ends_with_the_main_process(folder) -> None:
    with command(folder, "serve", "--receivers", "2") as serve:
        others = receivers_of(serve.process.pid)
        assert serve.end() == 0
        assert not any(map(is_running, others))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("reaches", ["one", "all"])
def test_a_signal_ends_all_in_good_order(folder, number, reaches) -> None:
    with command(folder, "serve", "--receivers", "3") as serve:
        serve.wait_for("Handlers: none")
        others = [*receivers_of(serve.process.pid, 2), serve.worker()]
        post(Wire(serve.address()), "1")
        # All, as a terminal does, and systemd.
        for pid in others if reaches == "all" else ():
            os.kill(pid, number)
        assert serve.end(number) == 0
        assert not any(map(is_running, others))
        assert "Traceback" not in serve.said()
        assert "died" not in serve.said()


def test_what_a_further_receiver_is_reading_at_the_stop_is_answered(folder, pair) -> None:
    body = message("1")
    with pair.to_further() as wire:
        wire.send(head(f"Content-Length: {len(body)}", body=body) + body[:5])
        # It is read before what comes after it on the same connection's process.
        post(pair.to_further(), "2")
        pair.serve.process.send_signal(signal.SIGTERM)
        until(lambda: is_refused(pair.url))
        wire.send(body[5:])
        assert wire.status() == 200
        assert wire.is_closed()
    assert pair.serve.process.wait(30) == 0
    assert set(kept(folder)) == {"1", "2"}


def is_refused(url: str) -> bool:
    try:
        Wire(url).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass
    return False


def test_the_secret_of_a_first_run_holds_for_all(tmp_path) -> None:
    with command(tmp_path, "serve", "--port", "0", "--receivers", "2") as serve:
        pair = Pair(serve)
        secret = (tmp_path / "data" / "secret").read_text("utf-8").strip()
        body = message("1")
        for wire in (pair.to_main(), pair.to_further()):
            with wire:
                wire.post(body, secret=secret)
                assert wire.status() == 200


def test_what_a_further_receiver_stores_is_handled(folder) -> None:
    (folder / "handlers").mkdir()
    (folder / "handlers" / "loan.py").write_text("def process(event): pass\n")
    with command(folder, "serve", "--receivers", "2") as serve:
        pair = Pair(serve)
        post(pair.to_further(), "1")
        good = 'almahook_runs_total{handler="loan",outcome="succeeded"}'
        until(lambda: metrics(pair.url).get(good) == 1)


def test_it_wakes_the_worker_and_passes_on_what_the_main_process_says(folder) -> None:
    settings = make_settings(folder)
    woken = threading.Event()
    told = [sys.executable, "-m", "almahook.cli", "receive", "--tether"]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        number = listening.fileno()
        receivers = ReceiverProcesses(told, number=1, sockets=[number])
        office = Office(wake=woken.set, page=lambda path: Response(status=299, body=path.encode()))
        receivers.start(orders(settings, make_endpoints(settings), [number]), office)
        try:
            post(Wire(url), "1")
            assert woken.wait(WAIT_S)
            assert get(url, "/readyz") == (299, b"/readyz")
        finally:
            receivers.stop()


def test_direct_mode_refuses_it_and_names_the_fix(folder) -> None:
    file = folder / "almahook.toml"
    file.write_text(f'mode = "direct"\n{file.read_text("utf-8")}', "utf-8")
    with command(folder, "serve", "--receivers", "2") as serve:
        assert serve.process.wait(30) == 2
        assert "Set receivers = 1, or mode = 'inbox'." in serve.said()


@pytest.fixture(scope="module")
def contracted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("contract")
    write_settings(folder, "inbox")
    with command(folder, "serve", "--receivers", "2") as serve:
        yield Pair(serve)


ROWS: Mapping[str, Row] = {str(row): row for row in rows("inbox")}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_whoever_answers_keeps_the_contract_of_a_host(row, contracted) -> None:
    row.check(over_http(contracted.url))


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_the_further_one_keeps_the_contract_of_a_host(row, contracted) -> None:
    with stopped(contracted.main):
        row.check(over_http(contracted.url))
