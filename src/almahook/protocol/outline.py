"""The parts of a message that its envelope is made of, without the rest.

Most of a message is its payload, of which one id is looked at. Passing over the rest takes a third
of the time that decoding all of it takes.
"""

from collections.abc import Callable, Iterable, Mapping
from types import GenericAlias
from typing import Any, TypedDict

import msgspec

from almahook.protocol.document import has_few_brackets
from almahook.protocol.utf8 import is_utf8
from almahook.protocol.vocabulary import ACTIONS

_FIELDS = ("id", "action", "event", "institution", "time")


def read_outline(body: bytes) -> dict[str, Any] | None:
    """Decode the parts, if all of the body is JSON of the usual form; None if it may be another."""
    # Of what it passes over, the decoder checks neither the encoding nor the depth.
    if not (is_utf8(body) and has_few_brackets(body)):
        return None
    try:
        return _decode(body)
    except ValueError:
        return None


_Tree = dict[str, "_Tree"]


def _tree(paths: Iterable[Iterable[str]]) -> _Tree:
    tree: _Tree = {}
    for path in paths:
        inner = tree
        for key in path:
            inner = inner.setdefault(key, {})
    return tree


def _form_of(name: str, tree: Mapping[str, "_Tree"]) -> Any:
    """Say which keys of an object are read; it can be one of several, or missing."""
    if not tree:
        return Any
    one = _object(name, {key: _form_of(f"{name}.{key}", inner) for key, inner in tree.items()})
    return one | GenericAlias(list, one) | None


# A type checker knows those only that are spelled out.
_typed_dict: Any = TypedDict


def _object(name: str, forms: Mapping[str, Any]) -> Any:
    return _typed_dict(name, dict(forms), total=False)


def _message() -> Any:
    subjects = _tree((one.payload, *one.subject) for one in ACTIONS.values())
    payloads = {key: _form_of(key, inner) for key, inner in subjects.items()}
    return _object("message", dict.fromkeys(_FIELDS, Any) | payloads)


_decode: Callable[[bytes], dict[str, Any]] = msgspec.json.Decoder(_message()).decode
