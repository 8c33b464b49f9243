from collections.abc import Iterator

import pytest

from aws_local.ministack import Ministack, aws_environment, ministack
from aws_local.stack import Stack, running_stack

__all__ = ["aws_environment", "ministack", "stack"]


@pytest.fixture
def stack(ministack: Ministack) -> Iterator[Stack]:
    with running_stack(ministack) as made:
        yield made
