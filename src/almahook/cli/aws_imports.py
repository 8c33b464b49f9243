"""Which of almahook's files a function needs: those that its module imports, and theirs in turn.

A function of AWS Lambda starts sooner the less there is to unpack.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import almahook

_PACKAGE = "almahook"
_ROOT = Path(almahook.__file__).parent


def imported_files(module: str) -> Mapping[str, Path]:
    """Return the files of almahook that a module of it needs, by where they stand in a package.

    Imports within functions count, those for type checkers only do not.
    """
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        for name in _with_parents(waiting.pop()):
            file = _file(name)
            place = f"{_PACKAGE}/{file.relative_to(_ROOT).as_posix()}" if file else ""
            if file and place not in found:
                found[place] = file
                waiting += _imports(ast.parse(file.read_bytes()))
    return dict(sorted(found.items()))


def _with_parents(module: str) -> Iterator[str]:
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        yield ".".join(parts[:length])


def _file(module: str) -> Path | None:
    package, *parts = module.split(".")
    if package != _PACKAGE:
        return None
    place = _ROOT.joinpath(*parts)
    choices = (place / "__init__.py", place.with_suffix(".py"))
    return next((file for file in choices if file.is_file()), None)


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and _is_for_type_checkers(node):
            for child in node.orelse:
                yield from _imports(child)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # What is imported from a package may be a module of it.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from _imports(node)


def _is_for_type_checkers(node: ast.If) -> bool:
    return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
