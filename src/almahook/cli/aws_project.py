"""The files that ``almahook aws init`` writes, and where they stand."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources

from almahook.app.functions import rest
from almahook.cli.aws_permissions import (
    CLOUDFORMATION,
    TERRAFORM,
    handler_references,
    permissions,
    webhook_references,
)
from almahook.cli.aws_target import Target
from almahook.cli.aws_yaml import yaml_block
from almahook.config import Reference, Settings

FOLDER = "aws"
SETTINGS = "almahook.toml"
BUILD = "build"
QUEUE = "queue"
DIRECT = "direct"
TERRAFORM_FOLDER = "queue-terraform"
SAM_CONFIG = "samconfig.toml"
TERRAFORM_VARIABLES = "terraform.tfvars.json"

ZIPS: Mapping[str, tuple[str, ...]] = {QUEUE: ("receive", "work"), DIRECT: ("direct",)}

# What a person fills in; it is written once and never again.
FILLED_IN = frozenset({SETTINGS, SAM_CONFIG, TERRAFORM_VARIABLES})

_HASH_LENGTH = 10
_STATEMENT_INDENT = 14
_INTEGRATION_INDENT = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is to be deployed.

    Attributes:
        stack: The name that everything on AWS begins with.
        region: Empty leaves it to the AWS tools' own settings.
        email: Who gets the alarms; empty is nobody.
    """

    stack: str
    region: str
    email: str
    target: Target


def inbox_url(stack: str) -> str:
    """Return the inbox of a stack: its parts have their names from the stack's."""
    return f"aws:{stack}"


def direct_stack(stack: str) -> str:
    """Return the name of the other shape's stack."""
    return f"{stack}-direct"


def project_files(plan: Plan, settings: Settings) -> Iterator[tuple[str, str]]:
    """Write the files, by where they stand in the folder; the settings are those for AWS."""
    yield f"{QUEUE}/template.yaml", _filled("queue/template.yaml", _queue_parts(settings))
    yield f"{QUEUE}/{SAM_CONFIG}", _sam_config(plan, plan.stack)
    yield f"{DIRECT}/template.yaml", _filled("direct/template.yaml", _direct_parts(settings))
    yield f"{DIRECT}/{SAM_CONFIG}", _sam_config(plan, direct_stack(plan.stack))
    for name in _mapping_templates():
        yield f"{DIRECT}/mapping/{name}.vtl", rest.template(name)
    for name in ("main.tf", "functions.tf", "alarms.tf", "variables.tf", "outputs.tf"):
        yield f"{TERRAFORM_FOLDER}/{name}", _filled(f"terraform/{name}", _terraform_parts(settings))
    yield f"{TERRAFORM_FOLDER}/{TERRAFORM_VARIABLES}", _terraform_variables(plan)
    yield "README.md", _filled("README.md", {"PROFILE": _first_profile(settings)})
    yield ".gitignore", _filled("gitignore", {})


def secret_commands(settings: Settings) -> Iterator[str]:
    """Write the commands that make the secrets, none of which shows one."""
    for reference in webhook_references(settings):
        yield from _create(reference, _RANDOM)
    for reference in handler_references(settings):
        yield from _create(reference, "file:///dev/stdin")


def _mapping_templates() -> list[str]:
    folder = resources.files("almahook.app.functions.templates")
    files = (file.name for file in folder.iterdir())
    return sorted(name.removesuffix(".vtl") for name in files if name.endswith(".vtl"))


_RANDOM = (
    '"$(aws secretsmanager get-random-password --password-length 40 --exclude-punctuation '
    '--query RandomPassword --output text)"'
)


def _create(reference: Reference, value: str) -> Iterator[str]:
    if reference.scheme == "aws-secretsmanager":
        named = f"--name {reference.name} --secret-string {value}"
        yield f"aws secretsmanager create-secret {named}"
    elif reference.scheme == "aws-ssm":
        named = f"--name {reference.name} --type SecureString --value {value}"
        yield f"aws ssm put-parameter {named}"


def _queue_parts(settings: Settings) -> Mapping[str, str]:
    return {
        "RECEIVE_SECRETS": _statements(webhook_references(settings)),
        "WORK_SECRETS": _statements(handler_references(settings)),
        "PROFILE": _first_profile(settings),
    }


def _direct_parts(settings: Settings) -> Mapping[str, str]:
    references = [*webhook_references(settings), *handler_references(settings)]
    parts = {
        "CHALLENGE_INTEGRATION": _block(rest.challenge_integration()),
        "EVENT_INTEGRATION": _block(rest.event_integration({"Fn::Sub": _INVOCATION})),
        "METHOD_RESPONSES": _block(rest.method_responses()),
    }
    return {
        **parts,
        "SECRETS": _statements(references),
        "PROFILE": _first_profile(settings),
        # A deployment is a photograph of the API: what has changed is seen in a new one only.
        "API": sha256("".join(parts.values()).encode()).hexdigest()[:_HASH_LENGTH],
    }


_INVOCATION = (
    "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
    "${DirectFunction.Arn}/invocations"
)


def _terraform_parts(settings: Settings) -> Mapping[str, str]:
    return {
        "RECEIVE_SECRETS": _hcl(webhook_references(settings)),
        "WORK_SECRETS": _hcl(handler_references(settings)),
        "PROFILE": _first_profile(settings),
    }


def _block(value: object) -> str:
    return yaml_block(value, indent=_INTEGRATION_INDENT)


def _statements(references: Iterable[Reference]) -> str:
    found = permissions(references, CLOUDFORMATION)
    return yaml_block(
        [
            {
                "Sid": _SIDS[action],
                "Effect": "Allow",
                "Action": action,
                "Resource": [{"Fn::Sub": resource} for resource in resources],
            }
            for action, resources in found.items()
        ],
        indent=_STATEMENT_INDENT,
    )


_SIDS = {"secretsmanager:GetSecretValue": "ReadSecrets", "ssm:GetParameter": "ReadParameters"}


def _hcl(references: Iterable[Reference]) -> str:
    """Write statements as Terraform's JSON-like lists; its texts have the same escapes as JSON."""
    return "\n".join(_hcl_statement(*one) for one in permissions(references, TERRAFORM).items())


def _hcl_statement(action: str, resources: list[str]) -> str:
    return (
        "      {\n"
        '        Effect   = "Allow"\n'
        f"        Action   = {json.dumps(action)}\n"
        f"        Resource = {json.dumps(resources)}\n"
        "      },"
    )


def _filled(name: str, parts: Mapping[str, str]) -> str:
    text = (resources.files("almahook.cli._aws") / name).read_text(encoding="utf-8")
    for part, value in parts.items():
        # A part without anything takes its line with it.
        text = text.replace(f"@{part}@\n", f"{value}\n" if value else "")
        text = text.replace(f"@{part}@", value)
    return text


def _sam_config(plan: Plan, stack: str) -> str:
    overrides = {
        "Runtime": plan.target.runtime,
        "Architecture": plan.target.architecture,
        "AlarmEmail": plan.email,
    }
    written = ", ".join(json.dumps(f"{name}={value}") for name, value in overrides.items() if value)
    region = f"region = {json.dumps(plan.region)}\n" if plan.region else ""
    return _SAM_CONFIG.format(stack=stack, region=region, overrides=written)


_SAM_CONFIG = """\
# How sam deploys it. parameter_overrides sets any parameter of template.yaml.
version = 0.1

[default.global.parameters]
stack_name = "{stack}"
{region}
[default.deploy.parameters]
capabilities = "CAPABILITY_IAM"
resolve_s3 = true
confirm_changeset = true
fail_on_empty_changeset = false
tags = "application=almahook"
parameter_overrides = [{overrides}]
"""


def _terraform_variables(plan: Plan) -> str:
    values = {
        "name": plan.stack,
        "region": plan.region or None,
        "runtime": plan.target.runtime,
        "architecture": plan.target.architecture,
        "alarm_email": plan.email,
    }
    return json.dumps(values, indent=2) + "\n"


def _first_profile(settings: Settings) -> str:
    return next(iter(settings.profiles))
