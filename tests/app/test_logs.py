import json
import logging
import sys
from typing import Any

import pytest

from almahook.app.logs import JSONFormatter, TextFormatter
from almahook.handlers import AttemptLog


def record(message: str, *args: object, **more: Any) -> logging.LogRecord:
    made = logging.LogRecord("almahook.x", logging.WARNING, "", 0, message, args, None)
    vars(made).update(more)
    return made


def text(message: str, *args: object, **more: Any) -> str:
    """Return the line of text without its time."""
    return TextFormatter().format(record(message, *args, **more)).partition(" ")[2]


def line(message: str, *args: object, **more: Any) -> dict[str, Any]:
    return json.loads(JSONFormatter().format(record(message, *args, **more)))


def test_a_line_of_text_is_an_event_and_its_fields() -> None:
    fields = {"profile": "main", "status": 401, "reason": "no signature", "empty": ""}
    assert text("request.refused", fields=fields) == (
        "WARNING request.refused profile=main status=401 reason='no signature' empty=''"
    )


def test_a_line_of_json_has_the_event_its_place_and_its_fields() -> None:
    found = line("request.refused", fields={"status": 401})
    assert found.pop("at").endswith("+00:00")
    assert found == {
        "level": "warning",
        "logger": "almahook.x",
        "event": "request.refused",
        "status": 401,
    }


def test_no_field_takes_the_place_of_what_every_line_has() -> None:
    found = line("event.unhandled", fields={"event": "LOAN_RETURNED", "level": 3})
    assert (found["event"], found["level"]) == ("event.unhandled", "warning")
    assert (found["event_"], found["level_"]) == ("LOAN_RETURNED", 3)


def test_further_lines_of_a_message_are_no_part_of_its_event() -> None:
    message = "event.unhandled\ndef process():\n    pass"
    assert text(message, fields={"seq": 1}).splitlines() == [
        "WARNING event.unhandled seq=1",
        "def process():",
        "    pass",
    ]
    found = line(message)
    assert (found["event"], found["detail"]) == ("event.unhandled", "def process():\n    pass")


@pytest.mark.parametrize("form", [TextFormatter(), JSONFormatter()])
@pytest.mark.parametrize("hostile", ["\x1b[2J", "a\nb", "\r", "\x00", "\x85", "\u2028", "\ud800"])
def test_no_text_from_outside_moves_a_terminal_or_starts_a_line(form, hostile) -> None:
    written = form.format(record("refused %s", "x\x1b]0;", fields={"profile": hostile}))
    assert written.isprintable()
    written.encode("utf-8")


def test_a_handlers_lines_say_which_run_they_are_of(caplog: pytest.LogCaptureFixture) -> None:
    fields = {"handler": "texts", "profile": "main", "run_id": 7, "attempt": 2}
    log = AttemptLog(logging.getLogger("almahook.handler.texts"), fields)
    log.warning("number %s is odd", 3)
    (made,) = caplog.records
    assert (
        TextFormatter()
        .format(made)
        .endswith("WARNING number 3 is odd handler=texts profile=main run_id=7 attempt=2")
    )
    found = json.loads(JSONFormatter().format(made))
    assert {name: found[name] for name in fields} == fields


@pytest.mark.parametrize("form", [TextFormatter(), JSONFormatter()])
def test_an_exception_is_written_with_its_traceback(form) -> None:
    try:
        raise LookupError("odd")
    except LookupError:
        made = record("failed", exc_info=sys.exc_info())
    assert "LookupError: odd" in form.format(made)


def test_what_json_does_not_know_is_written_as_text() -> None:
    assert line("done", fields={"path": LookupError("odd")})["path"] == "odd"
