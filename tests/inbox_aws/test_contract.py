from collections.abc import Callable, Iterator, Mapping

import pytest

from almahook.inbox.aws.store import AWSInbox
from almahook.testing.inbox_contract import *  # noqa: F403
from aws_local.stack import Stack

# One of the tests asks the emulator some ten thousand times.
pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def life_cycle_examples() -> int:
    return 8


@pytest.fixture
def open_inbox(
    stack: Stack, aws_environment: Mapping[str, str]
) -> Iterator[Callable[..., AWSInbox]]:
    opened = []

    def open_it(**settings: int) -> AWSInbox:
        opened.append(AWSInbox(stack.name, announces=False, **settings))
        return opened[-1]

    yield open_it
    for inbox in opened:
        inbox.close()
