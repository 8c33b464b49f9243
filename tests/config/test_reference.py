from collections.abc import Callable

import pytest
from msgspec.structs import replace

from almahook.config import Reference, Secret, Settings
from almahook.errors import ConfigurationError

Load = Callable[..., Settings]


def test_a_secret_comes_from_a_variable(load: Load) -> None:
    assert load("", {"A": " sécret \n"}).secret("env:A").reveal() == "sécret"


def test_a_secret_comes_from_a_file_beside_the_settings(load: Load, tmp_path) -> None:
    (tmp_path / "secret").write_text("sécret\n", encoding="utf-8")
    assert load("").secret("file:secret").reveal() == "sécret"


@pytest.mark.parametrize(
    "reference",
    [
        "hunter2",
        "",
        "env:",
        "file: ",
        "http://x",
        "aws-s3:a",
        "ENV:A",
        ":",
        "aws-ssm:",
        "aws-ssm:a#",
    ],
)
def test_what_is_no_reference_is_refused_and_not_shown(load: Load, reference) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load("").secret(reference, setting="profiles.main.secrets")
    assert "profiles.main.secrets must say where the secret is" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_variable_that_is_not_set_is_named(load: Load) -> None:
    with pytest.raises(ConfigurationError, match="export NOPE="):
        load("").secret("env:NOPE")


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_an_empty_secret_is_refused(load: Load, text) -> None:
    with pytest.raises(ConfigurationError, match="env:A is empty"):
        load("", {"A": text}).secret("env:A")


def test_a_file_that_cannot_be_read_is_named(load: Load, tmp_path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        load("").secret("file:nowhere")
    (tmp_path / "binary").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        load("").secret("file:binary")


def test_targets_may_be_urls_or_references(load: Load) -> None:
    settings = load("", {"SMS_URL": "twilio://a"})
    assert settings.targets(["env:SMS_URL", "json://b"]) == ["twilio://a", "json://b"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("aws-ssm:/almahook/secret", ("aws-ssm", "/almahook/secret", "")),
        ("aws-ssm:/almahook/secret:3", ("aws-ssm", "/almahook/secret:3", "")),
        ("aws-secretsmanager:almahook/main", ("aws-secretsmanager", "almahook/main", "")),
        ("aws-secretsmanager: a#key ", ("aws-secretsmanager", "a", "key")),
        (
            "aws-secretsmanager:arn:aws:secretsmanager:eu-west-1:111122223333:secret:a-x1Y2z3#key",
            (
                "aws-secretsmanager",
                "arn:aws:secretsmanager:eu-west-1:111122223333:secret:a-x1Y2z3",
                "key",
            ),
        ),
        # A path may have the sign in it.
        ("file:data/a#b", ("file", "data/a#b", "")),
    ],
)
def test_a_reference_says_who_keeps_what_and_which_field_of_it(text, expected) -> None:
    found = Reference.parse(text, setting="api_key")
    assert (found.scheme, found.name, found.key) == expected
    assert str(found).replace(" ", "") == text.replace(" ", "")


class Rotating:
    """A secret that is just being rotated."""

    def values(self, reference: Reference) -> list[Secret]:
        return [Secret(f"new {reference.name}"), Secret(f"old {reference.name}")]


def test_of_a_secret_that_is_rotated_both_values_are_accepted_and_one_is_used(load: Load) -> None:
    settings = replace(load("", {"A": "a"}), source=Rotating())
    accepted = settings.secrets(["aws-ssm:b", "env:A"], setting="profiles.main.secrets")
    assert [secret.reveal() for secret in accepted] == ["new b", "old b", "a"]
    assert settings.secret("aws-ssm:b").reveal() == "new b"
    assert settings.targets(["aws-secretsmanager:c"]) == ["new c"]


def test_a_secret_that_aws_keeps_cannot_be_had_where_nobody_reads_it(load: Load) -> None:
    with pytest.raises(ConfigurationError, match="Nobody here can read aws-ssm:a"):
        load("").secret("aws-ssm:a")


def test_a_secret_is_never_shown() -> None:
    assert "hush" not in f"{Secret('hush')!r} {Secret('hush')} {[Secret('hush')]}"
