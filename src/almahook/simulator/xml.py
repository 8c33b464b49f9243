"""Alma's JSON written as the XML that a profile of message type XML sends.

No captured XML body is public. The shape follows the REST API's schemas: lists are wrapped in an
element with the plural name, and ``desc``, ``link`` and their like are attributes.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from almahook.errors import MessageError, XMLError
from almahook.protocol import parse_document

_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_VALUE = "value"
_ANY = "anies"

# What stands beside a value is an attribute; of these, the second set is one on any element.
_BESIDE_VALUE = frozenset({"desc", "link", "name", "description", "type"})
_ATTRIBUTES = frozenset(
    {"link", "segment_type", "preferred", "preferred_sms", "total_record_count"}
)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")
_RECORD = re.compile(r"\s*(?:<\?xml[^>]*\?>)?\s*(<record\b.*)", re.DOTALL)
# Characters that XML 1.0 does not have at all.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\t": "&#9;"}
)


def to_xml(body: bytes, *, root: str = "webhook") -> bytes:
    """Write a JSON message as XML; nulls are left out, as XML has none.

    Raises:
        MessageError: The body is not a JSON object that XML can hold.
    """
    return write_xml(root, parse_document(body))


def write_xml(root: str, document: Mapping[str, Any]) -> bytes:
    """Write a mapping of the shape of Alma's JSON as an XML document.

    Raises:
        XMLError: A key is not an XML name.
    """
    return (_DECLARATION + "".join(_element(root, document))).encode("utf-8")


def _element(tag: str, value: Any) -> Iterator[str]:
    if not _NAME.fullmatch(tag):
        raise XMLError("A key of the message is not an XML name.")
    if not isinstance(value, Mapping):
        yield f"<{tag}>{_escape(_text(value))}</{tag}>"
        return
    attributes = {key: value[key] for key in value if _is_attribute(key, value)}
    yield f"<{tag}{''.join(_attributes(attributes))}>"
    if _is_coded(value):
        yield _escape(_text(value[_VALUE]))
    else:
        for key, child in value.items():
            if key not in attributes:
                yield from _child(tag, key, child)
    yield f"</{tag}>"


def _child(tag: str, key: str, value: Any) -> Iterator[str]:
    if value is None:
        return
    if key == _ANY and isinstance(value, list):
        yield from map(_record, value)
    elif not isinstance(value, list):
        yield from _element(key, value)
    elif _plural(key) == tag:
        yield from _items(key, value)
    else:
        yield f"<{_plural(key)}>"
        yield from _items(key, value)
        yield f"</{_plural(key)}>"


def _items(tag: str, values: list[Any]) -> Iterator[str]:
    for value in values:
        if value is not None:
            yield from _element(tag, value)


def _plural(name: str) -> str:
    return f"{name}es" if name.endswith("s") else f"{name}s"


def _is_coded(value: Mapping[str, Any]) -> bool:
    """Tell ``{"value", "desc"}`` from an element that has a child of the name ``value``."""
    return _VALUE in value and all(
        _is_plain(item) and (key == _VALUE or key in _BESIDE_VALUE) for key, item in value.items()
    )


def _is_attribute(key: str, value: Mapping[str, Any]) -> bool:
    if value[key] is None or not _is_plain(value[key]):
        return False
    return key in (_BESIDE_VALUE if _is_coded(value) else _ATTRIBUTES)


def _is_plain(value: Any) -> bool:
    return not isinstance(value, Mapping | list)


def _attributes(attributes: Mapping[str, Any]) -> Iterator[str]:
    for name, value in attributes.items():
        # A line break in an attribute would be read as a blank.
        text = _escape(_text(value)).replace("\n", "&#10;")
        yield f' {name}="{text}"'


def _record(markup: Any) -> str:
    """Inline a MARC record, without the declaration that claims UTF-16."""
    found = _RECORD.fullmatch(_text(markup))
    try:
        if found:
            parse_document(found[1].encode("utf-8"))
            return found[1]
    except (MessageError, UnicodeError):
        pass
    return f"<{_ANY}>{_escape(_text(markup))}</{_ANY}>"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _escape(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text).translate(_ESCAPES)
