"""The contract suite: what every inbox store must do, as tests that a store's module takes over.

    import pytest
    from almahook.testing.inbox_contract import *

    @pytest.fixture
    def open_inbox(tmp_path):
        inboxes = []

        def open_it(**bounds):
            inboxes.append(MyInbox(tmp_path / "inbox", **bounds))
            return inboxes[-1]

        yield open_it
        for inbox in inboxes:
            inbox.close()

Within one test every call of ``open_inbox`` opens the same store, which is empty when the test
starts, as one more process would; a call may give the bounds ``rejections_kept`` and
``rejection_body_bytes``. A store that is slow to ask may give a fixture ``life_cycle_examples``
of its own, a number below 150. Each test's name is the sentence that it proves. Needs pytest and
Hypothesis.
"""

from collections.abc import Callable, Mapping
from importlib import import_module

import pytest

_MODULES = tuple(
    f"{__name__}.{part}"
    for part in (
        *(
            "append",
            "spooling",
            "dispatch",
            "lease",
            "lanes",
            "coalescing",
            "claim",
            "settle",
            "steps",
        ),
        *("replay", "queries", "rejections", "backlog", "purge", "life_cycle"),
    )
)
# So that a failure shows the values that were compared.
pytest.register_assert_rewrite(f"{__name__}.given", *_MODULES)


def suite() -> Mapping[str, Callable[..., object]]:
    """Return the tests, and the fixtures that they take, by name."""
    given = import_module(f"{__name__}.given")
    tests = {
        name: function
        for module in _MODULES
        for name, function in vars(import_module(module)).items()
        if name.startswith("test_")
    }
    fixtures = {"inbox": given.inbox, "life_cycle_examples": given.life_cycle_examples}
    return {**fixtures, **tests}


globals().update(suite())
__all__ = sorted(suite())  # noqa: PLE0605 - a star import takes the suite, whatever it holds
