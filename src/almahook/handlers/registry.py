"""The handlers that are loaded, each under its own name."""

from collections.abc import Iterable, Iterator

from almahook.errors import HandlerLoadError
from almahook.events import Event
from almahook.handlers.handler import Handler


class Registry:
    """Handlers by name, in the order they were given.

    Raises:
        HandlerLoadError: Two handlers have the same name.
    """

    def __init__(self, handlers: Iterable[Handler] = ()) -> None:
        self._handlers: dict[str, Handler] = {}
        for handler in handlers:
            self._add(handler)

    def _add(self, handler: Handler) -> None:
        if handler.name in self._handlers:
            raise HandlerLoadError(
                f"Two handlers are called {handler.name}. "
                'Give one of them another name: @on(…, name="…").'
            )
        self._handlers[handler.name] = handler

    @property
    def names(self) -> list[str]:
        """The handlers' names."""
        return list(self._handlers)

    def get(self, name: str) -> Handler | None:
        """Return the handler of this name, or None when it is no longer there."""
        return self._handlers.get(name)

    def matching(self, event: Event) -> list[Handler]:
        """Return the handlers that take this event; never raises."""
        return [handler for handler in self if _takes(handler, event)]

    def knows(self, event: Event) -> bool:
        """Say whether some handler is for the event's action, though perhaps not for this event."""
        # A plain function that takes events says nothing of others.
        return any(getattr(one.takes, "is_about", one.takes)(event) for one in self)

    def __iter__(self) -> Iterator[Handler]:
        return iter(self._handlers.values())

    def __len__(self) -> int:
        return len(self._handlers)


def _takes(handler: Handler, event: Event) -> bool:
    # A filter that fails on odd data does not match; the other handlers still get the event.
    try:
        return bool(handler.takes(event))
    except Exception:  # noqa: BLE001 - a filter is a user's code
        return False
