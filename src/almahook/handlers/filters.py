"""Declarative filters: which events a handler takes. Pure; a filter once made never raises."""

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from almahook.errors import FilterError
from almahook.events import Event
from almahook.handlers.pattern import Pattern, Test, compile_pattern, describe_pattern

# A job is known by its stable id ("M47") or by its name, whichever the user has at hand.
_ALIASES: Mapping[tuple[str, str], Sequence[Sequence[str]]] = {
    ("JOB_END", "job"): (("job_info", "id"), ("job_info", "name"), ("name",)),
}

# What other libraries call our options; no field of Alma's has such a name.
_SLIPS = {"retries": ["retry"], "max_retries": ["retry"], "attempts": ["retry"]}


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition of a filter, with its wording."""

    words: str
    test: Callable[[Event], bool]


@dataclass(frozen=True, slots=True)
class Filter:
    """Takes the events that meet every rule; its text says which."""

    rules: tuple[Rule, ...]

    def __call__(self, event: Event) -> bool:
        """Say whether the event meets every rule."""
        return all(rule.test(event) for rule in self.rules)

    def is_about(self, event: Event) -> bool:
        """Say whether the event meets the first rule, which is the action's."""
        return self.rules[0].test(event)

    def __str__(self) -> str:
        return ", ".join(rule.words for rule in self.rules)


def make_filter(
    action: str | Sequence[str],
    *,
    event: str | Sequence[str] | None = None,
    profile: str | Sequence[str] | None = None,
    institution: str | Sequence[str] | None = None,
    where: Mapping[str, Pattern] | None = None,
    fields: Mapping[str, Pattern] | None = None,
) -> Filter:
    """Make the filter that :func:`~almahook.on` describes.

    Raises:
        FilterError: The filter can never work; the text says what to write.
    """
    about = {"event": event, "profile": profile, "institution": institution}
    rules = [_attribute_rule("action", action)]
    rules += [_attribute_rule(name, text) for name, text in about.items() if text is not None]
    rules += [_field_rule(name, pattern) for name, pattern in (fields or {}).items()]
    rules += [_path_rule(path, pattern) for path, pattern in _paths(where).items()]
    return Filter(tuple(rules))


def require_no_misspelling(fields: Collection[str], *, options: Collection[str]) -> None:
    """Refuse a field that is nearly an option's name: it would filter everything away.

    Raises:
        FilterError: Names the option that was probably meant.
    """
    for field in fields:
        near = _SLIPS.get(field) or difflib.get_close_matches(field, options, n=1, cutoff=0.75)
        if near:
            raise FilterError(
                f"There is no option {field}=. Did you mean {near[0]}=? "
                f'If the payload has a field of this name, write where={{"….{field}": …}}.'
            )


def values_at(document: object, path: Sequence[str]) -> list[object]:
    """Return the values at a path, blanks left out; a list on the way is looked through."""
    found = list(_elements([document]))
    for key in path:
        found = list(_elements(_step(value, key) for value in found))
    plain = _elements(_plain(value) for value in found)
    return [value for value in plain if not _is_blank(value)]


def _attribute_rule(name: str, pattern: str | Sequence[str]) -> Rule:
    _require_texts(name, pattern)
    test = compile_pattern(pattern, what=f"{name}=")
    words = f"{name} {describe_pattern(pattern)}"
    return Rule(words, lambda event: test(values_at(getattr(event, name), ())))


def _require_texts(name: str, pattern: object) -> None:
    texts = pattern if isinstance(pattern, list | tuple | set | frozenset) else [pattern]
    if not all(isinstance(text, str) for text in texts):
        raise FilterError(f'{name} must be text or a list of texts, as in @on("LOAN").')


def _field_rule(name: str, pattern: Pattern) -> Rule:
    test = compile_pattern(pattern, what=f"{name}=")
    words = f"{name.replace('__', '.')} {describe_pattern(pattern)}"
    return Rule(words, lambda event: _field_matches(event, name, test))


def _field_matches(event: Event, name: str, test: Test) -> bool:
    paths = _ALIASES.get((event.action, name), (name.split("__"),))
    return test([value for path in paths for value in values_at(event.payload, path)])


def _paths(where: object) -> Mapping[str, Pattern]:
    if where is None:
        return {}
    if not isinstance(where, Mapping):
        raise FilterError('where= takes paths and patterns: where={"item_loan.library": "MAIN"}.')
    return where


def _path_rule(path: object, pattern: Pattern) -> Rule:
    if not isinstance(path, str) or not all(path.split(".")):
        raise FilterError('A path in where= is text such as "job_instance.counter.type".')
    test = compile_pattern(pattern, what=f'where="{path}"')
    keys = path.split(".")
    words = f"{path} {describe_pattern(pattern)}"
    return Rule(words, lambda event: test(values_at(event.document, keys)))


def _elements(values: Collection[object] | Iterator[object]) -> Iterator[object]:
    """Flatten lists without recursion: nesting is the sender's choice."""
    stack = list(values)[::-1]
    while stack:
        value = stack.pop()
        if isinstance(value, list | tuple):
            stack.extend(reversed(value))
        else:
            yield value


def _step(value: object, key: str) -> object:
    if isinstance(value, Mapping):
        return value.get(key)
    # XML without a description has plain text where JSON has {"value", "desc"}.
    return value if key == "value" else None


def _plain(value: object) -> object:
    return value["value"] if isinstance(value, Mapping) and "value" in value else value


def _is_blank(value: object) -> bool:
    return value is None or value == {} or (isinstance(value, str) and not value.strip())
