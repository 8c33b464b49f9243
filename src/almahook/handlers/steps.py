"""What is kept of a finished step, and how it is read back.

A step's result is returned on every later attempt, so it must come back as it was: text, numbers,
True, False, None, and lists and dicts of these. A result that does not is refused by an error, but
only after the step has been kept as done without a result: the error tells the developer at the
first try, and the retry goes on with None instead of sending the text a second time.
"""

from contextlib import suppress
from typing import Any

import msgspec


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """A finished step.

    Attributes:
        awaited: The step was an async function, so its caller awaits the result.
        lost: The result could not be kept; ``result`` is None.
    """

    result: Any = None
    awaited: bool = False
    lost: bool = False


def keep(result: object, *, awaited: bool) -> Kept:
    """Make what is kept of a step that returned this."""
    # Comparing and encoding may run code of the result's own class; the step is done all the same.
    with suppress(Exception):
        if load(dump(Kept(result=result))).result == result:
            return Kept(result=result, awaited=awaited)
    return Kept(awaited=awaited, lost=True)


def dump(kept: Kept) -> bytes:
    """Write a finished step."""
    return msgspec.json.encode(kept)


def load(text: bytes) -> Kept:
    """Read a finished step."""
    return msgspec.json.decode(text, type=Kept)
