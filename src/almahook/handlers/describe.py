"""Says in words what is registered, for a person who checks a set-up."""

from collections.abc import Iterator
from dataclasses import dataclass

from almahook.handlers.convention import Named
from almahook.handlers.filters import Filter
from almahook.handlers.handler import Handler
from almahook.handlers.registry import Registry


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """One handler in words.

    Attributes:
        takes: Which events, for example ``action JOB_END, job M47``.
        options: How it is run, for example ``at most 8 attempts, 300 s each, 4 at once``.
    """

    name: str
    takes: str
    options: str


def describe(registry: Registry) -> list[Description]:
    """Describe every handler, in the order they were loaded."""
    return [
        Description(name=handler.name, takes=_takes(handler), options=", ".join(_options(handler)))
        for handler in registry
    ]


def _takes(handler: Handler) -> str:
    has_words = isinstance(handler.takes, Filter | Named)
    return str(handler.takes) if has_words else "as its own function says"


def _options(handler: Handler) -> Iterator[str]:
    yield f"at most {handler.retry.attempts} attempts"
    yield f"{handler.timeout_s:g} s each"
    yield f"{handler.concurrency} at once"
    if handler.ordered:
        yield "in order"
    if handler.coalesce_s is not None:
        yield f"the newest of {handler.coalesce_s:g} s"
