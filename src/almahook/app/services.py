"""What handlers call: one REST client per profile, one notifier for all."""

import threading

from almahook.alma import AlmaClient, RateLimiter
from almahook.config import ProfileSettings, Settings
from almahook.errors import ConfigurationError
from almahook.handlers import AlmaAPI, Notify
from almahook.notify import Notifier, Outbox


class AppServices:
    """Makes each client at its first use and keeps it.

    Profiles of one institution share a rate limit, as they do at Alma.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._clients: dict[str, AlmaClient] = {}
        self._limiters: dict[str, RateLimiter] = {}
        self._notifier = make_notifier(settings)

    @property
    def notify(self) -> Notify:
        """The notifier."""
        return self._notifier

    def alma(self, profile: str) -> AlmaAPI:
        """Return the REST client of a profile.

        Raises:
            ConfigurationError: The profile has no API key.
        """
        with self._lock:
            if profile not in self._clients:
                self._clients[profile] = self._make_client(profile)
            return self._clients[profile]

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _make_client(self, name: str) -> AlmaClient:
        profile = self._settings.profiles.get(name)
        if profile is None or not profile.api_key:
            raise ConfigurationError(
                f"Profile {name} has no API key, which handlers need to call Alma. "
                f'Write in almahook.toml: [profiles.{name}] api_key = "env:ALMAHOOK_API_KEY"'
            )
        return AlmaClient(
            api_key=self._settings.secret(profile.api_key).reveal(),
            region=profile.region,
            base_url=profile.api_url or None,
            limiter=self._limiter(name, profile),
            timeout_s=self._settings.api_timeout_s,
        )

    def _limiter(self, name: str, profile: ProfileSettings) -> RateLimiter:
        shared = profile.institution or name
        return self._limiters.setdefault(shared, RateLimiter(self._settings.api_calls_per_second))


def make_notifier(settings: Settings) -> Notifier:
    """Make the notifier that the settings describe."""
    notify = settings.notify
    return Notifier(
        sms=settings.targets(notify.sms),
        mail=settings.targets(notify.mail),
        chat=settings.targets(notify.chat),
        default_country=notify.default_country,
        dry_run=notify.dry_run,
        outbox=Outbox(settings.path(notify.outbox)) if notify.dry_run else None,
    )
