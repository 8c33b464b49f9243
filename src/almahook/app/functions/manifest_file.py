"""Writes the manifest of the functions that receive, when their zip is built."""

import json
from collections.abc import Sequence

from almahook.config import Settings
from almahook.errors import ConfigurationError


def write_manifest(settings: Settings) -> bytes:
    """Write what the functions have to know.

    Raises:
        ConfigurationError: A secret is in a file, which must not travel in a zip.
    """
    for name, profile in settings.profiles.items():
        _require_remote(name, profile.secrets)
    profiles = {
        name: {"secrets": profile.secrets, "refuse_status": profile.refuse_status}
        for name, profile in settings.profiles.items()
    }
    document = {
        "inbox": settings.inbox,
        "profiles": profiles,
        "max_body_bytes": settings.max_body_bytes,
        "secret_lifetime_s": settings.secret_lifetime_s,
        "secret_overlap_days": settings.secret_overlap_days,
    }
    return json.dumps(document, indent=1).encode("utf-8") + b"\n"


def _require_remote(profile: str, references: Sequence[str]) -> None:
    if any(one.startswith("file:") for one in references):
        raise ConfigurationError(
            f"profiles.{profile}.secrets names a file, which is not on AWS. Write "
            '"aws-secretsmanager:NAME" or "aws-ssm:NAME", and put the secret there.'
        )
