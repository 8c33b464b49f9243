import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from almahook import Context, Event
from almahook.events import read_event
from almahook.handlers import handler_to_paste, load_handlers

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.\- ]{0,20}", fullmatch=True).filter(
    lambda name: name == name.strip()
)


def save(text: str, folder: Path) -> None:
    """Do as the log says: the first line names the file."""
    first_line, _, _ = text.partition("\n")
    (folder / Path(first_line.removeprefix("# ")).name).write_text(text, encoding="utf-8")


def test_the_code_for_an_event_is_a_file_named_after_it(loan: Event) -> None:
    assert handler_to_paste(loan) == (
        "# handlers/loan_returned.py\n"
        "from almahook import Context, LoanEvent\n"
        "\n"
        "\n"
        "def process(event: LoanEvent, ctx: Context) -> None:\n"
        '    """Handle LOAN_RETURNED."""\n'
        '    ctx.log.info("LOAN_RETURNED with id %s", event.id)\n'
    )


def test_an_event_without_a_sub_event_is_handled_by_its_action(job: Event) -> None:
    assert handler_to_paste(job).startswith(
        "# handlers/job_end.py\nfrom almahook import Context, J"
    )


def test_the_pasted_code_takes_the_event_and_runs(
    loan: Event, job: Event, folder: Path, make_context: Callable[..., Context]
) -> None:
    for event in (loan, job):
        save(handler_to_paste(event), folder)
        (handler,) = load_handlers(folder).matching(event)
        ctx = make_context(handler=handler.name)
        handler.function(event, ctx)
        assert event.id in ctx.log.lines[0]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50)
@example("TEST_1", "")
@example("REQUEST", "REQUEST_CANCELLED")
@given(NAMES, NAMES | st.just(""))
def test_the_pasted_code_takes_its_event_whatever_alma_calls_it(action: str, event: str) -> None:
    body = msgspec.json.encode({"id": "1", "action": action, "event": {"value": event}})
    unhandled = read_event(body)
    with tempfile.TemporaryDirectory() as folder:
        save(handler_to_paste(unhandled), Path(folder))
        assert len(load_handlers(Path(folder)).matching(unhandled)) == 1
