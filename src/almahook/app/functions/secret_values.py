"""The webhook secrets of a function's profiles, as they are now."""

from __future__ import annotations

from functools import cached_property

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from almahook.app.functions.manifest import Manifest


class SecretValues:
    """Reads a profile's secrets when its first message comes.

    Args:
        environment: Where ``env:`` references are looked up, and the credentials for AWS.
    """

    def __init__(self, manifest: Manifest, environment: Mapping[str, str]) -> None:
        self._manifest = manifest
        self._environment = environment
        # What is in the environment of a function does not change.
        self._lasting: dict[str, Sequence[bytes]] = {}

    def __call__(self, profile: str) -> Sequence[bytes]:
        """Return those of a profile.

        Raises:
            ConfigurationError: One cannot be had.
        """
        known = self._lasting.get(profile)
        if known is not None:
            return known
        found = [self._plain(text) for text in self._manifest.references[profile]]
        if not all(found):
            return self._resolve(profile)
        self._lasting[profile] = found
        return found

    def _plain(self, text: str) -> bytes:
        """Return a secret of the environment; nothing when it is elsewhere, or is not there."""
        scheme, _, name = text.partition(":")
        value = self._environment.get(name, "") if scheme == "env" else ""
        return value.strip().encode("utf-8")

    @cached_property
    def _resolve(self) -> Callable[[str], Sequence[bytes]]:
        # A function whose secrets are in its environment does without.
        from almahook.app.functions.references import References  # noqa: PLC0415

        return References(self._manifest, self._environment)
