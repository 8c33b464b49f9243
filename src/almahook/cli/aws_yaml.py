"""Writes values as YAML, the way a person would: CloudFormation's parts that come from code.

https://yaml.org/spec/1.2.2/
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_STEP = 2


def yaml_block(value: Any, *, indent: int) -> str:
    """Write a mapping or a list as lines that begin so many columns from the left."""
    return "\n".join(" " * indent + line if line else "" for line in _lines(value))


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _entry(f"{_scalar(key)}:", inner)
    else:
        for inner in value:
            yield from _item(inner)


def _entry(start: str, value: Any) -> Iterator[str]:
    if isinstance(value, str) and ("\n" in value or '"' in value):
        has_end = value.endswith("\n")
        yield f"{start} {'|' if has_end else '|-'}"
        yield from _shifted(value.removesuffix("\n").split("\n"))
    elif _is_simple(value):
        yield f"{start} {_scalar(value)}"
    else:
        yield start
        yield from _shifted(_lines(value))


def _item(value: Any) -> Iterator[str]:
    if _is_simple(value):
        yield f"- {_scalar(value)}"
        return
    for number, line in enumerate(_lines(value)):
        yield f"{'  ' if number else '- '}{line}" if line else ""


def _is_simple(value: Any) -> bool:
    return not isinstance(value, Mapping | Sequence) or isinstance(value, str) or not value


def _scalar(value: Any) -> str:
    # A text of letters and colons needs no quotes, unless YAML takes it for something else.
    if isinstance(value, str) and value.replace("::", "").replace("/", "").isalpha():
        return value if value.lower() not in _WORDS else json.dumps(value)
    return json.dumps(value, ensure_ascii=False)


def _shifted(lines: Iterator[str] | Sequence[str]) -> Iterator[str]:
    return (" " * _STEP + line if line else "" for line in lines)


# https://yaml.org/type/bool.html, which CloudFormation still follows.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
