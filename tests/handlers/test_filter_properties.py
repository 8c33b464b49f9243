import fnmatch
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almahook.events import read_event
from almahook.handlers import Handler, Registry, make_filter
from almahook.handlers.filters import values_at

KEYS = st.sampled_from(["value", "desc", "status", "type", "counter", "name", "job_info", "id"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["true", "66", "1e3", "nan", "9" * 5000, "COMPLETED_FAILED"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4)
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=4)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6).filter(str.strip)
ATOMS = WORDS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
PATTERNS = ATOMS | st.lists(ATOMS, min_size=1, max_size=3) | st.just(lambda value: value > 3)
FIELDS = st.dictionaries(
    st.sampled_from(["status", "job", "counter__type", "counter__value", "job_info", "name"]),
    PATTERNS,
    max_size=3,
)

# Making a nested document takes a while on a busy machine, which says nothing about filters.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def takes(payload: Any, fields: dict[str, Any]) -> bool:
    body = msgspec.json.encode({"id": "1", "action": "JOB_END", "job_instance": payload})
    return make_filter("JOB_END", fields=fields)(read_event(body))


@unhurried
@given(VALUES, FIELDS)
def test_a_filter_never_raises_and_says_true_or_false(payload: Any, fields: dict[str, Any]) -> None:
    assert takes(payload, fields) in {True, False}


@unhurried
@given(VALUES, PATTERNS)
def test_matching_an_event_never_raises_whatever_its_payload(value: Any, pattern: Any) -> None:
    body = msgspec.json.encode({"id": "1", "action": "JOB_END", "job_instance": value})
    path = {"job_instance.status": pattern, "job_instance.counter.value": pattern}
    handler = Handler(name="h", function=print, takes=make_filter("JOB_END", where=path))
    assert len(Registry([handler]).matching(read_event(body))) in {0, 1}


@unhurried
@given(DOCUMENTS, FIELDS, PATTERNS)
def test_one_filter_more_never_takes_more(
    payload: dict[str, Any], fields: dict[str, Any], pattern: Any
) -> None:
    more = {**fields, "type": pattern}
    assert not takes(payload, more) or takes(payload, fields)


@unhurried
@given(DOCUMENTS, st.lists(ATOMS, min_size=1, max_size=4))
def test_a_list_takes_what_any_of_its_alternatives_takes(
    payload: dict[str, Any], patterns: list[Any]
) -> None:
    each = [takes(payload, {"status": pattern}) for pattern in patterns]
    assert takes(payload, {"status": patterns}) == any(each)


@unhurried
@given(st.text("aB1*?[]!-._ ", max_size=8), st.text("aB1*?[]!-", min_size=1, max_size=6))
def test_text_is_a_glob_or_itself_in_any_case(value: str, pattern: str) -> None:
    text, glob = value.strip().casefold(), pattern.casefold()
    expected = bool(text) and (text == glob or fnmatch.fnmatchcase(text, glob))
    assert takes({"status": {"value": value}}, {"status": pattern}) == expected


@unhurried
@given(VALUES)
def test_a_value_is_either_absent_or_present(value: Any) -> None:
    absent = takes({"status": value}, {"status": None})
    present = takes({"status": value}, {"status": lambda _: True})
    assert absent != present


def test_deep_nesting_is_looked_through() -> None:
    value: Any = "deep"
    for _ in range(100_000):
        value = [value]
    assert values_at({"status": value}, ["status"]) == ["deep"]
