"""The base of the values that are made for every request."""

from typing import ClassVar

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """A frozen value; its repr hides what must not be shown.

    It is a msgspec struct because a frozen dataclass takes ten times as long to make.
    """

    hidden: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        shown = [
            f"{name}={getattr(self, name)!r}"
            for name in self.__struct_fields__
            if name not in self.hidden
        ]
        return f"{type(self).__name__}({', '.join(shown)})"
