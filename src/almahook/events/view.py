"""Fields that read themselves out of a message, so that a view is a table of what it names."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Generic, Self, TypeVar, overload

from almahook.events import value

T = TypeVar("T")


class View:
    """A mapping with names for what is in it.

    Attributes:
        payload: Everything, as Alma sent it.
    """

    payload: Mapping[str, Any]

    def get(self, path: str, default: Any = None) -> Any:
        """Return the value at a dotted path of the payload, the code of ``{"value", "desc"}``.

        Of a list on the way, it is the first entry's; a list at the end is returned whole.
        """
        found = value.at(self.payload, path)
        if not isinstance(found, list):
            found = value.plain(found)
        return default if found is None else found


class Field(Generic[T]):
    """One named value of a view.

    Attributes:
        path: Where it stands in the payload, dotted.
    """

    def __init__(self, path: str, read: Callable[[Any], T], doc: str) -> None:
        self.path = path
        self._read = read
        self.__doc__ = doc

    @overload
    def __get__(self, view: None, owner: type[View]) -> Self: ...

    @overload
    def __get__(self, view: View, owner: type[View]) -> T: ...

    def __get__(self, view: View | None, owner: type[View]) -> "Self | T":
        if view is None:
            return self
        return self._read(value.at(view.payload, self.path))


def text(path: str, doc: str) -> Field[str]:
    """Name a text or a code; empty when absent."""
    return Field(path, value.text, doc)


def texts(path: str, doc: str) -> Field[Sequence[str]]:
    """Name a list of texts or codes; empty when absent."""
    return Field(path, value.texts, doc)


def flag(path: str, doc: str) -> Field[bool | None]:
    """Name a yes or no; None when absent."""
    return Field(path, value.flag, doc)


def number(path: str, doc: str) -> Field[int | float | None]:
    """Name a number; None when absent."""
    return Field(path, value.number, doc)


def moment(path: str, doc: str) -> Field[datetime | None]:
    """Name a date and time, in UTC as Alma writes them; None when absent."""
    return Field(path, value.moment, doc)


def day(path: str, doc: str) -> Field[date | None]:
    """Name a date; None when absent."""
    return Field(path, value.day, doc)
