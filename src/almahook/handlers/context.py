"""What a handler is given beside the event."""

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar, overload

from almahook.errors import (
    ConfigurationError,
    HandlerError,
    HandlerTimeoutError,
    StepResultError,
)
from almahook.handlers.logbook import AttemptLog
from almahook.handlers.ports import AlmaAPI, Notify, Steps
from almahook.handlers.steps import Kept, dump, keep, load

P = ParamSpec("P")
T = TypeVar("T")


class Context:
    """One execution of a handler, and what it may use.

    Args:
        handler: The handler's name.
        profile: The profile that the event came from.
        run_id: The run; the same at every attempt.
        attempt: Counted from 1.
        deadline: When the attempt times out, seconds since the epoch.
        steps: Where this run's steps are kept.
        make_alma: Makes the REST client at its first use; None when the profile has no API key.
        notify: Sends texts, mails and chat messages.
    """

    def __init__(
        self,
        *,
        handler: str,
        profile: str,
        run_id: int,
        attempt: int,
        deadline: float,
        steps: Steps,
        make_alma: Callable[[], AlmaAPI] | None,
        notify: Notify,
    ) -> None:
        self.handler = handler
        self.profile = profile
        self.run_id = run_id
        self.attempt = attempt
        self.deadline = deadline
        self._steps = steps
        self._make_alma = make_alma
        self._alma: AlmaAPI | None = None
        self._notify = notify
        self._begun: set[str] = set()
        self._is_over = False
        fields = {"handler": handler, "profile": profile, "run_id": run_id, "attempt": attempt}
        self.log = AttemptLog(logging.getLogger(f"almahook.handler.{handler}"), fields)

    @property
    def alma(self) -> AlmaAPI:
        """Alma's REST API, under the profile's key.

        Raises:
            ConfigurationError: The profile has no API key.
            HandlerTimeoutError: The attempt is over.
        """
        self._require_time()
        if self._make_alma is None:
            raise ConfigurationError(
                f"ctx.alma needs an API key. Set profiles.{self.profile}.api_key"
            )
        if self._alma is None:
            self._alma = self._make_alma()
        return self._alma

    @property
    def notify(self) -> Notify:
        """Texts, mails and chat messages.

        Raises:
            HandlerTimeoutError: The attempt is over.
        """
        self._require_time()
        return self._notify

    @overload
    def once(
        self,
        name: str,
        function: Callable[P, Awaitable[T]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Awaitable[T]: ...

    @overload
    def once(
        self, name: str, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T: ...

    def once(self, name: str, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call the function, unless an earlier attempt of this run has done so already.

        Its result is kept on disk and returned at every later attempt. A step that raises is not
        kept, and is called again by the next attempt. With an async function, await what this
        returns.

        Only a process that dies in the instant between the function's return and the disk's
        answer can make it be called twice.

        Args:
            name: The step's name, once per attempt: in a loop, ``f"text-{loan_id}"``.
            function: What is to be done once.
            *args: Passed to the function.
            **kwargs: Passed to the function.

        Raises:
            StepResultError: The result cannot be kept. The step counts as done all the same, and
                later attempts get None.
            HandlerTimeoutError: The attempt is over.
            HandlerError: This attempt has used the name already.
        """
        kept = self._begin(name)
        if kept is not None:
            return _ready(kept.result) if kept.awaited else kept.result
        try:
            result = function(*args, **kwargs)
        except BaseException:
            self._begun.discard(name)
            raise
        if inspect.isawaitable(result):
            return self._finish_later(name, result)
        return self._finish(name, result, awaited=False)

    def close(self) -> None:
        """End the attempt: a thread that was left behind does nothing more through this context."""
        self._is_over = True

    def _require_time(self) -> None:
        if self._is_over:
            raise HandlerTimeoutError

    def _begin(self, name: object) -> Kept | None:
        self._require_time()
        if not isinstance(name, str) or not name:
            raise HandlerError('A step needs a name: ctx.once("text", …).')
        if name in self._begun:
            raise HandlerError(
                f"This attempt has a step called {name} already. "
                'In a loop, give each its own name: ctx.once(f"text-{loan_id}", …).'
            )
        text = self._steps.load(name)
        self._begun.add(name)
        kept = None if text is None else load(text)
        if kept is not None and kept.lost:
            self.log.warning("the result of step %s could not be kept, so it is None", name)
        return kept

    async def _finish_later(self, name: str, result: Awaitable[T]) -> T:
        try:
            finished = await result
        except BaseException:
            self._begun.discard(name)
            raise
        return self._finish(name, finished, awaited=True)

    def _finish(self, name: str, result: T, *, awaited: bool) -> T:
        kept = keep(result, awaited=awaited)
        # What is done is kept even if the attempt has ended meanwhile, for the next one.
        self._steps.save(name, dump(kept))
        self._require_time()
        if kept.lost:
            raise StepResultError(
                f"Step {name} is done, but its result ({type(result).__name__}) cannot be kept. "
                "Give ctx.once a function that returns text, numbers, lists, dicts or None."
            )
        return result


async def _ready(result: T) -> T:
    return result
