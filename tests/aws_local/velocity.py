"""Mapping templates, rendered as API Gateway renders them.

airspeed is the engine; the objects that templates see are these, and behave as AWS documents.
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, unquote_plus

import airspeed

# Velocity takes a backslash in a literal as it stands; airspeed would make one of two.
for literal in (airspeed.StringLiteral, airspeed.InterpolatedStringLiteral):
    literal.ESCAPED_CHAR = re.compile(r"(?!)")

_SHORT = {"\b": "b", "\n": "n", "\t": "t", "\f": "f", "\r": "r"}
_ESCAPED = "'\"\\/"


class JavaString(str):
    """A text with the methods that a template calls on one."""

    __slots__ = ()

    def equalsIgnoreCase(self, other: str) -> bool:  # noqa: N802 - Java's name, as all of these
        return self.casefold() == other.casefold()

    def startsWith(self, prefix: str) -> bool:  # noqa: N802
        return self.startswith(prefix)

    def replaceAll(self, pattern: str, replacement: str) -> "JavaString":  # noqa: N802
        return JavaString(re.sub(pattern, lambda _: replacement, self))


class JavaMap(dict[str, Any]):
    """A map with the methods that a template calls on one."""

    def keySet(self) -> list[str]:  # noqa: N802
        return [JavaString(key) for key in self]

    def containsKey(self, key: str) -> bool:  # noqa: N802
        return key in self


class Input:
    """``$input``, for a request or for what an integration returned."""

    def __init__(
        self,
        body: str,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        # Recorded on AWS: an empty body renders as an empty object.
        self.body = JavaString(body or "{}")
        self._params = JavaMap(
            path=_java(path or {}), querystring=_java(query or {}), header=_java(headers or {})
        )

    def params(self, name: str | None = None) -> Any:
        if name is None:
            return self._params
        # "searched in that order"
        places = (self._params[place] for place in ("path", "querystring", "header"))
        return next((place[name] for place in places if name in place), "")

    def path(self, path: str) -> Any:
        return _java(self._at(path))

    def json(self, path: str) -> str:
        return JavaString(json.dumps(self._at(path), separators=(",", ":"), ensure_ascii=False))

    def _at(self, path: str) -> Any:
        found = json.loads(self.body)
        for name in path.removeprefix("$").split(".")[1:]:
            found = found.get(name) if isinstance(found, dict) else None
        return found


class Util:
    """``$util``."""

    def escapeJavaScript(self, text: str) -> JavaString:  # noqa: N802
        # Half characters are written one by one, as Java's strings are UTF-16.
        units = text.encode("utf-16-be", "surrogatepass")
        pairs = zip(units[::2], units[1::2], strict=True)
        return JavaString("".join(_escaped(chr(high << 8 | low)) for high, low in pairs))

    def base64Encode(self, text: str) -> JavaString:  # noqa: N802
        return JavaString(base64.b64encode(text.encode("utf-8")).decode("ascii"))

    def base64Decode(self, text: str) -> JavaString:  # noqa: N802
        return JavaString(base64.b64decode(text).decode("utf-8"))

    def urlEncode(self, text: str) -> JavaString:  # noqa: N802
        return JavaString(quote_plus(text))

    def urlDecode(self, text: str) -> JavaString:  # noqa: N802
        return JavaString(unquote_plus(text))

    def parseJson(self, text: str) -> Any:  # noqa: N802
        return _java(json.loads(text))


def render(template: str, given: Input) -> tuple[str, str]:
    """Return what a template writes, and the status that it sets; empty when it sets none."""
    override = JavaMap(header=JavaMap())
    names = {"input": given, "util": Util(), "context": JavaMap(responseOverride=override)}
    return airspeed.Template(template).merge(names), str(override.get("status", ""))


def _java(value: Any) -> Any:
    if isinstance(value, str):
        return JavaString(value)
    if isinstance(value, Mapping):
        return JavaMap({name: _java(one) for name, one in value.items()})
    return [_java(one) for one in value] if isinstance(value, list) else value


def _escaped(unit: str) -> str:
    """Escape as the library does that Velocity brings: StringEscapeUtils of Commons Lang 2."""
    if unit in _SHORT:
        return f"\\{_SHORT[unit]}"
    if unit in _ESCAPED:
        return f"\\{unit}"
    return unit if " " <= unit <= "\x7f" else f"\\u{ord(unit):04X}"
