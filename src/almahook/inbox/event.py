"""Events as an inbox takes and gives them.

They are apart from the contract because who only receives has to start in milliseconds.
"""

from almahook.protocol.accepted import Accepted

# A message is stored as it was accepted.
NewEvent = Accepted


class StoredEvent(NewEvent, frozen=True, kw_only=True):
    """An event of the inbox; ``seq`` counts up in the order of arrival and is never reused."""

    seq: int
