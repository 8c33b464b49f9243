"""The webhook secrets of a function's profiles, as they are now."""

from __future__ import annotations

from functools import cached_property

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from almahook.app.functions.manifest import Manifest
    from almahook.config.reference import Reference, Secret, SecretSource


class SecretValues:
    """Reads a profile's secrets when its first message comes.

    Those that AWS keeps are read again after a while, so that a rotated one needs no deploy.

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
        texts = self._manifest.references[profile]
        plain = [self._plain(text) for text in texts]
        if all(plain):
            self._lasting[profile] = plain
            return plain
        return self._resolved(profile, texts)

    def _plain(self, text: str) -> bytes:
        """Return a secret of the environment; empty leaves it to what tells all that is wrong."""
        scheme, _, name = text.partition(":")
        value = self._environment.get(name, "") if scheme == "env" else ""
        return value.strip().encode("utf-8")

    def _resolved(self, profile: str, texts: Sequence[str]) -> Sequence[bytes]:
        from almahook.config.reference import Reference  # noqa: PLC0415 - most need none of it

        setting = f"profiles.{profile}.secrets"
        references = [Reference.parse(text, setting=setting) for text in texts]
        found = [
            secret.reveal().encode("utf-8")
            for reference in references
            for secret in self._values(reference)
        ]
        if not any(reference.is_kept_by_aws for reference in references):
            self._lasting[profile] = found
        return found

    def _values(self, reference: Reference) -> Sequence[Secret]:
        source = self._aws if reference.is_kept_by_aws else None
        return reference.resolve(environment=self._environment, source=source)

    @cached_property
    def _aws(self) -> SecretSource:
        # A function whose secrets are in its environment does without.
        from almahook.app.aws_secrets import aws_secret_source  # noqa: PLC0415

        return aws_secret_source(
            self._environment,
            lifetime_s=self._manifest.secret_lifetime_s,
            overlap_days=self._manifest.secret_overlap_days,
        )
