"""Secrets that AWS keeps, read from Secrets Manager and Systems Manager."""

import json
import logging
import time
from collections.abc import Callable
from uuid import uuid4

import pytest

from almahook.app.aws_secrets import aws_secret_source
from almahook.app.secret_cache import SecretCache
from almahook.config import Reference
from almahook.errors import ConfigurationError
from aws_local.ministack import Ministack


class Cloud:
    """AWS, a source that reads from it, and a clock that the test can set ahead."""

    def __init__(self, ministack: Ministack) -> None:
        self._environment = ministack.environment
        self._secrets = ministack.client("secretsmanager")
        self._parameters = ministack.client("ssm")
        self.ahead_s = 0.0
        self.source = self.open()

    def open(self, **environment: str) -> SecretCache:
        return aws_secret_source(
            {**self._environment, **environment},
            lifetime_s=300,
            overlap_days=1,
            clock=lambda: time.time() + self.ahead_s,
        )

    def secret(self, text: str) -> str:
        name = f"almahook/{uuid4().hex}"
        self._secrets.create_secret(Name=name, SecretString=text)
        return name

    def rotate(self, name: str, text: str) -> None:
        self._secrets.put_secret_value(SecretId=name, SecretString=text)

    def delete(self, name: str) -> None:
        self._secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)

    def arn(self, name: str) -> str:
        return str(self._secrets.describe_secret(SecretId=name)["ARN"])

    def parameter(self, *versions: str) -> str:
        name = f"/almahook/{uuid4().hex}"
        for text in versions:
            self._parameters.put_parameter(
                Name=name, Value=text, Type="SecureString", Overwrite=True
            )
        return name

    def values(self, text: str) -> list[str]:
        reference = Reference.parse(text, setting="profiles.main.secrets")
        return [secret.reveal() for secret in self.source.values(reference)]


@pytest.fixture
def cloud(ministack: Ministack) -> Cloud:
    return Cloud(ministack)


def test_a_secret_is_read_by_its_name_or_by_its_arn(cloud: Cloud) -> None:
    name = cloud.secret(" hush\n")
    assert cloud.values(f"aws-secretsmanager:{name}") == ["hush"]
    assert cloud.values(f"aws-secretsmanager:{cloud.arn(name)}") == ["hush"]


def test_a_field_of_a_json_secret_is_read(cloud: Cloud) -> None:
    name = cloud.secret(json.dumps({"secret": "hush", "api_key": "l8xx"}))
    assert cloud.values(f"aws-secretsmanager:{name}#secret") == ["hush"]
    assert cloud.values(f"aws-secretsmanager:{name}#api_key") == ["l8xx"]


def test_during_a_rotation_the_new_and_the_previous_value_are_valid(cloud: Cloud) -> None:
    name = cloud.secret(json.dumps({"secret": "old"}))
    cloud.rotate(name, json.dumps({"secret": "new"}))
    assert cloud.values(f"aws-secretsmanager:{name}#secret") == ["new", "old"]
    cloud.ahead_s = 86_400
    assert cloud.values(f"aws-secretsmanager:{name}#secret") == ["new"]


def test_a_rotated_secret_is_picked_up_when_its_lifetime_is_over(cloud: Cloud) -> None:
    name = cloud.secret("first")
    assert cloud.values(f"aws-secretsmanager:{name}") == ["first"]
    cloud.rotate(name, "second")
    assert cloud.values(f"aws-secretsmanager:{name}") == ["first"]
    cloud.ahead_s = 300
    assert cloud.values(f"aws-secretsmanager:{name}") == ["second", "first"]


def test_a_previous_value_without_the_field_does_not_count(cloud: Cloud) -> None:
    name = cloud.secret("a plain text")
    cloud.rotate(name, json.dumps({"secret": "new"}))
    assert cloud.values(f"aws-secretsmanager:{name}#secret") == ["new"]


def test_a_parameter_is_read_decrypted_with_the_version_before(cloud: Cloud) -> None:
    assert cloud.values(f"aws-ssm:{cloud.parameter('only')}") == ["only"]
    name = cloud.parameter("oldest", "old", "new")
    assert cloud.values(f"aws-ssm:{name}") == ["new", "old"]
    assert cloud.values(f"aws-ssm:{name}:2") == ["old"]
    fields = cloud.parameter(json.dumps({"secret": "hush"}))
    assert cloud.values(f"aws-ssm:{fields}#secret") == ["hush"]


def test_a_parameter_that_was_not_changed_lately_has_no_previous_value(cloud: Cloud) -> None:
    name = cloud.parameter("old", "new")
    cloud.ahead_s = 86_401
    assert cloud.values(f"aws-ssm:{name}") == ["new"]


def test_a_secret_that_is_gone_stays_in_use_with_a_warning(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    name = cloud.secret("hush-7391")
    cloud.values(f"aws-secretsmanager:{name}")
    cloud.delete(name)
    cloud.ahead_s = 300
    with caplog.at_level(logging.DEBUG):
        assert cloud.values(f"aws-secretsmanager:{name}") == ["hush-7391"]
    (fields,) = [vars(record)["fields"] for record in caplog.records]
    assert fields["reason"] == "secretsmanager answered 400 ResourceNotFoundException."
    assert "hush-7391" not in f"{[vars(record) for record in caplog.records]}"


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda cloud: "aws-secretsmanager:nowhere", "nowhere cannot be read: .*ResourceNotFound"),
        (lambda cloud: "aws-ssm:/nowhere", "/nowhere cannot be read: .*ParameterNotFound"),
        (lambda cloud: f"aws-secretsmanager:{cloud.secret(' ')}", "is empty"),
        (lambda cloud: f"aws-secretsmanager:{cloud.secret('hush')}#key", "has no such field"),
        (lambda cloud: f"aws-secretsmanager:{cloud.secret('{}')}#key", "has no such field"),
        (
            lambda cloud: f"aws-secretsmanager:{cloud.secret(json.dumps({'key': 7391}))}#key",
            "has no such field with a text",
        ),
        (
            lambda cloud: f"aws-secretsmanager:{cloud.secret(json.dumps({'key': 'hush'}))}",
            "is a JSON object. Name its field: .*#FIELD",
        ),
    ],
)
def test_a_secret_that_cannot_be_used_is_told_by_its_reference_only(
    cloud: Cloud, write: Callable[[Cloud], str], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said) as refused:
        cloud.values(write(cloud))
    assert "hush" not in str(refused.value)


def test_a_binary_secret_is_refused(cloud: Cloud, ministack: Ministack) -> None:
    name = f"almahook/{uuid4().hex}"
    ministack.client("secretsmanager").create_secret(Name=name, SecretBinary=b"\x00")
    with pytest.raises(ConfigurationError, match="is not a text"):
        cloud.values(f"aws-secretsmanager:{name}")


def test_without_a_region_or_credentials_the_variable_to_set_is_named(cloud: Cloud) -> None:
    cloud.source = cloud.open(AWS_REGION="", AWS_DEFAULT_REGION="")
    with pytest.raises(ConfigurationError, match="AWS_REGION is not set"):
        cloud.values("aws-ssm:/a")
