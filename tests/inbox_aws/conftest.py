from collections.abc import Callable, Iterator, Mapping

import pytest

from almahook.inbox.aws.store import AWSInbox
from aws_local.ministack import Ministack, aws_environment, ministack
from aws_local.stack import Stack, running_stack

__all__ = ["aws_environment", "ministack"]


@pytest.fixture
def stack(ministack: Ministack) -> Iterator[Stack]:
    with running_stack(ministack) as made:
        yield made


@pytest.fixture
def open_inbox(
    stack: Stack, aws_environment: Mapping[str, str]
) -> Iterator[Callable[..., AWSInbox]]:
    opened = []

    def open_it(**settings: int) -> AWSInbox:
        opened.append(AWSInbox(stack.name, **{"announces": False, **settings}))
        return opened[-1]

    yield open_it
    for inbox in opened:
        inbox.close()


@pytest.fixture
def inbox(open_inbox: Callable[..., AWSInbox]) -> AWSInbox:
    return open_inbox()
