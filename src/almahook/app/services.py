"""What handlers call: one REST client per profile, one notifier for all."""

import logging
import threading
from collections.abc import Mapping, Sequence

from almahook.alma import AlmaClient, RateLimiter
from almahook.config import ProfileSettings, Settings, is_kept_by_aws
from almahook.errors import ConfigurationError
from almahook.handlers import AlmaAPI, Notify
from almahook.notify import Notifier, Outbox

log = logging.getLogger("almahook.app")


class AppServices:
    """Makes each client at its first use, and anew when its key has changed.

    Profiles of one institution share a rate limit, as they do at Alma.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], AlmaClient] = {}
        self._limiters: dict[str, RateLimiter] = {}
        self._notifier = make_notifier(settings)

    @property
    def notify(self) -> Notify:
        """The notifier."""
        return self._notifier

    def alma(self, profile: str) -> AlmaAPI:
        """Return the REST client of a profile, with the key as it is now.

        Raises:
            ConfigurationError: The profile has no API key.
        """
        with self._lock:
            key = self._key(profile)
            if (profile, key) not in self._clients:
                # One with an older key may still be in use.
                self._clients[profile, key] = self._make_client(profile, key)
            return self._clients[profile, key]

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _key(self, name: str) -> str:
        profile = self._settings.profiles.get(name)
        if profile is None or not profile.api_key:
            raise ConfigurationError(
                f"Profile {name} has no API key, which handlers need to call Alma. "
                f'Write in almahook.toml: [profiles.{name}] api_key = "env:ALMAHOOK_API_KEY"'
            )
        return self._settings.secret(profile.api_key).reveal()

    def _make_client(self, name: str, key: str) -> AlmaClient:
        profile = self._settings.profiles[name]
        return AlmaClient(
            api_key=key,
            region=profile.region,
            base_url=profile.api_url or None,
            limiter=self._limiter(name, profile),
            timeout_s=self._settings.api_timeout_s,
        )

    def _limiter(self, name: str, profile: ProfileSettings) -> RateLimiter:
        shared = profile.institution or name
        return self._limiters.setdefault(shared, RateLimiter(self._settings.api_calls_per_second))


def make_notifier(settings: Settings) -> Notify:
    """Make the notifier that the settings describe.

    Raises:
        ConfigurationError: An account cannot be had, or is none.
    """
    notify = settings.notify
    urls = (*notify.sms, *notify.mail, *notify.chat)
    outbox = Outbox(settings.path(notify.outbox)) if notify.dry_run else None
    current = CurrentNotifier(settings, outbox)
    return current if any(is_kept_by_aws(url) for url in urls) else current.notifier


class CurrentNotifier:
    """Sends through the accounts as AWS keeps them at the moment.

    Args:
        outbox: Where a dry run keeps what would have been sent.

    Raises:
        ConfigurationError: An account cannot be had, or is none.
    """

    def __init__(self, settings: Settings, outbox: Outbox | None) -> None:
        self._settings = settings
        self._outbox = outbox
        self._lock = threading.Lock()
        self._targets = self._read()
        self._notifier = self._make(self._targets)

    @property
    def notifier(self) -> Notifier:
        """The notifier of this moment; that of before when an account is not well-formed."""
        with self._lock:
            targets = self._read()
            if targets != self._targets:
                self._targets = targets
                self._renew()
            return self._notifier

    def sms(self, number: str, text: str) -> None:
        """Send a text."""
        self.notifier.sms(number, text)

    def mail(self, address: str | Sequence[str], text: str, *, subject: str = "") -> None:
        """Send a mail."""
        self.notifier.mail(address, text, subject=subject)

    def chat(self, text: str, *, subject: str = "") -> None:
        """Write to the chat that the settings name."""
        self.notifier.chat(text, subject=subject)

    def _read(self) -> dict[str, list[str]]:
        notify = self._settings.notify
        urls = {"sms": notify.sms, "mail": notify.mail, "chat": notify.chat}
        return {kind: self._settings.targets(found) for kind, found in urls.items()}

    def _renew(self) -> None:
        try:
            self._notifier = self._make(self._targets)
        except ConfigurationError as error:
            log.warning("notify.not_renewed", extra={"fields": {"reason": error.message}})

    def _make(self, targets: Mapping[str, Sequence[str]]) -> Notifier:
        notify = self._settings.notify
        return Notifier(
            **targets,
            default_country=notify.default_country,
            dry_run=notify.dry_run,
            outbox=self._outbox,
        )
