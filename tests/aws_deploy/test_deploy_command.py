"""``almahook aws deploy`` before anything is deployed: which tool, and what it refuses."""

import json
import os
from pathlib import Path

import pytest

from almahook.cli.aws_project import ZIPS
from almahook.cli.aws_zip import write_zip
from aws_deploy.project import ARCHITECTURE, PYTHON, almahook, make_project

LABEL = f"python{PYTHON} on {ARCHITECTURE}"
# Tells how it was called, and ends as it is told to.
TOOL = '#!/bin/sh\necho "$(basename "$0") was called in $(pwd) with $*"\nexit ${STATUS:-0}\n'


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = make_project(tmp_path / "library")
    pack(folder)
    return folder


def pack(folder: Path, label: str = LABEL) -> None:
    build = folder / "aws" / "build"
    build.mkdir(exist_ok=True)
    for names in ZIPS.values():
        for name in names:
            write_zip(folder / "handlers", build / f"{name}.zip", comment=label)


def deploy(folder: Path, *arguments: str, tools: tuple[str, ...] = ("sam",), status: int = 0):
    place = folder.parent / "tools"
    place.mkdir(exist_ok=True)
    for name in tools:
        (place / name).write_text(TOOL)
        (place / name).chmod(0o755)
    path = os.pathsep.join([str(place), "/usr/bin", "/bin"])
    return almahook("aws", "deploy", *arguments, cwd=folder, PATH=path, STATUS=str(status))


def test_it_says_what_it_runs_and_where(library: Path) -> None:
    done = deploy(library)
    assert done.status == 0, done.err
    files = "--template-file template.yaml --config-file samconfig.toml"
    assert f"Runs in aws/queue:\n  sam deploy {files}\n" in done.out
    assert f"sam was called in {library}/aws/queue with deploy {files}" in done.out
    assert "almahook aws check" in done.out


def test_what_stands_after_two_hyphens_is_handed_on(library: Path) -> None:
    assert "--guided --profile a" in deploy(library, "--", "--guided", "--profile", "a").out


def test_without_sam_it_is_terraform(library: Path) -> None:
    done = deploy(library, "--", "-auto-approve", tools=("terraform",))
    assert f"terraform was called in {library}/aws/queue-terraform with init" in done.out
    assert "with apply -auto-approve" in done.out


def test_what_terraform_has_deployed_is_terraform_s(library: Path) -> None:
    (library / "aws" / "queue-terraform" / "terraform.tfstate").write_text("{}")
    assert "terraform was called" in deploy(library, tools=("sam", "terraform")).out


def test_the_tool_that_is_named_is_taken(library: Path) -> None:
    done = deploy(library, "--tool", "terraform", tools=("sam", "terraform"))
    assert "sam was called" not in done.out
    assert "terraform was called" in done.out


def test_the_other_shape_has_a_folder_of_its_own(library: Path) -> None:
    done = deploy(library, "--shape", "direct")
    assert f"sam was called in {library}/aws/direct" in done.out
    assert "almahook aws check --shape direct" in done.out


def test_without_a_tool_it_says_which_to_install(library: Path) -> None:
    done = deploy(library, tools=())
    assert done.status == 2
    assert "sam and terraform cannot be found" in done.err
    assert "pip install aws-sam-cli" in done.err


def test_the_other_shape_is_not_terraform_s(library: Path) -> None:
    done = deploy(library, "--shape", "direct", "--tool", "terraform", tools=("terraform",))
    assert done.status == 2
    assert "for sam only" in done.err


def test_a_tool_that_fails_is_told_and_the_status_is_one(library: Path) -> None:
    done = deploy(library, status=3)
    assert done.status == 1
    assert "sam ended with 3" in done.err
    assert "almahook aws check" not in done.out


def test_a_step_that_fails_is_the_last(library: Path) -> None:
    done = deploy(library, tools=("terraform",), status=1)
    assert "with apply" not in done.out


def test_what_was_not_built_is_not_deployed(library: Path) -> None:
    (library / "aws" / "build" / "work.zip").unlink()
    done = deploy(library)
    assert (done.status, done.out) == (2, "")
    assert "almahook aws build" in done.err


@pytest.mark.parametrize("tool", ["sam", "terraform"])
def test_what_was_built_for_another_machine_is_not_deployed(library: Path, tool: str) -> None:
    pack(library, "python3.12 on arm64")
    done = deploy(library, tools=(tool,))
    assert (done.status, done.out) == (2, "")
    assert f"--python {PYTHON} --architecture {ARCHITECTURE}" in done.err


@pytest.mark.parametrize("name", ["queue/samconfig.toml", "queue-terraform/terraform.tfvars.json"])
def test_parameters_that_cannot_be_read_are_named(library: Path, name: str) -> None:
    (library / "aws" / name).write_text(json.dumps([]))
    done = deploy(library, tools=("sam" if "sam" in name else "terraform",))
    assert done.status == 2
    assert name in done.err


def test_without_the_folder_it_says_how_to_make_it(tmp_path: Path) -> None:
    done = deploy(tmp_path)
    assert done.status == 2
    assert "almahook aws init" in done.err
