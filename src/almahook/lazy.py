"""Names of a package that are imported when they are first asked for.

https://peps.python.org/pep-0562/
"""

from __future__ import annotations

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def lazy(package: str, modules: Mapping[str, str]) -> Callable[[str], object]:
    """Make the ``__getattr__`` of a package.

    Args:
        package: Its name.
        modules: The module of each name.
    """

    def get(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        # Who asks for no such name does without.
        from importlib import import_module  # noqa: PLC0415

        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return get
