"""``almahook serve``: the listener, for real use."""

import signal
from typing import TYPE_CHECKING, Annotated

import typer

from almahook.cli.common import SettingsOption

if TYPE_CHECKING:
    from almahook.app import Listener
    from almahook.config import Secret


def serve(
    settings: SettingsOption = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(help="The port; 0 takes a free one.", min=0, max=65535)
    ] = None,
    worker: Annotated[
        bool | None,
        typer.Option("--worker/--no-worker", help="Run the handlers in this process too."),
    ] = None,
) -> None:
    """Receive Alma's events, and run the handlers.

    Without a settings file it makes a secret of its own and says what to enter in Alma.
    """
    from almahook.app import Listener, configure_logs, load_registry, with_own_secret
    from almahook.app.server import Server
    from almahook.cli.port import open_port
    from almahook.config import load_settings

    loaded = load_settings(settings, host=host, port=port, worker=worker)
    configure_logs(form=loaded.log_format, level=loaded.log_level)
    # What can fail comes before the secret is made, which is shown only once.
    registry = load_registry(loaded)
    sockets = open_port(loaded.host, loaded.port)
    loaded, made = with_own_secret(loaded)
    listener = Listener(loaded, registry=registry)
    server = Server(listener, on_ready=lambda address: _tell(listener, address, made))
    # uvicorn raises the signal again once everything has ended in good order: that is no failure.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, server.handle_exit)
    server.run(sockets=sockets)
    if not server.started:
        raise typer.Exit(1)


def _tell(listener: "Listener", address: str, made: "Secret | None") -> None:
    from almahook.cli.welcome import tell

    tell(listener, address, made)
