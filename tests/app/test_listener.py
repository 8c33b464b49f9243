import asyncio
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from almahook.app import AppServices, Listener, load_registry
from almahook.app.server import Server
from almahook.config import Settings, load_settings
from almahook.errors import ConfigurationError, HandlerLoadError
from almahook.handlers import Registry
from almahook.inbox import EventFilter, RunState
from almahook.inbox.sqlite import SQLiteInbox
from almahook.testing.inbox_contract.given import new_event
from listening import (
    SECRET,
    WAIT_S,
    Gate,
    Listening,
    Wire,
    call,
    handler,
    locked_by_another_process,
    make_settings,
    message,
    served,
    until,
)

TOML = """\
host = "127.0.0.1"
port = 0
inbox = "sqlite:inbox.db"
worker = false
[profiles.main]
secrets = ["env:NEW", "env:OLD"]
[profiles.other]
secrets = ["env:OTHER"]
refuse_status = 503
"""
ENVIRONMENT = {"NEW": SECRET, "OLD": "older", "OTHER": "another"}


def two_profiles(folder: Path, **environment: str) -> Settings:
    file = folder / "almahook.toml"
    file.write_text(TOML, "utf-8")
    return load_settings(file, environment=ENVIRONMENT | environment)


def states(listening: Listening) -> list[RunState]:
    return sorted(run.state for run in listening.runs())


# From the settings


def test_each_profile_has_its_own_path_secrets_and_answer_to_forgeries(tmp_path: Path) -> None:
    listener = Listener(two_profiles(tmp_path), registry=Registry())
    statuses = {}
    with served(listener) as url:
        for profile in "main", "other", "nobody":
            for secret in SECRET, "older", "another":
                body = message(f"{profile} {secret}")
                with Wire(url) as wire:
                    wire.post(body, path=f"/webhooks/{profile}", secret=secret)
                    statuses[profile, secret] = wire.status()
        found = listener.inbox.events(EventFilter(), limit=9)
        indexes = {event.event_id: event.secret_index for event in found}
    assert statuses == {
        ("main", SECRET): 200,
        ("main", "older"): 200,
        ("main", "another"): 401,
        ("other", SECRET): 503,
        ("other", "older"): 503,
        ("other", "another"): 200,
        ("nobody", SECRET): 404,
        ("nobody", "older"): 404,
        ("nobody", "another"): 404,
    }
    assert indexes == {f"main {SECRET}": 0, "main older": 1, "other another": 0}


def test_a_secret_that_is_not_there_is_found_out_at_once(tmp_path: Path) -> None:
    settings = two_profiles(tmp_path)
    missing = load_settings(settings.file, environment={"NEW": SECRET, "OLD": "older"})
    with pytest.raises(ConfigurationError, match="OTHER"):
        Listener(missing, registry=Registry())


def test_an_inbox_of_another_kind_is_found_out_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="names no store"):
        Listener(make_settings(tmp_path, inbox="redis://127.0.0.1"), registry=Registry())


def test_a_named_folder_of_handlers_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(HandlerLoadError, match="elsewhere"):
        load_registry(make_settings(tmp_path, handlers="elsewhere"))


def test_without_the_usual_folder_it_stores_and_says_that_nothing_is_handled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert load_registry(make_settings(tmp_path)).names == []
    assert caplog.messages == ["handlers.none"]


def test_handlers_of_a_module_need_no_folder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    module = "almahook.testing.host_contract.handlers"
    registry = load_registry(make_settings(tmp_path, handlers_module=module))
    assert "succeeds" in " ".join(registry.names)
    assert caplog.messages == []


def test_a_settings_file_is_all_that_an_app_has_to_name(tmp_path: Path) -> None:
    make_settings(tmp_path)
    listener = Listener.from_file(tmp_path / "almahook.toml")
    assert asyncio.run(call(listener, message("1"))) == 200
    listener.stop()


def test_a_profile_without_a_key_is_told_what_to_write(tmp_path: Path) -> None:
    services = AppServices(make_settings(tmp_path))
    with pytest.raises(ConfigurationError, match=r"profiles\.main"):
        services.alma("main")
    with pytest.raises(ConfigurationError):
        services.alma("nobody")
    services.close()


def test_a_client_is_made_once_for_each_profile(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("l8xx0123", "ascii")
    profiles = {name: {"api_key": "file:key"} for name in ("a", "b")}
    services = AppServices(make_settings(tmp_path, profiles=profiles))
    assert services.alma("a") is services.alma("a")
    assert services.alma("a") is not services.alma("b")
    services.close()


# Start and stop


def test_what_waited_is_handled_from_the_start_and_not_before(tmp_path: Path) -> None:
    handled = threading.Event()
    registry = Registry([handler("texts", "LOAN", lambda *_: handled.set())])
    listener = Listener(make_settings(tmp_path), registry=registry)
    listener.inbox.append([new_event("1", body=message("1"))])
    assert listener.inbox.backlog().pending == 1
    listener.start()
    assert handled.wait(WAIT_S)
    listener.stop()


def test_a_stop_finishes_what_runs_and_leaves_the_rest_for_the_next_start(
    listen, gate: Gate, tmp_path: Path
) -> None:
    listening = listen(handler("texts", "LOAN", gate, concurrency=1))
    for number in range(5):
        assert listening.post(message(str(number)))[0] == 200
    assert gate.begun.acquire(timeout=WAIT_S)
    stopping = threading.Thread(target=listening.listener.stop)
    stopping.start()
    until(lambda: listening.post(message("late"))[0] == 503)
    gate.open.set()
    stopping.join(WAIT_S)
    inbox = SQLiteInbox(tmp_path / "inbox.db")
    runs = inbox.runs(range(1, 6))
    inbox.close()
    succeeded = [run for run in runs if run.state is RunState.SUCCEEDED]
    assert [run.event_seq for run in succeeded] == [1]
    assert {run.state for run in runs} <= {RunState.SUCCEEDED, RunState.WAITING}
    assert {run.attempts for run in runs if run.state is RunState.WAITING} <= {0}
    assert gate.runs == 1


def test_a_stop_stores_what_was_taken_in_before_it(listen, tmp_path: Path) -> None:
    listening = listen(worker=False)
    with Wire(listening.url) as wire:
        with locked_by_another_process(tmp_path / "inbox.db"):
            wire.post(message("1"))
            # The next request on another connection is answered after this one was read.
            assert listening.get("/healthz")[0] == 200
            stopping = threading.Thread(target=listening.listener.stop)
            stopping.start()
        assert wire.answer()[2] == b'{"status":"stored"}'
    stopping.join(WAIT_S)


def test_a_handler_that_does_not_end_does_not_hold_up_the_stop_for_ever(
    listen, gate: Gate, tmp_path: Path
) -> None:
    listening = listen(handler("texts", "LOAN", gate), stop_timeout_s=0.05)
    listening.post(message("1"))
    assert gate.begun.acquire(timeout=WAIT_S)
    listening.listener.stop()
    inbox = SQLiteInbox(tmp_path / "inbox.db")
    assert [run.state for run in inbox.runs([1])] == [RunState.WAITING]
    inbox.close()


def test_a_listener_may_be_stopped_twice_and_without_a_start(tmp_path: Path) -> None:
    listener = Listener(make_settings(tmp_path), registry=Registry())
    listener.stop()
    listener.stop()
    again = Listener(make_settings(tmp_path), registry=Registry())
    again.start()
    again.start()
    again.stop()
    again.stop()


@pytest.mark.parametrize(("stop_timeout_s", "graceful_s"), [(0.2, 1), (30.0, 30), (30.5, 31)])
def test_however_short_a_stop_is_what_is_being_answered_has_a_second(
    tmp_path: Path, stop_timeout_s: float, graceful_s: int
) -> None:
    settings = make_settings(tmp_path, stop_timeout_s=stop_timeout_s)
    listener = Listener(settings, registry=Registry())
    assert Server(listener).config.timeout_graceful_shutdown == graceful_s
    listener.stop()


# As an ASGI application


def test_without_a_lifespan_the_first_request_starts_it(tmp_path: Path) -> None:
    handled = threading.Event()
    registry = Registry([handler("texts", "LOAN", lambda *_: handled.set())])
    listener = Listener(make_settings(tmp_path), registry=registry)
    assert asyncio.run(call(listener, message("1"))) == 200
    assert handled.wait(WAIT_S)
    listener.stop()


def test_a_lifespan_is_told_when_it_has_started_and_when_it_has_stopped(tmp_path: Path) -> None:
    listener = Listener(make_settings(tmp_path), registry=Registry())
    told: list[tuple[str, bool]] = []

    async def live() -> None:
        asked = iter(["lifespan.startup", "lifespan.shutdown"])

        async def receive() -> dict[str, Any]:
            return {"type": next(asked)}

        async def send(part: Any) -> None:
            told.append((part["type"], listener.worker.is_alive))

        await listener({"type": "lifespan"}, receive, send)

    asyncio.run(live())
    assert told == [("lifespan.startup.complete", True), ("lifespan.shutdown.complete", False)]


def test_a_websocket_is_turned_away(tmp_path: Path) -> None:
    listener = Listener(make_settings(tmp_path), registry=Registry())
    told: list[str] = []

    async def send(part: Any) -> None:
        told.append(part["type"])

    asyncio.run(listener({"type": "websocket"}, None, send))  # type: ignore[arg-type] - not asked
    listener.stop()
    assert told == ["websocket.close"]


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="needs the address ::1")
def test_the_address_that_it_tells_can_be_called(tmp_path: Path) -> None:
    listener = Listener(make_settings(tmp_path, host="::1"), registry=Registry())
    with served(listener) as url:
        assert url.startswith("http://[::1]:")
        assert Listening(listener, url).post(message("1"))[0] == 200
