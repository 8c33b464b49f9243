"""Runs one attempt of a handler, as the worker would."""

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from almahook.errors import HandlerError
from almahook.events import Event
from almahook.handlers import GiveUp, Handler, Retry, Skip, load_handlers
from almahook.handlers.signature import adapt
from almahook.testing.context import HandlerContext

Outcome = Skip | Retry | GiveUp | None


def run(
    handler: Callable[..., Any] | Handler | Path | str, event: Event, ctx: HandlerContext
) -> Outcome:
    """Run a handler, plain or async, and return how it ended.

    Each further call with the same context is the next attempt of the same run.

    Args:
        handler: A function, or the file of a handler that takes the event.
        event: For example a :func:`~almahook.testing.sample_event`.
        ctx: A :func:`~almahook.testing.context`.

    Returns:
        None when it succeeded, or the ``Skip``, ``Retry`` or ``GiveUp``. Anything else that the
        handler raises is raised.

    Raises:
        HandlerError: The file has no handler that takes the event, or several.
        HandlerLoadError: The file cannot be loaded.
    """
    function = _function(handler, event)
    ctx.begin_attempt()
    try:
        result = function(event, ctx)
        if inspect.isawaitable(result):
            result = asyncio.run(_finished(result))
    except (Retry, GiveUp) as asked:
        return asked
    return result if isinstance(result, Skip | Retry | GiveUp) else None


async def _finished(result: Any) -> Any:
    return await result


def _function(handler: Callable[..., Any] | Handler | Path | str, event: Event) -> Any:
    if isinstance(handler, Handler):
        return handler.function
    if isinstance(handler, Path | str):
        return _of_file(Path(handler), event).function
    return adapt(handler, where=getattr(handler, "__qualname__", "the handler"))


def _of_file(file: Path, event: Event) -> Handler:
    """Find the one handler of a file that takes the event; it is loaded as almahook does."""
    taking = load_handlers(file.parent).matching(event)
    found = [handler for handler in taking if handler.name.partition(".")[0] == file.stem]
    if len(found) != 1:
        names = ", ".join(handler.name for handler in found) or "no handler"
        raise HandlerError(
            f"In {file}, {names} takes {event.event or event.action}. Give run() one of "
            f"load_handlers({str(file.parent)!r}) by its name, or an event that it takes."
        )
    return found[0]
