import pytest

from almahook.testing.inbox_contract import *  # noqa: F403 - it finds open_inbox in conftest.py

# One of the tests asks the emulator some ten thousand times.
pytestmark = pytest.mark.timeout(1500)


@pytest.fixture
def life_cycle_examples() -> int:
    return 60
