"""What ``almahook serve`` says at its start: where it is, and what to enter in Alma."""

from ipaddress import ip_address

from almahook.app import Listener
from almahook.cli.page import Page
from almahook.config import Reference, Secret, Settings
from almahook.inbox import EventFilter

_WHERE = (
    "Configuration > General > External Systems > Integration Profiles > Add Integration Profile"
)


def tell(listener: Listener, address: str, made: Secret | None) -> None:
    """Say where the listener is and, until Alma has called, what to enter there.

    Args:
        listener: Which has just started.
        address: Where it listens.
        made: The secret, if it was made just now: it is shown this once.
    """
    page, settings = Page(), listener.settings
    base = settings.public_url.rstrip("/") or address
    page.text(f"almahook listens on {address}")
    if settings.receivers > 1:
        page.text(f"{settings.receivers} processes receive there")
    for name, profile in settings.profiles.items():
        page.copy(f"{base}/webhooks/{name}")
        if not profile.secrets:
            page.text(
                f"  has no secret, so it answers 503 to every event: set profiles.{name}.secrets"
            )
    _tell_handlers(page, listener)
    if not _has_received(listener):
        _tell_alma(page, settings, base, made)
    if not settings.public_url and _is_loopback(settings.host):
        page.text()
        page.text(
            "Alma needs an https address with a certificate of a known authority. Put a proxy in "
            "front of this address (docs/deploy.md), and set public_url to what Alma calls."
        )


def _has_received(listener: Listener) -> bool:
    # What is only spooled is the worker's to collect, which counts it.
    inbox = listener.inbox
    return inbox.backlog().pending > 0 or bool(inbox.events(EventFilter(), limit=1))


def _tell_handlers(page: Page, listener: Listener) -> None:
    settings = listener.settings
    names = ", ".join(listener.worker.handlers or [])
    page.text(f"Handlers: {names or 'none, events are only stored'}")
    if not settings.worker and settings.mode == "inbox":
        page.text("They are run by another process: almahook work")
    if settings.notify.dry_run:
        outbox = settings.path(settings.notify.outbox)
        page.text(f"Dry run: texts and mails are not sent, but written into {outbox}")


def _tell_alma(page: Page, settings: Settings, base: str, made: Secret | None) -> None:
    page.text()
    page.text(
        f"Nothing has come from Alma yet. In Alma: {_WHERE}, type Webhooks. Enter these three, "
        "choose the subscriptions, save, and press Activate:"
    )
    for name, profile in settings.profiles.items():
        if not profile.secrets:
            continue
        secret = made.reveal() if made else _place(settings, profile.secrets[0])
        page.text()
        page.copy(f"Webhook listener URL   {base}/webhooks/{name}")
        page.copy(f"Secret                 {secret}")
        page.copy("Message type           JSON")
    if made is not None:
        kept = settings.path("data/secret").absolute()
        page.text()
        page.text(f"The secret is shown this once. It is kept in {kept}")


def _place(settings: Settings, reference: str) -> str:
    """Say where a secret is, for a person who is to copy it."""
    found = Reference.parse(reference, setting="secrets")
    if found.scheme == "file":
        return f"(the text in {settings.path(found.name).absolute()})"
    if found.is_kept_by_aws:
        return f"(the text that AWS keeps as {found})"
    dotenv = settings.path(".env").absolute()
    return f"({found.name} in {dotenv})" if dotenv.is_file() else f"(the variable {found.name})"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
