"""Checks a handler's function before any event needs it, and makes all of them callable alike."""

import inspect
from collections.abc import Awaitable, Callable
from inspect import Parameter
from typing import Any

from almahook.errors import HandlerLoadError

_WANTED = "Write def process(event) or def process(event, ctx)."
_POSITIONAL = {Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD}


def is_async(function: Callable[..., Any]) -> bool:
    """Say whether the function, or the object's ``__call__``, is ``async def``."""
    call = getattr(function, "__call__", None)  # noqa: B004 - it is the call itself that is wanted
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def adapt(function: object, *, where: str) -> Callable[..., Any]:
    """Return the function in the form ``function(event, ctx)``.

    Args:
        function: What the user wrote.
        where: Its file and name, for the error's text.

    Raises:
        HandlerLoadError: It is no function of an event, or of an event and a context.
    """
    if not callable(function):
        raise HandlerLoadError(f"{where} is not a function. {_WANTED}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise HandlerLoadError(f"{where} has a yield in it, so calling it would do nothing.")
    return function if _takes_context(function, where) else _without_context(function)


def _takes_context(function: Callable[..., Any], where: str) -> bool:
    parameters = list(inspect.signature(function).parameters.values())
    count = sum(parameter.kind in _POSITIONAL for parameter in parameters)
    is_open = any(parameter.kind is Parameter.VAR_POSITIONAL for parameter in parameters)
    if count not in {1, 2} and not (is_open and count == 0):
        raise HandlerLoadError(f"{where} takes {count} arguments. {_WANTED}")
    if any(p.kind is Parameter.KEYWORD_ONLY and p.default is p.empty for p in parameters):
        raise HandlerLoadError(f"{where} has a keyword argument that nobody will give. {_WANTED}")
    return is_open or count == 2  # noqa: PLR2004 - the event and the context


def _without_context(function: Callable[..., Any]) -> Callable[..., Any]:
    if is_async(function):

        async def call(event: object, _ctx: object) -> object:
            result: Awaitable[object] = function(event)
            return await result

        return call
    return lambda event, _ctx: function(event)
