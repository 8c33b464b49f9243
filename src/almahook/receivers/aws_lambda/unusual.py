"""What a receiver seldom comes to, so that its function loads it when it does."""

from __future__ import annotations

from almahook.errors import AlmaHookError, UnknownInvocationError
from almahook.errors.inbox import InboxUnavailableError
from almahook.errors.refusal import UnknownPathError
from almahook.protocol.message import Response
from almahook.protocol.reply import error_reply

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from almahook.receivers.aws_lambda.contract import Tell

_PLAIN = {"content-type": "text/plain; charset=utf-8"}


def page(path: str, method: str) -> Response:
    """Answer what is no listener's path; a load balancer asks for its targets' health."""
    if path == "/healthz" and method in {"GET", "HEAD"}:
        return Response(status=200, body=b"ok\n", headers=_PLAIN)
    return error_reply(UnknownPathError())


def only_one(profiles: Iterable[str]) -> str:
    """Return the only profile, which an event that names none is for.

    Raises:
        UnknownInvocationError: There are several.
    """
    names = list(profiles)
    if len(names) != 1:
        raise UnknownInvocationError(
            "The event names no profile, and there are several. Use the mapping template that "
            "almahook aws init writes."
        )
    return names[0]


def failed(error: Exception, tell: Tell) -> AlmaHookError:
    """Tell of an error, and return what Alma is to hear of it."""
    if isinstance(error, AlmaHookError):
        tell("error", "event.not_stored", reason=error.message)
        return error
    # Its own text may hold a part of the request, so it is told by its kind and place.
    tell("error", "request.failed", error=type(error).__name__, place=_place_of(error))
    return InboxUnavailableError()


def _place_of(error: Exception) -> str:
    # The traceback module takes long to load.
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
