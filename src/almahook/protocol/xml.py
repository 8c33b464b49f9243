"""Alma's XML profile, read into the shape of its JSON.

The parser refuses every document type declaration, and with it all entities and external
references, and it bounds the depth. The bytes are UTF-8 whatever the XML declaration claims: Alma
is known to write UTF-16 there, and the name of a codec is not the sender's to choose. The root
element's name is not relied on: no captured body is public, and the schema and known code disagree
about it.
"""

from collections import defaultdict
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder, tostring
from xml.parsers import expat

from almahook.errors.message import EncodingError, ForbiddenXMLError, NestingError, XMLError
from almahook.protocol.limits import MAX_DEPTH
from almahook.protocol.utf8 import is_utf8

# The JSON name of the schema's xs:any, under which the bibliographic record travels.
_ANY = "anies"
_RECORD = "record"
_NAMESPACE_END = "}"
# Its attributes (nil, type, schemaLocation) are about the markup, and JSON has nothing for them.
_SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance}"


class _Tree:
    """Builds the elements, and refuses what no message of Alma's holds."""

    def __init__(self) -> None:
        self._builder = TreeBuilder()
        self._depth = 0

    def parse(self, body: bytes) -> Element:
        parser = expat.ParserCreate("utf-8", _NAMESPACE_END)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._builder.data
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.Parse(body, True)
        return self._builder.close()

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise NestingError
        own = {_local(name): attributes[name] for name in attributes if not _is_schema(name)}
        self._builder.start(_local(tag), own)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        self._builder.end(_local(tag))


def parse_xml(body: bytes) -> dict[str, Any]:
    """Parse a body into a plain mapping shaped as Alma's JSON.

    Raises:
        ForbiddenXMLError: The body declares a document type or an entity.
        NestingError: Elements are nested deeper than 64.
        EncodingError: The bytes are not UTF-8.
        XMLError: The body is not well-formed.
    """
    # The parser would take this for UTF-16 by itself, whatever it is told.
    if body[1:2] == b"\0":
        raise EncodingError
    try:
        content = _content(_Tree().parse(body))
    except expat.ExpatError:
        raise (XMLError if is_utf8(body) else EncodingError) from None
    return content if isinstance(content, dict) else {}


def _refuse_doctype(*_: object) -> None:
    raise ForbiddenXMLError


def _is_schema(name: str) -> bool:
    return name.startswith(_SCHEMA_INSTANCE)


def _local(name: str) -> str:
    return name.rpartition(_NAMESPACE_END)[2]


def _content(element: Element) -> Any:
    """Read an element as JSON has it: attributes beside children, or beside a ``value``."""
    if len(element):
        return {**element.attrib, **_children(element)}
    text = element.text.strip() if element.text else ""
    if element.attrib:
        return {"value": text, **element.attrib}
    return text or None


def _children(element: Element) -> dict[str, Any]:
    groups: defaultdict[str, list[Any]] = defaultdict(list)
    repeated = set()
    for child in element:
        if child.tag == _RECORD:
            groups[_ANY].append(_markup(child))
            repeated.add(_ANY)
        elif item := _wrapped(child):
            groups[item].extend(_content(entry) for entry in child)
            repeated.add(item)
        else:
            groups[child.tag].append(_content(child))
    return {
        name: values if name in repeated or len(values) > 1 else values[0]
        for name, values in groups.items()
    }


def _wrapped(element: Element) -> str:
    """Name the children of a list wrapper: JSON has ``"counter": […]`` for it."""
    names = {child.tag for child in element}
    if len(names) != 1:
        return ""
    (name,) = names
    return name if element.tag in {f"{name}s", f"{name}es"} else ""


def _markup(record: Element) -> str:
    record.tail = None
    return tostring(record, encoding="unicode")
