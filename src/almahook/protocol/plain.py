"""The base of the values that it takes to refuse a request or to answer a challenge.

They are plain classes, without dataclasses, typing or msgspec: each of these takes a function on
AWS about as long to load as all the rest of a refusal.
"""


class Plain:
    """A value whose fields are its slots; nobody changes them, and its repr hides some."""

    __slots__: tuple[str, ...] = ()

    hidden: frozenset[str] = frozenset()

    def _values(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self.__slots__])

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        names = [name for name in self.__slots__ if name not in self.hidden]
        shown = [f"{name}={getattr(self, name)!r}" for name in names]
        return f"{type(self).__name__}({', '.join(shown)})"
