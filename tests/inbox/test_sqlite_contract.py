from almahook.testing.inbox_contract import *  # noqa: F403 - the suite; it finds open_inbox in conftest.py
