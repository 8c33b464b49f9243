from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from almahook.inbox.aws.store import AWSInbox
from aws_local.ministack import Ministack, aws_environment, ministack
from aws_local.stack import Stack, running_stack
from cli.conftest import almahook
from cli.test_purge import old_and_new
from operating import Project

__all__ = ["almahook", "aws_environment", "ministack", "old_and_new", "stack"]


@pytest.fixture
def stack(ministack: Ministack) -> Iterator[Stack]:
    with running_stack(ministack) as made:
        yield made


@pytest.fixture
def project(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    aws_environment: Mapping[str, str],
    stack: Stack,
) -> Iterator[Project]:
    """Return the folder of a listener whose inbox is on AWS."""
    monkeypatch.chdir(tmp_path)
    inbox = AWSInbox(stack.name)
    yield Project(tmp_path, inbox=inbox, url=f"aws:{stack.name}")
    inbox.close()
