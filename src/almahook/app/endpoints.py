"""The profiles as the edge sees them, with secrets that may change while it serves."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import overload

from almahook.config import Reference, Settings
from almahook.errors import ConfigurationError
from almahook.protocol import Endpoint

log = logging.getLogger("almahook.secrets")

# What is kept is asked so many times within its lifetime whether it is still fresh.
_LOOKS = 4


class LiveSecrets(Sequence[bytes]):
    """Secrets as they were read last; reading them anew replaces all of them at once.

    Args:
        read: Returns what is valid now; raises ConfigurationError.
    """

    def __init__(self, read: Callable[[], Sequence[bytes]]) -> None:
        self._read = read
        self._secrets = read()

    def refresh(self) -> None:
        """Read them anew; if that cannot be, the old ones stay."""
        try:
            self._secrets = self._read()
        except ConfigurationError as error:
            log.warning("secret.not_refreshed", extra={"fields": {"reason": error.message}})

    @overload
    def __getitem__(self, index: int) -> bytes: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...

    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        """Return one of them, or some."""
        return self._secrets[index]

    def __len__(self) -> int:
        return len(self._secrets)

    def __iter__(self) -> Iterator[bytes]:
        # One and the same list to its end, whatever happens meanwhile.
        return iter(self._secrets)

    def __repr__(self) -> str:
        return f"<{len(self)} secrets>"


class SecretKeeper:
    """Reads live secrets anew by the clock, on a thread of its own, so that no request waits.

    Args:
        endpoints: Whose secrets; those without live ones need no thread.
        lifetime_s: How old a secret may get.
    """

    def __init__(self, endpoints: Iterable[Endpoint], *, lifetime_s: float) -> None:
        secrets = [endpoint.secrets for endpoint in endpoints]
        self._live = [one for one in secrets if isinstance(one, LiveSecrets)]
        self._every_s = lifetime_s / _LOOKS
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="almahook-secrets", daemon=True)

    def start(self) -> None:
        """Begin, if there is anything to do."""
        if self._live:
            self._thread.start()

    def stop(self) -> None:
        """End, without waiting for an answer that may not come."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            for secrets in self._live:
                secrets.refresh()


def make_endpoints(
    settings: Settings, *, known: Mapping[str, Sequence[bytes]] = MappingProxyType({})
) -> Mapping[str, Endpoint]:
    """Make each profile's endpoint, with its secrets resolved.

    Args:
        settings: Those of the listener.
        known: The secrets of profiles where they need not be looked up.

    Raises:
        ConfigurationError: A secret cannot be had.
    """
    return {
        name: Endpoint(
            profile=name,
            secrets=known[name] if name in known else _secrets(settings, name),
            refuse_status=profile.refuse_status,
            max_body_bytes=settings.max_body_bytes,
        )
        for name, profile in settings.profiles.items()
    }


def read_secrets(settings: Settings, profile: str) -> Sequence[bytes]:
    """Read the secrets of a profile that are valid now.

    Raises:
        ConfigurationError: One cannot be had.
    """
    references = settings.profiles[profile].secrets
    found = settings.secrets(references, setting=_setting(profile))
    return [secret.reveal().encode("utf-8") for secret in found]


def _secrets(settings: Settings, profile: str) -> Sequence[bytes]:
    setting = _setting(profile)
    references = settings.profiles[profile].secrets
    live = LiveSecrets(lambda: read_secrets(settings, profile))
    changes = any(Reference.parse(one, setting=setting).is_kept_by_aws for one in references)
    return live if changes else list(live)


def _setting(profile: str) -> str:
    return f"profiles.{profile}.secrets"
