"""What a filter may ask of a value: pure, and never an error once it is made."""

import inspect
import math
import re
from collections.abc import Callable, Collection
from contextlib import suppress
from fnmatch import translate
from typing import Any, TypeAlias

from almahook.errors import FilterError

# Text, a number or a bool, None, a function, or alternatives of these.
Pattern: TypeAlias = "str | float | Callable[[Any], object] | Collection[Pattern] | None"

# The values found at a path, blanks left out; none when the path is absent, null or empty.
Test = Callable[[list[object]], bool]

_FIX = "Use text (with * and ?), a number, True, False, None, a function, or a list of these."


def compile_pattern(pattern: Pattern, *, what: str) -> Test:
    """Turn a pattern into a test of the values found at one path.

    Args:
        pattern: What is asked.
        what: The filter's name, for the error's text.

    Raises:
        FilterError: The pattern can never match, or is not a pattern.
    """
    if pattern is None:
        return _is_absent
    if isinstance(pattern, list | tuple | set | frozenset):
        return _any_of(pattern, what)
    return _some(_value_test(pattern, what))


def describe_pattern(pattern: Pattern) -> str:
    """Say a pattern in words, for a person."""
    if pattern is None:
        return "absent"
    if isinstance(pattern, list | tuple | set | frozenset):
        return " or ".join(describe_pattern(one) for one in pattern)
    if isinstance(pattern, str | bool | int | float):
        return str(pattern).lower() if isinstance(pattern, bool) else str(pattern)
    return f"as {getattr(pattern, '__name__', 'its function')} says"


def _is_absent(values: list[object]) -> bool:
    return not values


def _any_of(patterns: Collection[Any], what: str) -> Test:
    if not patterns:
        raise FilterError(f"{what} is an empty list, which nothing matches. {_FIX}")
    tests = [compile_pattern(pattern, what=what) for pattern in patterns]
    return lambda values: any(test(values) for test in tests)


def _some(test: Callable[[object], bool]) -> Test:
    return lambda values: any(test(value) for value in values)


def _value_test(pattern: object, what: str) -> Callable[[object], bool]:
    if isinstance(pattern, str):
        return _glob(pattern, what)
    if isinstance(pattern, bool):
        return _flag(pattern)
    if isinstance(pattern, int | float):
        return _number(pattern, what)
    if callable(pattern) and not isinstance(pattern, type):
        return _function(pattern, what)
    raise FilterError(f"{what} cannot be a {type(pattern).__name__}. {_FIX}")


def _glob(pattern: str, what: str) -> Callable[[object], bool]:
    """Match text whatever its case: names of jobs and codes get re-cased by people."""
    text = pattern.strip()
    if not text:
        raise FilterError(f"{what} is empty text. Use None to match what is absent or empty.")
    compiled = re.compile(translate(text.casefold()))
    plain = text.casefold()

    def test(value: object) -> bool:
        given = as_text(value).casefold()
        # A job may be called "Export [weekly]", which as a glob would not match itself.
        return given == plain or compiled.match(given) is not None

    return test


def as_text(value: object) -> str:
    """Read a plain value as Alma writes it; what is no plain value is empty."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) else ""


def _flag(pattern: bool) -> Callable[[object], bool]:
    # Bibliographic records say "true" and "false" as text.
    wanted = as_text(pattern)
    return lambda value: isinstance(value, bool | str) and as_text(value).casefold() == wanted


def _number(pattern: float, what: str) -> Callable[[object], bool]:
    if math.isnan(pattern):
        raise FilterError(f"{what} is not a number (NaN), which nothing matches. {_FIX}")
    return lambda value: _as_number(value) == pattern


def _as_number(value: object) -> float | None:
    """Read a number or a counter's text exactly: Alma's ids exceed what a float can hold."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    text = as_text(value)
    for read in (int, float):
        with suppress(ValueError):
            return read(text)
    return None


def _function(pattern: Callable[[Any], object], what: str) -> Callable[[object], bool]:
    if inspect.iscoroutinefunction(pattern):
        raise FilterError(f"{what} is an async function. A filter's function is a plain one.")

    def test(value: object) -> bool:
        # Whatever a user's function makes of odd data, an event is not lost over it.
        with suppress(Exception):
            return bool(pattern(value))
        return False

    return test
