"""The webhook secrets of a profile that are not all in the environment of its function."""

from __future__ import annotations

from functools import cached_property

from almahook.config.reference import Reference

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from almahook.app.functions.manifest import Manifest
    from almahook.config.reference import Secret, SecretSource


class References:
    """Reads the secrets of a profile, wherever they are.

    Those that AWS keeps are read again after a while, so that a rotated one needs no deploy.

    Args:
        environment: Where ``env:`` references are looked up, and the credentials for AWS.
    """

    def __init__(self, manifest: Manifest, environment: Mapping[str, str]) -> None:
        self._manifest = manifest
        self._environment = environment

    def __call__(self, profile: str) -> Sequence[bytes]:
        """Return those of a profile.

        Raises:
            ConfigurationError: One cannot be had.
        """
        setting = f"profiles.{profile}.secrets"
        texts = self._manifest.references[profile]
        references = [Reference.parse(text, setting=setting) for text in texts]
        return [
            secret.reveal().encode("utf-8")
            for reference in references
            for secret in self._values(reference)
        ]

    def _values(self, reference: Reference) -> Sequence[Secret]:
        source = self._aws if reference.is_kept_by_aws else None
        return reference.resolve(environment=self._environment, source=source)

    @cached_property
    def _aws(self) -> SecretSource:
        from almahook.app.aws_secrets import aws_secret_source  # noqa: PLC0415 - env: needs none

        return aws_secret_source(
            self._environment,
            lifetime_s=self._manifest.secret_lifetime_s,
            overlap_days=self._manifest.secret_overlap_days,
        )
