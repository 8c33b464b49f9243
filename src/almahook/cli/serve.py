"""``almahook serve``: the listener, for real use."""

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from almahook.cli.common import FAILED, TETHER, WRONG_USE, SettingsOption
from almahook.errors import AlmaHookError, WorkerFailedError

if TYPE_CHECKING:
    from socket import socket

    from almahook.app import Listener
    from almahook.app.receiver_processes import ReceiverProcesses
    from almahook.app.server import Server
    from almahook.app.worker_process import WorkerProcess
    from almahook.config import Secret, Settings


def serve(
    settings: SettingsOption = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(help="The port; 0 takes a free one.", min=0, max=65535)
    ] = None,
    worker: Annotated[
        bool | None,
        typer.Option("--worker/--no-worker", help="Run the handlers too, in a process of its own."),
    ] = None,
    receivers: Annotated[
        int | None, typer.Option(help="How many processes receive on the port.", min=1, max=16)
    ] = None,
) -> None:
    """Receive Alma's events, and run the handlers.

    Without a settings file it makes a secret of its own and says what to enter in Alma.
    """
    from almahook.app.first_run import require_place_for_secret
    from almahook.app.logs import configure_logs
    from almahook.cli.port import open_port
    from almahook.config import load_settings

    loaded = load_settings(settings, host=host, port=port, worker=worker, receivers=receivers)
    configure_logs(form=loaded.log_format, level=loaded.log_level)
    sockets = open_port(loaded.host, loaded.port)
    require_place_for_secret(loaded)
    with _worker(loaded, settings) as started, _receivers(loaded, sockets) as further:
        server = _server(loaded, started, further)
        # uvicorn raises the signal again once everything has ended in good order: that is no
        # failure.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, server.handle_exit)
        server.run(sockets=sockets)
    _require_worker(started)
    if not server.started:
        raise typer.Exit(FAILED)


@contextmanager
def _worker(loaded: "Settings", file: Path | None) -> "Iterator[WorkerProcess | None]":
    """Start the worker before all else, so that it loads the handlers while this process starts."""
    from almahook.app.worker_process import WorkerProcess

    # In direct mode the handlers run inside the requests.
    if not loaded.worker or loaded.mode == "direct":
        yield None
        return
    named = [] if file is None else ["--settings", str(file)]
    worker = WorkerProcess(_command("work", *named))
    try:
        yield worker
    finally:
        # The listener has let it finish its work, unless there is none.
        worker.stop(0)


@contextmanager
def _receivers(
    loaded: "Settings", sockets: "Sequence[socket]"
) -> "Iterator[ReceiverProcesses | None]":
    """Prepare the further processes that receive; the listener starts them."""
    if loaded.receivers == 1:
        yield None
        return
    from almahook.app.receiver_processes import ReceiverProcesses

    receivers = ReceiverProcesses(
        _command("receive"),
        number=loaded.receivers - 1,
        sockets=[one.fileno() for one in sockets],
    )
    try:
        yield receivers
    finally:
        # The listener has let them finish their work, unless there is none.
        receivers.stop(0)


def _command(*arguments: str) -> Sequence[str]:
    # Modules are to be found where they are found here, and nowhere else: a file of the project
    # called typer.py must not be taken for the library.
    is_here = not {"", str(Path.cwd())}.isdisjoint(sys.path)
    own = [] if is_here else ["-P"]
    return [sys.executable, *own, "-m", "almahook.cli", *arguments, TETHER]


def _server(
    loaded: "Settings", worker: "WorkerProcess | None", receivers: "ReceiverProcesses | None"
) -> "Server":
    try:
        return _make_server(loaded, worker, receivers)
    except AlmaHookError:
        # The worker may fail of the same, and has said so then.
        _require_worker(worker)
        raise


def _make_server(
    loaded: "Settings", worker: "WorkerProcess | None", receivers: "ReceiverProcesses | None"
) -> "Server":
    from almahook.app import Listener, load_registry, with_own_secret
    from almahook.app.server import Server

    # What can fail comes before the secret is made, which is shown only once.
    registry = load_registry(loaded) if worker is None else None
    if loaded.file is None:
        _require_worker(worker)
    loaded, made = with_own_secret(loaded)
    listener = Listener(loaded, registry=registry, worker=worker, receivers=receivers)

    def on_ready(address: str) -> None:
        threading.Thread(target=tell, args=(address,), daemon=True).start()

    def tell(address: str) -> None:
        if worker is None or worker.wait_until_ready():
            _tell(listener, address, made)
        else:
            server.should_exit = True

    def on_signal() -> None:
        for beside in (worker, receivers):
            if beside is not None:
                beside.expect_end()

    on_stop = None if receivers is None else receivers.hang_up
    server = Server(listener, on_ready=on_ready, on_signal=on_signal, on_stop=on_stop)
    return server


def _require_worker(worker: "WorkerProcess | None") -> None:
    """Wait until the worker is ready, or end as it has ended; it has said why, if it could."""
    if worker is None or worker.wait_until_ready() or worker.failure is None:
        return
    if worker.failure in {FAILED, WRONG_USE}:
        raise typer.Exit(worker.failure)
    raise WorkerFailedError(worker.failure)


def _tell(listener: "Listener", address: str, made: "Secret | None") -> None:
    from almahook.cli.welcome import tell

    tell(listener, address, made)
