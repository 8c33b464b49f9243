"""``almahook serve``: the listener, for real use."""

import signal
from typing import TYPE_CHECKING, Annotated

import typer

from almahook.cli.common import SettingsOption

if TYPE_CHECKING:
    from almahook.config import Secret, Settings

_LOCAL = {"127.0.0.1", "localhost", "::1"}
_WHERE = (
    "Configuration > General > External Systems > Integration Profiles > Add Integration Profile"
)


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
    from almahook.app import Listener, configure_logs, with_own_secret
    from almahook.app.server import Server
    from almahook.config import load_settings

    loaded = load_settings(settings, host=host, port=port, worker=worker)
    configure_logs(form=loaded.log_format, level=loaded.log_level)
    loaded, made = with_own_secret(loaded)
    listener = Listener(loaded)
    # uvicorn raises the signal again once everything has ended in good order: that is no failure.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    server = Server(listener, on_ready=lambda address: _tell(loaded, address, made))
    server.run()
    if not server.started:
        raise typer.Exit(1)


def _tell(settings: "Settings", address: str, made: "Secret | None") -> None:
    """Say where the listener is and, once, what to enter in Alma."""
    base = settings.public_url.rstrip("/") or address
    say = typer.echo
    say(f"almahook listens on {address}")
    for name, profile in settings.profiles.items():
        say(f"  {base}/webhooks/{name}")
        if not profile.secrets:
            say(f"  has no secret, so it answers 503 to every event: set profiles.{name}.secrets")
    if made is not None:
        _tell_alma(settings, base, made)
    if not settings.public_url and settings.host in _LOCAL:
        say("")
        say("Alma needs an https address with a certificate of a known authority. Put a proxy in")
        say("front of this address (docs/deploy.md), and set public_url to what Alma calls.")


def _tell_alma(settings: "Settings", base: str, made: "Secret") -> None:
    (name,) = settings.profiles
    say = typer.echo
    say("")
    say(f"In Alma: {_WHERE},")
    say("type Webhooks. Enter these three, choose the subscriptions, save, and press Activate:")
    say("")
    say(f"  Webhook listener URL   {base}/webhooks/{name}")
    say(f"  Secret                 {made.reveal()}")
    say("  Message type           JSON")
    say("")
    say(f"The secret is shown this once. It is kept in {settings.path('data/secret')}")
