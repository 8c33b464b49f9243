import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from almahook import Event
from almahook.errors import FilterError, HandlerLoadError
from almahook.handlers import describe, load_handlers

Write = Callable[..., Path]

PLAIN = "def process(event, ctx):\n    return (event.action, ctx)\n"


def matching(folder: Path, event: Event) -> list[str]:
    return [handler.name for handler in load_handlers(folder).matching(event)]


def refusal(folder: Path) -> str:
    with pytest.raises(HandlerLoadError) as refused:
        load_handlers(folder)
    return str(refused.value)


def test_a_file_named_after_an_action_takes_all_of_it(
    write: Write, loan: Event, job: Event
) -> None:
    folder = write(loan=PLAIN)
    assert matching(folder, loan) == ["loan"]
    assert matching(folder, job) == []


def test_a_file_named_after_an_event_takes_that_event(write: Write, loan: Event) -> None:
    assert matching(write(loan_returned=PLAIN, loan_created=PLAIN), loan) == ["loan_returned"]


def test_an_action_nobody_has_heard_of_is_taken_by_its_name(
    write: Write, make_event: Callable[..., Event]
) -> None:
    folder = write(portfolio=PLAIN, shelf_moved=PLAIN)
    assert matching(folder, make_event({"id": "1", "action": "PORTFOLIO"})) == ["portfolio"]
    moved = make_event({"id": "1", "action": "SHELF", "event": {"value": "SHELF_MOVED"}})
    assert matching(folder, moved) == ["shelf_moved"]


@pytest.mark.parametrize(
    ("stem", "meant"),
    [("job_ends", "job_end"), ("loan_return", "loan_returned"), ("jobend", "job_end")],
)
def test_a_misspelt_file_name_is_refused_with_the_right_one(
    stem: str, meant: str, write: Write
) -> None:
    assert f"Did you mean {meant}.py?" in refusal(write(**{stem: PLAIN}))


def test_process_may_do_without_the_context(write: Write, job: Event) -> None:
    (handler,) = load_handlers(write(job_end="def process(event):\n    return event.action\n"))
    assert handler.function(job, None) == "JOB_END"
    assert not handler.is_async


def test_process_is_given_the_context(write: Write, job: Event) -> None:
    (handler,) = load_handlers(write(job_end=PLAIN))
    assert handler.function(job, "context") == ("JOB_END", "context")


@pytest.mark.parametrize("arguments", ["event", "event, ctx"])
def test_process_may_be_async(arguments: str, write: Write, job: Event) -> None:
    code = f"async def process({arguments}):\n    return event.action\n"
    (handler,) = load_handlers(write(job_end=code))
    assert handler.is_async
    assert asyncio.run(handler.function(job, None)) == "JOB_END"


def test_a_decorated_process_takes_what_the_decorator_says(write: Write, job: Event) -> None:
    code = 'from almahook import on\n@on("JOB_END", job="M47", timeout=5)\n' + PLAIN
    registry = load_handlers(write(exports=code))
    assert [handler.name for handler in registry.matching(job)] == ["exports"]
    assert registry.get("exports").timeout_s == 5


def test_a_module_may_hold_several_handlers(write: Write, loan: Event, job: Event) -> None:
    code = """
from almahook import on

@on("LOAN")
def count(event): ...

@on(["LOAN", "JOB_END"], name="audit")
async def write_down(event, ctx): ...

def process(event): ...
"""
    registry = load_handlers(write(loan_returned=code))
    assert registry.names == ["loan_returned.count", "audit", "loan_returned"]
    assert len(registry.matching(loan)) == 3
    assert [handler.name for handler in registry.matching(job)] == ["audit"]


def test_the_options_of_a_decorator_reach_the_handler(write: Write) -> None:
    code = """
from datetime import timedelta
from almahook import RetryPolicy, on

@on("BIB", timeout=timedelta(minutes=1), concurrency=1, retry=RetryPolicy(attempts=2),
    ordered=True, coalesce=30)
def index(event): ...
"""
    registry = load_handlers(write(bib=code))
    handler = registry.get("bib.index")
    assert (handler.timeout_s, handler.concurrency, handler.retry.attempts) == (60.0, 1, 2)
    assert (handler.ordered, handler.coalesce_s) == (True, 30.0)
    (description,) = describe(registry)
    assert description.takes == "action BIB"
    assert description.options == (
        "at most 2 attempts, 60 s each, 1 at once, in order, the newest of 30 s"
    )


def test_a_function_with_two_names_is_one_handler(write: Write) -> None:
    code = 'from almahook import on\n@on("LOAN")\ndef a(event): ...\nb = a\n'
    assert load_handlers(write(loan=code)).names == ["loan.a"]


def test_files_for_tests_and_helpers_are_not_handlers(write: Write) -> None:
    folder = write(_shared="X = 1\n", test_loan="raise OSError\n", conftest="raise OSError\n")
    (folder / ".job_end.py").write_text("what an editor left behind", encoding="utf-8")
    assert load_handlers(folder).names == []


@pytest.mark.parametrize("line", ["from _shared import greet", "from ._shared import greet"])
def test_a_handler_imports_its_neighbours(line: str, write: Write, job: Event) -> None:
    folder = write(
        _shared="def greet():\n    return 'hello'\n",
        job_end=f"{line}\ndef process(event):\n    return greet()\n",
    )
    (handler,) = load_handlers(folder)
    assert handler.function(job, None) == "hello"


def test_a_neighbour_may_be_imported_when_the_handler_runs(write: Write, job: Event) -> None:
    folder = write(
        _later="WORD = 'later'\n",
        job_end="def process(event):\n    from _later import WORD\n    return WORD\n",
    )
    (handler,) = load_handlers(folder)
    assert handler.function(job, None) == "later"


def test_another_folder_has_its_own_neighbours(tmp_path: Path, job: Event) -> None:
    words = []
    for word in ("first", "second"):
        folder = tmp_path / word
        folder.mkdir()
        (folder / "_shared.py").write_text(f"WORD = {word!r}\n", encoding="utf-8")
        code = "from _shared import WORD\ndef process(event):\n    return WORD\n"
        (folder / "job_end.py").write_text(code, encoding="utf-8")
        (handler,) = load_handlers(folder)
        words.append(handler.function(job, None))
    assert words == ["first", "second"]


def test_a_handler_imported_by_another_file_is_registered_once(write: Write) -> None:
    code = 'from almahook import on\n@on("LOAN")\ndef count(event): ...\n'
    folder = write(loan=code, item=f"from loan import count\n{PLAIN}")
    assert load_handlers(folder).names == ["item", "loan.count"]


def test_a_handler_file_does_not_shadow_the_standard_library(write: Write, job: Event) -> None:
    folder = write(json="import json\ndef process(event):\n    return json.dumps({})\n", this=PLAIN)
    registry = load_handlers(folder)
    assert registry.get("json").function(job, None) == "{}"
    assert sys.modules["json"] is json


def test_a_file_that_fails_to_import_is_reported_with_its_line_and_cause(write: Write) -> None:
    folder = write(
        _shared="import a_package_that_is_missing\n", job_end=f"\nimport _shared\n{PLAIN}"
    )
    with pytest.raises(HandlerLoadError) as refused:
        load_handlers(folder)
    assert f"{folder / '_shared.py'}, line 1: ModuleNotFoundError" in str(refused.value)
    assert "Is the package installed where almahook runs?" in str(refused.value)
    assert isinstance(refused.value.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize(
    ("code", "line", "kind"),
    [
        ("x = 1\ndef process(event:\n", 2, "SyntaxError"),
        ("x = 1\n\nx.y\n", 3, "AttributeError"),
        ("import sys\nsys.exit(3)\n", 2, "SystemExit"),
        ("x = 1\nimport json\njson.loads('{')\n", 3, "JSONDecodeError"),
    ],
)
def test_code_that_fails_is_reported_with_its_line(
    code: str, line: int, kind: str, write: Write
) -> None:
    folder = write(job_end=code)
    assert refusal(folder).startswith(f"{folder / 'job_end.py'}, line {line}: {kind}")


def test_a_wrong_filter_is_reported_with_its_line(write: Write) -> None:
    folder = write(loan='from almahook import on\n@on("LOAN", concurency=2)\n' + PLAIN)
    with pytest.raises(HandlerLoadError, match=r"line 2: FilterError: .*concurrency=") as refused:
        load_handlers(folder)
    assert isinstance(refused.value.__cause__, FilterError)


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        ("def handle(event): ...\n", "Add def process(event, ctx)"),
        ("process = 3\n", "is not a function"),
        ("def process(): ...\n", "takes 0 arguments"),
        ("def process(a, b, c): ...\n", "takes 3 arguments"),
        ("def process(event, *, dry): ...\n", "keyword argument"),
        ("def process(event):\n    yield\n", "yield"),
        ("async def process(event):\n    yield\n", "yield"),
    ],
)
def test_a_file_without_a_usable_handler_is_refused_with_the_fix(
    code: str, fix: str, write: Write
) -> None:
    folder = write(job_end=code)
    text = refusal(folder)
    assert fix in text
    assert str(folder / "job_end.py") in text


def test_a_wrapped_function_is_called_with_both_arguments(write: Write, job: Event) -> None:
    code = "def process(*args):\n    return len(args)\n"
    (handler,) = load_handlers(write(job_end=code))
    assert handler.function(job, None) == 2


def test_a_missing_folder_is_refused_with_the_command_that_makes_one(tmp_path: Path) -> None:
    assert "almahook init" in refusal(tmp_path / "handlers")


def test_without_a_folder_and_a_module_there_are_no_handlers() -> None:
    assert load_handlers(None).names == []


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    package = tmp_path / "example_library"
    package.mkdir()
    code = 'from almahook import on\n@on("LOAN")\ndef count(event): ...\n'
    (package / "__init__.py").write_text(code, encoding="utf-8")
    (package / "job_end.py").write_text(PLAIN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("example_library")]:
        monkeypatch.delitem(sys.modules, name)
    return "example_library"


def test_the_handlers_of_a_package_are_loaded(library: str) -> None:
    assert load_handlers(None, module=library).names == ["example_library.count", "job_end"]


def test_the_handlers_of_one_module_are_loaded(library: str) -> None:
    assert load_handlers(None, module=f"{library}.job_end").names == ["job_end"]


def test_a_module_and_a_folder_are_loaded_together(library: str, write: Write) -> None:
    registry = load_handlers(write(bib=PLAIN), module=library)
    assert registry.names == ["bib", "example_library.count", "job_end"]


def test_a_module_that_is_not_there_is_refused() -> None:
    with pytest.raises(HandlerLoadError, match=r"module no_such\.handlers: ModuleNotFoundError"):
        load_handlers(None, module="no_such.handlers")
