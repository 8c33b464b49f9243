"""What a library needs to test its handlers: events, a context, and signed requests.

A store's contract is in :mod:`almahook.testing.inbox_contract`.
"""

from almahook.testing.alma import AlmaInMemory, user
from almahook.testing.context import HandlerContext, context
from almahook.testing.run import run
from almahook.testing.samples import sample, sample_event
from almahook.testing.signing import signed_headers, signed_request

__all__ = [
    "AlmaInMemory",
    "HandlerContext",
    "context",
    "run",
    "sample",
    "sample_event",
    "signed_headers",
    "signed_request",
    "user",
]
