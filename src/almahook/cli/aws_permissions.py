"""Which secrets a function may read: those that the settings refer to, and no others.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from almahook.config import Reference, Settings, is_kept_by_aws
from almahook.config.reference import SECRETS_MANAGER

# Secrets Manager puts six characters of its own behind a name.
_SUFFIX = "-??????"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """How a template names where it is deployed: its partition, region and account."""

    partition: str
    region: str
    account: str


CLOUDFORMATION = Place(
    partition="${AWS::Partition}", region="${AWS::Region}", account="${AWS::AccountId}"
)
TERRAFORM = Place(
    partition="${data.aws_partition.current.partition}",
    region="${data.aws_region.current.id}",
    account="${data.aws_caller_identity.current.account_id}",
)


def webhook_references(settings: Settings) -> list[Reference]:
    """Return where the secrets are that messages are verified with."""
    texts = (text for profile in settings.profiles.values() for text in profile.secrets)
    return _parsed(texts)


def handler_references(settings: Settings) -> list[Reference]:
    """Return where the keys and accounts are that handlers work with."""
    keys = [profile.api_key for profile in settings.profiles.values() if profile.api_key]
    notify = settings.notify
    accounts = [text for text in (*notify.sms, *notify.mail, *notify.chat) if is_kept_by_aws(text)]
    return _parsed([*keys, *accounts])


def permissions(references: Iterable[Reference], place: Place) -> Mapping[str, list[str]]:
    """Return the resources that may be read, by the action that reads them."""
    found: dict[str, list[str]] = {}
    for reference in references:
        if reference.is_kept_by_aws:
            action, resource = _permission(reference, place)
            resources = found.setdefault(action, [])
            if resource not in resources:
                resources.append(resource)
    return found


def _permission(reference: Reference, place: Place) -> tuple[str, str]:
    if reference.scheme == SECRETS_MANAGER:
        return "secretsmanager:GetSecretValue", _secret(reference.name, place)
    return "ssm:GetParameter", _parameter(reference.name, place)


def _secret(name: str, place: Place) -> str:
    return name if _is_arn(name) else _arn(place, "secretsmanager", f"secret:{name}{_SUFFIX}")


def _parameter(name: str, place: Place) -> str:
    if _is_arn(name):
        return name
    # A reference may name a version, and no name has a colon in it.
    return _arn(place, "ssm", f"parameter/{name.partition(':')[0].removeprefix('/')}")


def _arn(place: Place, service: str, resource: str) -> str:
    return f"arn:{place.partition}:{service}:{place.region}:{place.account}:{resource}"


def _is_arn(name: str) -> bool:
    return name.startswith("arn:")


def _parsed(texts: Iterable[str]) -> list[Reference]:
    return list(dict.fromkeys(_each(texts)))


def _each(texts: Iterable[str]) -> Iterator[Reference]:
    return (Reference.parse(text, setting="A secret's setting") for text in texts)
