import pytest

from almahook.testing.inbox_contract import *  # noqa: F403 - the suite; it finds open_inbox in conftest.py

# What events are found by moves all the time.
pytestmark = pytest.mark.usefixtures("small_levels")
