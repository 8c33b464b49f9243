"""Terraform finds nothing wrong with its form of the template, and nothing to put into form."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from aws_deploy.terraform import mirror, terraform_variables

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def folder(project: Path, tmp_path: Path) -> Path:
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not on this machine")
    return shutil.copytree(project / "aws", tmp_path / "aws") / "queue-terraform"


def terraform(folder: Path, *arguments: str, **variables: str) -> str:
    done = subprocess.run(
        ["terraform", *arguments],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_valid(folder: Path, tmp_path: Path) -> None:
    provider = mirror()
    if provider is None:
        pytest.skip("Terraform's AWS provider is not on this machine")
    variables = terraform_variables(tmp_path, provider)
    (folder.parent / "build").mkdir()
    for name in ("receive", "work"):
        (folder.parent / "build" / f"{name}.zip").write_bytes(b"")
    terraform(folder, "init", "-input=false", **variables)
    found = json.loads(terraform(folder, "validate", "-json", **variables))
    assert (found["valid"], found["diagnostics"]) == (True, [])


def test_it_has_the_form_of_terraform(folder: Path) -> None:
    assert terraform(folder, "fmt", "-check", "-diff") == ""
