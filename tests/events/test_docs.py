import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from almahook import Skip
from almahook.events import (
    TERMINAL_STATUSES,
    Counter,
    Event,
    LoanEvent,
    UserRecord,
    read_event,
    value,
)
from almahook.events.read import TYPES
from almahook.events.view import Field
from almahook.handlers import Registry, load_handlers
from almahook.protocol import ACTIONS
from almahook.testing import HandlerContext, context, run, sample_event, user

from .conftest import SAMPLES

PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
FILES = dict(
    re.findall(r"^```python\n# handlers/(\w+)\.py\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
)

VIEWS = {kind.__name__: kind for kind in [*TYPES.values(), UserRecord]}

# How the page says what a field gives, by the function that reads it.
READ = {
    value.text: "text",
    value.texts: "list of texts",
    value.flag: "yes or no",
    value.number: "number",
    value.moment: "date and time",
    value.day: "date",
}
# And what anything else gives, by its annotation.
GIVEN = {
    str: "text",
    bool: "`True` or `False`",
    int | float | None: "number",
    UserRecord: "`UserRecord`",
    "pymarc.Record | None": "pymarc's `Record`, or `None`",
}


def rows_of(kind: type) -> Iterator[tuple[str, str, str]]:
    """Each thing that a class declares, as the page's table has it."""
    for name, member in vars(kind).items():
        if name.startswith("_"):
            continue
        if isinstance(member, Field):
            yield name, READ[member._read], said(member)
        elif isinstance(member, property):
            yield name, given(member.fget), said(member)
        elif inspect.isfunction(member):
            arguments = list(inspect.signature(member).parameters.values())[1:]
            yield f"{name}({', '.join(map(spelled, arguments))})", given(member), said(member)


def given(function: Any) -> str:
    annotation = inspect.signature(function).return_annotation
    if Counter in getattr(annotation, "__args__", ()):
        return "list of `Counter`"
    return GIVEN[annotation]


def spelled(argument: inspect.Parameter) -> str:
    return str(argument.replace(annotation=inspect.Parameter.empty))


def said(member: Any) -> str:
    return (inspect.getdoc(member) or "").split("\n\n")[0].replace("\n", " ").replace("``", "`")


def table(rows: Iterator[tuple[str, str, str]]) -> str:
    lines = [f"| `{name}` | {given} | {meaning} |" for name, given, meaning in rows]
    return "\n".join(["| field | gives | meaning |", "|---|---|---|", *lines])


@pytest.mark.parametrize("name", VIEWS)
def test_the_table_of_each_view_is_what_its_class_declares(name) -> None:
    (section,) = [text for title, text in SECTIONS.items() if title.startswith(f"`{name}`")]
    tables = re.findall(r"^\| field \|.*\n(?:\|.*\n)+", section, re.MULTILINE)
    assert [found.strip() for found in tables] == [table(rows_of(VIEWS[name]))]


def test_the_table_of_counters_is_what_the_class_has() -> None:
    names = [*Counter.__dataclass_fields__, "number"]
    assert [name for name in names if f"| `counter.{name}` |" not in PAGE] == []


LOAN_FIELDS = {name for name in dir(LoanEvent) if name not in dir(Event)}


def test_the_table_of_every_event_names_all_that_an_event_has() -> None:
    names = re.findall(r"^\| `(\w+)", SECTIONS["Every event"], re.MULTILINE)
    event = read_event(b'{"action":"LOAN"}')
    assert set(names) == {name for name in dir(event) if not name.startswith("_")} - LOAN_FIELDS
    assert [name for name in names if not hasattr(sample_event("LOAN"), name)] == []


def test_the_table_of_actions_is_the_vocabulary() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \| `(\w+)` \| `(\w+)` \|$", PAGE, re.MULTILINE)
    assert {
        action: (re.findall(r"`(\w+)`", events), kind, payload)
        for action, events, kind, payload in rows
    } == {
        name: (list(action.events), TYPES[name].__name__, action.payload)
        for name, action in ACTIONS.items()
    }


def test_every_terminal_status_is_in_the_page() -> None:
    assert [status for status in TERMINAL_STATUSES if f"`{status}`" not in PAGE] == []


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    for name, code in FILES.items():
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
    return load_handlers(tmp_path)


@pytest.fixture
def ctx() -> HandlerContext:
    ana = user(preferred_sms="+1 555 010 0123", email="ana.mendez@example.edu")
    return context(users={"amendez": ana}, default_country="US")


EVENTS = {
    "publishing": read_event(SAMPLES["job_end_2024_system_publishing"]),
    "loan_due_date": sample_event("LOAN", event="LOAN_DUE_DATE", user_id="amendez"),
    "request_placed_on_shelf": sample_event("REQUEST", user_primary_id="amendez"),
    "bib": sample_event("BIB", suppress_from_publishing="false"),
    "item_updated": sample_event("ITEM", item_data__process_type="MISSING"),
    "user": sample_event("USER"),
    "notification": sample_event("NOTIFICATION"),
    "portfolio": sample_event("PORTFOLIO", portfolio__id="7"),
}
SAID = {
    "publishing": "Publishing Platform Job General Publishing: 3465 records",
    "loan_due_date": "Faculty staff laptop is now due on 13 October 2020.",
    "request_placed_on_shelf": "Boehme : an intellectual biography",
    "item_updated": "31940535470509 is missing from Example Main Library",
    "user": "An account of the group Faculty was updated.",
    "notification": "has been cancelled",
}


def test_every_code_block_of_the_page_is_a_handler_file() -> None:
    assert len(FILES) == PAGE.count("```python")
    assert set(FILES) == set(EVENTS)


@pytest.mark.parametrize("name", EVENTS)
def test_every_example_of_the_page_handles_its_event(registry, ctx, name) -> None:
    (handler,) = registry.matching(EVENTS[name])
    assert run(handler, EVENTS[name], ctx) is None
    assert [SAID[name] in message.text for message in ctx.sent] == [True] * (name in SAID)


@pytest.mark.parametrize(
    "event",
    [
        sample_event("JOB_END", name="Publishing Platform Job x", job_instance__counter=[]),
        sample_event("REQUEST", user_primary_id=None),
        sample_event("BIB", suppress_from_publishing="true"),
        sample_event("ITEM"),
        sample_event("NOTIFICATION", receiver=None),
    ],
)
def test_the_examples_pass_over_what_they_are_not_about(registry, ctx, event: Event) -> None:
    (handler,) = registry.matching(event)
    assert isinstance(run(handler, event, ctx), Skip)
    assert ctx.sent == []
