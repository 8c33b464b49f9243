"""The envelope of a message of the usual form, without decoding all of the message.

Most of a message is its payload, of which one id is looked at. Passing over the rest takes a third
of the time that decoding all of it takes.
"""

from collections.abc import Iterable, Mapping
from types import GenericAlias
from typing import TYPE_CHECKING, Any, TypedDict, cast

import msgspec

from almahook.protocol.document import has_few_brackets
from almahook.protocol.fields import is_plain, plain_name
from almahook.protocol.utf8 import is_utf8
from almahook.protocol.vocabulary import ACTIONS

if TYPE_CHECKING:
    from almahook.protocol.fields import Fields


class Coded(msgspec.Struct, frozen=True):
    """Alma's ``{"value", "desc"}``."""

    value: str = ""


_NO_CODE = Coded()


class Outline(msgspec.Struct, frozen=True):
    """The fields around the payload, as Alma writes them; a class of its own adds the payloads."""

    id: str | None = ""
    action: str = ""
    event: Coded | None = _NO_CODE
    institution: Coded | None = _NO_CODE
    time: str | None = ""


def read_usual(body: bytes) -> "Fields | None":  # noqa: PLR0911 - any of it may be unusual
    """Return the fields of a message if all is as usual.

    The body is JSON as Alma writes it, of a known action, and the texts are plain.

    Returns:
        None if anything may be otherwise.

    Raises:
        InvalidActionError: The event is no plain name.
    """
    # Of what it passes over, the decoder checks neither the encoding nor the depth.
    if not (is_utf8(body) and has_few_brackets(body)):
        return None
    try:
        outline = _decode(body)
    except ValueError:
        return None
    known = ACTIONS.get(outline.action)
    if known is None:
        return None
    subject = getattr(outline, known.payload)
    for key in known.subject:
        if type(subject) is not dict:
            return None
        subject = subject.get(key)
    if type(subject) is not str:
        return None
    message_id, time = outline.id or "", outline.time or ""
    event = (outline.event or _NO_CODE).value
    institution = (outline.institution or _NO_CODE).value
    # Looking at all together takes a fraction of looking at each.
    texts = message_id + event + institution + time + subject
    if " " in texts or not is_plain(texts):
        return None
    return message_id, outline.action, plain_name(event), institution, time, subject


_Tree = dict[str, "_Tree"]
# A type checker knows those only that are spelled out.
_typed_dict: Any = TypedDict


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
    keys = {key: _form_of(f"{name}.{key}", inner) for key, inner in tree.items()}
    one = _typed_dict(name, keys, total=False)
    return one | GenericAlias(list, one) | None


def _outline() -> type[Outline]:
    """Add to an outline the payloads of all known actions, as far as they are read."""
    subjects = _tree((one.payload, *one.subject) for one in ACTIONS.values())
    fields = [(key, _form_of(key, inner), None) for key, inner in subjects.items()]
    made = msgspec.defstruct("Message", fields, bases=(Outline,), frozen=True)
    return cast("type[Outline]", made)


_decode = msgspec.json.Decoder(_outline()).decode
