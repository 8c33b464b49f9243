"""Loads the handlers, once, from a folder or a module that the settings name.

Nothing of a message ever reaches an import. Files are imported under a private package, so that
a file called json.py is only a file; an unprefixed import of a neighbour (``from _shared import
…``) is answered by a finder that is asked last, after the standard library and what is installed.
"""

import importlib
import sys
import traceback
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from almahook.errors import HandlerLoadError
from almahook.handlers.convention import is_handler_file, named_after
from almahook.handlers.decorator import registrations
from almahook.handlers.handler import Handler
from almahook.handlers.registry import Registry
from almahook.handlers.signature import adapt, is_async

_PACKAGE = "_almahook_handlers"
_IMPORT_SYSTEM = (__file__, str(importlib.__file__), "<frozen importlib")


class _Neighbours(MetaPathFinder):
    """Finds a handler folder's own files for ``import _shared``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(fullname, [str(self.folder)], target) if path is None else None


def load_handlers(folder: Path | None, *, module: str | None = None) -> Registry:
    """Load the handlers of a folder, of a module (or package), or of both.

    Args:
        folder: Each file in it holds handlers, except those named ``_….py``, ``test_….py`` and
            ``conftest.py``.
        module: The dotted name of an installed module whose handlers are added.

    Raises:
        HandlerLoadError: A file cannot be imported or holds no handler, a function does not take
            an event, or two handlers have one name.
    """
    handlers = [] if folder is None else list(_folder_handlers(folder.resolve()))
    if module is not None:
        handlers += _module_handlers(module)
    return Registry(handlers)


def _folder_handlers(folder: Path) -> Iterator[Handler]:
    if not folder.is_dir():
        raise HandlerLoadError(f"There is no folder {folder}. Type: almahook init")
    _forget_previous_folder()
    package = ModuleType(_PACKAGE)
    package.__path__ = [str(folder)]
    sys.modules[_PACKAGE] = package
    sys.meta_path.append(_Neighbours(folder))
    yield from _package_handlers(package)


def _forget_previous_folder() -> None:
    """Let go of what an earlier folder imported, so that its files are not taken for ours."""
    importlib.invalidate_caches()
    previous = [finder for finder in sys.meta_path if isinstance(finder, _Neighbours)]
    folders = {finder.folder for finder in previous}
    for finder in previous:
        sys.meta_path.remove(finder)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        is_neighbour = file is not None and Path(file).parent in folders
        if is_neighbour or name.partition(".")[0] == _PACKAGE:
            del sys.modules[name]


def _module_handlers(name: str) -> Iterator[Handler]:
    module = _imported(name, where=f"module {name}")
    if hasattr(module, "__path__"):
        yield from _decorated(module, stem=name.rpartition(".")[2], others=frozenset())
        yield from _package_handlers(module)
    else:
        yield from _file_handlers(module, Path(module.__file__ or name), others=frozenset())


def _package_handlers(package: ModuleType) -> Iterator[Handler]:
    files = [file for folder in package.__path__ for file in sorted(Path(folder).glob("*.py"))]
    stems = frozenset(file.stem for file in files if is_handler_file(file))
    for file in files:
        if file.stem in stems:
            module = _imported(f"{package.__name__}.{file.stem}", where=str(file))
            yield from _file_handlers(module, file, others=stems - {file.stem})


def _imported(name: str, *, where: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise HandlerLoadError(_what_failed(error, where)) from error


def _what_failed(error: BaseException, where: str) -> str:
    """Name the file and the line of the user's own code, and what to do when it is plain."""
    file, line = _place(error, where)
    text = f"{file}{f', line {line}' if line else ''}: {type(error).__name__}: {error}"
    if isinstance(error, ModuleNotFoundError):
        text += ". Is the package installed where almahook runs?"
    return text


def _place(error: BaseException, where: str) -> tuple[str, int | None]:
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    users = [frame for frame in frames if not frame.filename.startswith(_IMPORT_SYSTEM)]
    # Where the user's own code called something that failed, not where that something did.
    own = [one for one in users if Path(one.filename).parent == Path(users[0].filename).parent]
    return (own[-1].filename, own[-1].lineno) if own else (where, None)


def _file_handlers(module: ModuleType, file: Path, *, others: frozenset[str]) -> Iterator[Handler]:
    handlers = list(_decorated(module, stem=file.stem, others=others))
    process = vars(module).get("process")
    if process is not None and not registrations(process):
        function = adapt(process, where=f"{file}: process")
        handlers.append(
            Handler(
                name=file.stem,
                function=function,
                takes=named_after(file),
                is_async=is_async(function),
            )
        )
    if not handlers:
        raise HandlerLoadError(
            f"{file} holds no handler. Add def process(event, ctx), or decorate a function with "
            "@on(…). If other files import it, let its name start with _ ."
        )
    yield from handlers


def _decorated(module: ModuleType, *, stem: str, others: frozenset[str]) -> Iterator[Handler]:
    """Find the decorated functions of a file, without those it imported from another handler."""
    # A function with a second name in its file is still one handler.
    functions = {id(value): (key, value) for key, value in reversed(vars(module).items())}
    for key, function in reversed(functions.values()):
        found = registrations(function)
        origin = str(getattr(function, "__module__", "")).rpartition(".")[2]
        if found and origin not in others:
            adapted = adapt(function, where=f"{module.__file__}: {key}")
            name = stem if key == "process" else f"{stem}.{key}"
            for one in found:
                yield one.handler(name, adapted, is_async=is_async(adapted))
