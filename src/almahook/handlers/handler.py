"""A handler as it is registered: a function, what it takes, and how it is run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from almahook.events import Event
from almahook.handlers.policy import RetryPolicy


@dataclass(frozen=True, kw_only=True, slots=True)
class Handler:
    """One handler.

    Attributes:
        name: Unique among the handlers, and kept with every run: renaming makes a new handler.
        function: ``process(event, ctx)``, plain or async.
        takes: Whether the handler wants this event.
        timeout_s: An execution that takes longer counts as failed.
        concurrency: How many executions there are at once in one worker.
        ordered: Events about the same thing run one at a time, oldest first.
        coalesce_s: Of the events about one thing that arrive within so many seconds only the
            newest is run; None runs them all.
    """

    name: str
    function: Callable[..., Any]
    takes: Callable[[Event], bool]
    is_async: bool = False
    timeout_s: float = 300.0
    concurrency: int = 4
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    ordered: bool = False
    coalesce_s: float | None = None
