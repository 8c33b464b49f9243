"""The script for a real account, run against the emulator."""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from aws_deploy.deployed import Deployed, variables
from aws_deploy.project import ARCHITECTURE, PYTHON, ROOT, SAM, search_path
from aws_local.ministack import REGION, Ministack, running_ministack

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("smoke", ROOT / "examples" / "aws" / "smoke.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def ministack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ministack]:
    with running_ministack(str(SAM / "bin" / "python")) as ministack:
        for name, value in variables(ministack).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PATH", search_path())
        monkeypatch.setenv("SAM_CLI_TELEMETRY", "0")
        yield ministack


def test_the_script_deploys_looks_and_leaves_nothing_behind(
    script: ModuleType, ministack: Ministack, capsys: pytest.CaptureFixture[str]
) -> None:
    def url_of(name: str) -> str:
        return Deployed(ministack, Path(), name, outbox=Path(os.devnull)).url

    script.smoke(REGION, python=PYTHON, architecture=ARCHITECTURE, url_of=url_of)

    said = capsys.readouterr().out
    assert "As it should be: the event was handled once." in said
    assert "is gone again" in said
    assert ministack.client("dynamodb").list_tables()["TableNames"] == []
    assert ministack.client("sqs").list_queues().get("QueueUrls", []) == []
    assert ministack.client("secretsmanager").list_secrets()["SecretList"] == []
