"""What goes wrong with handlers, and with the process that runs them."""

from almahook.errors import AlmaHookError


class HandlerError(AlmaHookError):
    """A handler is wrong or has failed."""

    code = "handler.failed"


class HandlerLoadError(HandlerError):
    """A handler file could not be loaded."""

    code = "handler.load"


class FilterError(HandlerError):
    """A handler's filter can never work."""

    code = "handler.filter"


class NoHandlerError(HandlerError):
    """Invalid action."""

    code = "handler.none"
    status = 400


class HandlerTimeoutError(HandlerError):
    """The handler ran longer than its time-out."""

    code = "handler.timeout"


class StepResultError(HandlerError):
    """The result of a ctx.once step cannot be kept: it must be made of JSON's types."""

    code = "handler.step_result"


class WorkerFailedError(AlmaHookError):
    """The process that runs the handlers has ended before it was ready.

    Args:
        status: Its exit status; negative when a signal ended it.
    """

    code = "worker.failed"

    def __init__(self, status: int) -> None:
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        super().__init__(
            f"The process that runs the handlers has ended {how} before they were loaded. "
            "Look for what a handler's module does when it is imported: almahook work"
        )
