import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from almahook import Context, Event, GiveUp, Retry, Skip
from almahook.handlers import Registry, load_handlers
from almahook.handlers.decorator import OPTIONS

PAGE = (Path(__file__).parents[2] / "docs" / "handlers.md").read_text(encoding="utf-8")
FILE = re.compile(r"^```python\n# handlers/(\w+)\.py\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def registry(write: Callable[..., Path]) -> Registry:
    return load_handlers(write(**dict(FILE.findall(PAGE))))


def ending(registry: Registry, event: Event, ctx: Context) -> Any:
    (handler,) = registry.matching(event)
    return handler.function(event, ctx)


def test_every_code_block_of_the_page_is_a_handler_file_that_loads(registry: Registry) -> None:
    assert len(FILE.findall(PAGE)) == PAGE.count("```python")
    assert set(registry.names) == {
        "bib",
        "exports.collect",
        "exports.complain",
        "item_updated",
        "job_end",
        "loan_created",
        "loan_returned",
    }


def test_every_handler_of_the_page_runs(
    registry: Registry, make_event: Callable[..., Event], make_context: Callable[..., Context]
) -> None:
    job = {"job_info": {"id": "M47"}, "status": {"value": "COMPLETED_FAILED"}}
    events = [
        {"action": "BIB", "bib": {"mms_id": "99"}},
        {"action": "JOB_END", "job_instance": job},
        {"action": "JOB_END", "job_instance": {**job, "status": {"value": "USER_ABORTED"}}},
        {"action": "LOAN", "event": {"value": "LOAN_CREATED"}},
        {"action": "LOAN", "event": {"value": "LOAN_RETURNED"}},
    ]
    ran = set()
    for document in events:
        event = make_event({"id": "1", **document})
        for handler in registry.matching(event):
            handler.function(event, make_context(handler=handler.name, run_id=len(ran)))
            ran.add(handler.name)
    assert ran == set(registry.names) - {"item_updated"}


def test_the_example_of_endings_ends_in_each_way(
    registry: Registry, make_event: Callable[..., Event], make_context: Callable[..., Context]
) -> None:
    def item(barcode: str) -> Event:
        data = {"item_data": {"pid": "23", "barcode": barcode}}
        return make_event(
            {"id": "1", "action": "ITEM", "event": {"value": "ITEM_UPDATED"}, "item": data}
        )

    assert ending(registry, item(""), make_context()) == Skip("the item has no barcode")
    with pytest.raises(GiveUp):
        ending(registry, item("../1"), make_context())
    with pytest.raises(Retry) as asked:
        ending(registry, item("A1"), make_context())
    assert asked.value.after_s == 60
    assert ending(registry, item("A1"), make_context(attempt=2)) is None


def test_every_option_is_in_the_page() -> None:
    assert [option for option in OPTIONS if f"{option}=" not in PAGE] == []
