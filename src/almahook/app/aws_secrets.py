"""Reads secrets from AWS Secrets Manager and from the parameters of AWS Systems Manager.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from almahook.app.secret_cache import Reading, SecretCache
from almahook.config.reference import SECRETS_MANAGER, Reference, Secret
from almahook.errors import ConfigurationError
from almahook.errors.aws import AWSResponseError

if TYPE_CHECKING:
    from almahook.aws import Service
    from almahook.config import Settings

log = logging.getLogger("almahook.secrets")

_DAY_S = 86_400.0
_GET_SECRET = ("secretsmanager", "secretsmanager.GetSecretValue")
_GET_PARAMETER = ("ssm", "AmazonSSM.GetParameter")
_PROTOCOL = "1.1"
_ABSENT = frozenset({"ResourceNotFoundException", "ParameterNotFound", "ParameterVersionNotFound"})


def with_aws_secrets(settings: "Settings") -> "Settings":
    """Let the secrets that AWS keeps be read; nothing is called until one is asked for."""
    if settings.source is not None:
        return settings
    return settings.with_source(
        aws_secret_source(
            settings.environment,
            lifetime_s=settings.secret_lifetime_s,
            overlap_days=settings.secret_overlap_days,
        )
    )


def aws_secret_source(
    environment: Mapping[str, str],
    *,
    lifetime_s: float,
    overlap_days: float,
    clock: Callable[[], float] = time.time,
) -> SecretCache:
    """Make what reads the secrets that AWS keeps.

    Args:
        environment: Has the credentials and the region.
        lifetime_s: After so long a secret is read again.
        overlap_days: So long after its rotation the previous value is valid too.
        clock: Seconds since the epoch.
    """
    overlap_s = overlap_days * _DAY_S
    read = AWSSecrets(environment, overlap_s=overlap_s, clock=clock)
    return SecretCache(read, lifetime_s=lifetime_s, overlap_s=overlap_s, clock=clock)


class AWSSecrets:
    """Reads one secret at a time.

    Args:
        environment: Has the credentials and the region.
        overlap_s: A secret that was changed longer ago is not asked for its previous value.
        clock: Seconds since the epoch.
    """

    def __init__(
        self, environment: Mapping[str, str], *, overlap_s: float, clock: Callable[[], float]
    ) -> None:
        self._environment = environment
        self._overlap_s = overlap_s
        self._clock = clock
        self._services: dict[tuple[str, str], Service] = {}

    def __call__(self, reference: Reference) -> Reading:
        """Read a secret.

        Raises:
            ConfigurationError: It is empty, or has no such field.
            AWSError: AWS did not answer, or not with the secret.
        """
        try:
            if reference.scheme == SECRETS_MANAGER:
                return self._secret(reference)
            return self._parameter(reference)
        finally:
            # Minutes pass until the next is read.
            self._close()

    def _secret(self, reference: Reference) -> Reading:
        asked = {"SecretId": reference.name}
        answer = self._ask(_GET_SECRET, reference, asked)
        # When this version was made: a rotation makes one.
        changed_at = float(answer["CreatedDate"])
        before = {**asked, "VersionStage": "AWSPREVIOUS"}
        return Reading(
            current=_field(reference, answer.get("SecretString")),
            previous=self._previous(_GET_SECRET, reference, before, changed_at, _secret_text),
            rotated_at=changed_at,
        )

    def _parameter(self, reference: Reference) -> Reading:
        asked = {"Name": reference.name, "WithDecryption": True}
        found = self._ask(_GET_PARAMETER, reference, asked)["Parameter"]
        changed_at = float(found["LastModifiedDate"])
        # A reference that names its version has a sign in it that no parameter's name has.
        is_first = found["Version"] == 1 or ":" in reference.name
        before = {**asked, "Name": f"{reference.name}:{found['Version'] - 1}"}
        return Reading(
            current=_field(reference, found["Value"]),
            previous=None
            if is_first
            else self._previous(_GET_PARAMETER, reference, before, changed_at, _parameter_text),
            rotated_at=changed_at,
        )

    def _previous(
        self,
        operation: tuple[str, str],
        reference: Reference,
        asked: Mapping[str, Any],
        changed_at: float,
        text_of: Callable[[Any], object],
    ) -> Secret | None:
        """Read what the secret was before; None when that is unusable, or does not count now."""
        if self._clock() >= changed_at + self._overlap_s:
            return None
        try:
            return _field(reference, text_of(self._ask(operation, reference, asked)))
        except ConfigurationError:
            return None
        except AWSResponseError as error:
            # A right to the one and not to the other must not cost the current one.
            if error.error_code not in _ABSENT:
                fields = {"reference": str(reference), "reason": error.message}
                log.warning("secret.previous_not_read", extra={"fields": fields})
            return None

    def _ask(
        self, operation: tuple[str, str], reference: Reference, asked: Mapping[str, Any]
    ) -> Any:
        name, target = operation
        return self._service(name, _region(reference)).call_json(target, _PROTOCOL, asked)

    def _close(self) -> None:
        for service in self._services.values():
            service.close()

    def _service(self, name: str, region: str) -> "Service":
        # Who has no secret at AWS needs nothing of this.
        from almahook.aws import Service  # noqa: PLC0415

        if (name, region) not in self._services:
            own = {"AWS_REGION": region} if region else {}
            self._services[name, region] = Service(name, environment={**self._environment, **own})
        return self._services[name, region]


def _region(reference: Reference) -> str:
    """Return the region that an ARN names; empty for a mere name.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """
    parts = reference.name.split(":")
    return parts[3] if parts[0] == "arn" and len(parts) > 3 else ""  # noqa: PLR2004 - its place


def _secret_text(answer: Any) -> object:
    return answer.get("SecretString")


def _parameter_text(answer: Any) -> object:
    return answer["Parameter"]["Value"]


def _field(reference: Reference, text: object) -> Secret:
    """Return the text, or one field of it; no error shows what else is there."""
    if not isinstance(text, str):
        raise ConfigurationError(f"{reference} is not a text. Store it in AWS as one.")
    fields = _object(text)
    if reference.key:
        value = fields.get(reference.key) if fields is not None else None
    elif fields is not None:
        # A JSON object as a key would verify nothing, and nobody would see why.
        raise ConfigurationError(f"{reference} is a JSON object. Name its field: {reference}#FIELD")
    else:
        value = text
    if not isinstance(value, str) or not value.strip():
        what = "has no such field with a text" if reference.key else "is empty"
        raise ConfigurationError(
            f"{reference} {what}. Correct the reference, or the secret in AWS."
        )
    return Secret(value.strip())


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
