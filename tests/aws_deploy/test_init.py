"""``almahook aws init``, as a process."""

import json
import stat
import tomllib
from pathlib import Path

import pytest

from almahook.app.functions import rest
from almahook.config import load_settings
from aws_deploy.project import FOR_THIS_MACHINE, aws, make_project
from aws_deploy.template import Stack, load, translated
from running import run

FILES = {
    ".gitignore",
    "README.md",
    "almahook.toml",
    "direct/samconfig.toml",
    "direct/template.yaml",
    "queue-terraform/alarms.tf",
    "queue-terraform/functions.tf",
    "queue-terraform/main.tf",
    "queue-terraform/outputs.tf",
    "queue-terraform/terraform.tfvars.json",
    "queue-terraform/variables.tf",
    "queue/samconfig.toml",
    "queue/template.yaml",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "handlers").mkdir()
    (tmp_path / "almahook.toml").write_text('[profiles.main]\nsecrets = ["env:ALMAHOOK_SECRET"]\n')
    return tmp_path


def written(folder: Path) -> set[str]:
    files = (path for path in (folder / "aws").rglob("*") if path.is_file())
    return {path.relative_to(folder / "aws").as_posix() for path in files}


def readable(folder: Path, role: str, shape: str = "queue") -> set[str]:
    """Return the secrets that a function may read."""
    stack = Stack(translated(load(folder / "aws" / shape / "template.yaml")))
    (document,) = (
        properties["Policies"][0]["PolicyDocument"]
        for name, properties in stack.resources("AWS::IAM::Role")
        if name == role
    )
    return {
        resource.partition(":000000000000:")[2]
        for one in document["Statement"]
        if one.get("Sid", "").startswith("Read") and "Bodies" not in one["Sid"]
        for resource in one["Resource"]
    }


def test_it_writes_both_shapes_and_says_what_comes_next(folder: Path) -> None:
    said = aws("init", cwd=folder)
    assert said.status == 0, said.err
    mapping = {f"direct/mapping/{file.name}" for file in (folder / "aws/direct/mapping").iterdir()}
    assert written(folder) == FILES | mapping
    assert all(f"made  aws/{name}" in said.out for name in written(folder))
    for command in ("aws secretsmanager create-secret", "aws build", "aws deploy", "aws check"):
        assert command in said.out


def test_the_mapping_templates_are_those_of_the_template(folder: Path) -> None:
    aws("init", cwd=folder)
    files = list((folder / "aws" / "direct" / "mapping").glob("*.vtl"))
    assert {file.stem: file.read_text() for file in files} == {
        file.stem: rest.template(file.stem) for file in files
    }
    text = json.dumps(load(folder / "aws" / "direct" / "template.yaml"))
    assert [file.name for file in files if json.dumps(file.read_text())[1:-1] not in text] == []


def test_what_is_there_already_is_kept_and_named(folder: Path) -> None:
    aws("init", cwd=folder)
    template = folder / "aws" / "queue" / "template.yaml"
    template.write_text("mine")
    said = aws("init", cwd=folder)
    assert "kept  aws/queue/template.yaml, which was there already" in said.out
    assert template.read_text() == "mine"


def test_with_overwrite_only_templates_are_written_anew_and_named(folder: Path) -> None:
    aws("init", cwd=folder)
    own = ["almahook.toml", "queue/samconfig.toml", "queue-terraform/terraform.tfvars.json"]
    for name in own:
        file = folder / "aws" / name
        file.write_text(file.read_text() + "\n")
    template = folder / "aws" / "queue" / "template.yaml"
    before = template.read_text()
    template.write_text("mine")

    said = json.loads(aws("init", "--overwrite", "--json", cwd=folder).out)

    assert said["overwritten"] == ["aws/queue/template.yaml"]
    assert template.read_text() == before
    assert {f"aws/{name}" for name in own} <= set(said["kept"])
    assert all((folder / "aws" / name).read_text().endswith("\n\n") for name in own)


def test_the_settings_for_aws_name_secrets_that_aws_keeps(folder: Path) -> None:
    (folder / "almahook.toml").write_text(
        'retention_days = 7\n[profiles.main]\nsecrets = ["env:A", "file:b"]\napi_key = "env:C"\n'
        'region = "eu"\n[profiles.sandbox]\nrefuse_status = 503\n'
        '[notify]\nsms = ["env:D"]\ndefault_country = "CH"\n'
    )
    aws("init", "--stack", "hooks", cwd=folder)
    settings = load_settings(folder / "aws" / "almahook.toml", environment={})
    main, sandbox = settings.profiles["main"], settings.profiles["sandbox"]
    name = "aws-secretsmanager:almahook"
    assert settings.inbox == "aws:hooks"
    assert settings.retention_days == 7
    assert settings.path(settings.handlers).resolve() == folder / "handlers"
    assert main.secrets == [f"{name}/main/webhook-secret", f"{name}/main/webhook-secret-2"]
    assert (main.api_key, main.region) == (f"{name}/main/api-key", "eu")
    assert sandbox.secrets == [f"{name}/sandbox/webhook-secret"]
    assert (sandbox.api_key, sandbox.refuse_status) == ("", 503)
    assert settings.notify.sms == [f"{name}/notify/sms"]
    assert settings.notify.default_country == "CH"


def test_a_function_may_read_what_the_settings_for_aws_name_and_nothing_else(folder: Path) -> None:
    (folder / "almahook.toml").write_text(
        '[profiles.main]\nsecrets = ["aws-ssm:/alma/secret"]\n'
        'api_key = "aws-secretsmanager:key#a"\n'
        '[notify]\nchat = ["aws-secretsmanager:arn:aws:secretsmanager:us-east-1:000000000000:'
        'secret:chat-Ab12Cd"]\n'
    )
    aws("init", cwd=folder)
    webhook = {"parameter/alma/secret"}
    handlers = {"secret:key-??????", "secret:chat-Ab12Cd"}
    assert readable(folder, "ReceiveRole") == webhook
    assert readable(folder, "WorkRole") == handlers
    assert readable(folder, "DirectRole", "direct") == webhook | handlers


def test_what_is_named_later_is_allowed_with_overwrite(folder: Path) -> None:
    aws("init", cwd=folder)
    settings = folder / "aws" / "almahook.toml"
    settings.write_text(settings.read_text() + 'api_key = "aws-secretsmanager:new"\n')
    assert readable(folder, "WorkRole") == set()
    aws("init", "--overwrite", cwd=folder)
    assert readable(folder, "WorkRole") == {"secret:new-??????"}


def test_the_choices_are_in_the_parameters_of_both_tools(folder: Path) -> None:
    chosen = ("--stack", "hooks", "--region", "eu-central-1", "--email", "a@example.edu")
    aws("init", *chosen, "--python", "3.12", "--architecture", "x86_64", cwd=folder)
    sam = tomllib.loads((folder / "aws/queue/samconfig.toml").read_text())["default"]
    assert sam["global"]["parameters"] == {"stack_name": "hooks", "region": "eu-central-1"}
    overrides = sam["deploy"]["parameters"]["parameter_overrides"]
    target = ["Runtime=python3.12", "Architecture=x86_64"]
    assert overrides == [*target, "AlarmEmail=a@example.edu"]
    direct = tomllib.loads((folder / "aws/direct/samconfig.toml").read_text())["default"]
    assert direct["global"]["parameters"]["stack_name"] == "hooks-direct"
    variables = folder / "aws/queue-terraform/terraform.tfvars.json"
    assert json.loads(variables.read_text()) == {
        "name": "hooks",
        "region": "eu-central-1",
        "runtime": "python3.12",
        "architecture": "x86_64",
        "alarm_email": "a@example.edu",
    }


def test_a_template_belongs_to_everybody_and_holds_no_secret(tmp_path: Path) -> None:
    run("init", cwd=tmp_path)
    secret = next(
        line.partition("=")[2]
        for line in (tmp_path / ".env").read_text().splitlines()
        if line.startswith("ALMAHOOK_SECRET=")
    )
    said = aws("init", cwd=tmp_path)
    files = [tmp_path / "aws" / name for name in written(tmp_path)]
    assert secret not in said.out + "".join(file.read_text() for file in files)
    assert {stat.S_IMODE(file.stat().st_mode) & 0o444 for file in files} == {0o444}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--stack", "Hooks"], "small letters"),
        (["--stack", "hooks-of-a-library-with-a-long-name"], "3 to 25"),
        (["--stack", "hooks-"], "no hyphen last"),
        (["--python", "3.99"], "3.13"),
        (["--architecture", "sparc"], "arm64"),
        (["--settings", "elsewhere.toml"], "elsewhere.toml"),
    ],
)
def test_what_cannot_be_is_named_and_nothing_is_written(folder: Path, arguments, named) -> None:
    said = aws("init", *arguments, cwd=folder)
    assert (said.status, said.out) == (2, "")
    assert named in said.err
    assert not (folder / "aws").exists()


def test_without_a_project_it_says_how_to_make_one(tmp_path: Path) -> None:
    said = aws("init", cwd=tmp_path)
    assert said.status == 2
    assert "almahook init" in said.err


def test_a_project_elsewhere_is_found_by_its_settings(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "library")
    settings = folder / "almahook.toml"
    said = aws("init", "--settings", settings, *FOR_THIS_MACHINE, cwd=tmp_path)
    assert "kept  library/aws/README.md" in said.out
