import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _own_log_level() -> Iterator[None]:
    """Leave no level behind that a test has configured, or the next report holds the log."""
    own = logging.getLogger("almahook")
    level = own.level
    yield
    own.setLevel(level)
