from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aws_local.runtime_api import MAX_PAYLOAD_BYTES, LambdaFunction, lambda_function

CODE = """
import os, threading, time
started = []

def handler(event, context):
    started.append(1)
    match event["do"]:
        case "say":
            left = context.get_remaining_time_in_millis()
            return {"said": event["what"], "times": len(started), "left": left}
        case "raise": raise LookupError("no such patron")
        case "exit": os._exit(event["code"])
        case "hang": threading.Event().wait()
        case "large": return "x" * event["size"]
        case "meet":
            open(event["own"], "w").close()
            while not os.path.exists(event["other"]): time.sleep(0.005)
            return os.getpid()
"""


@pytest.fixture
def function(tmp_path: Path):
    (tmp_path / "function_code.py").write_text(CODE)
    with lambda_function("function_code.handler", tmp_path) as made:
        yield made


def say(function: LambdaFunction) -> int:
    return function.invoke({"do": "say", "what": "é"}).payload["times"]


def test_an_answer_comes_back_and_the_next_event_finds_the_process_warm(function) -> None:
    answered = function.invoke({"do": "say", "what": "€"})
    assert (answered.error, answered.payload["said"]) == ("", "€")
    assert 0 < answered.payload["left"] <= function.timeout_s * 1000
    assert (say(function), function.cold_starts) == (2, 1)


def test_what_the_handler_raises_is_told_as_lambda_tells_it_and_the_process_lives(function) -> None:
    failed = function.invoke({"do": "raise"})
    assert (failed.error, failed.message) == ("Unhandled", "no such patron")
    assert failed.payload["errorType"] == "LookupError"
    assert "no such patron" in function.log
    assert say(function) == 2


def test_a_function_that_does_not_end_is_killed_and_the_next_event_starts_cold(function) -> None:
    function.timeout_s = 0.5
    failed = function.invoke({"do": "hang"})
    assert failed.message.endswith("Error: Task timed out after 0.50 seconds")
    function.timeout_s = 30.0
    assert (say(function), function.cold_starts) == (1, 2)


@pytest.mark.parametrize(("code", "why"), [(3, "with error: exit status 3"), (0, "without")])
def test_a_process_that_ends_is_an_error_and_the_next_event_starts_cold(
    function, code, why
) -> None:
    failed = function.invoke({"do": "exit", "code": code})
    assert (failed.error, failed.payload["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert f"Runtime exited {why}" in failed.message
    assert say(function) == 1


def test_a_module_that_cannot_be_imported_is_an_error(function, tmp_path) -> None:
    (tmp_path / "broken.py").write_text("import no_such_package")
    with lambda_function("broken.handler", tmp_path) as broken:
        failed = broken.invoke({})
    assert failed.payload["errorType"] == "Runtime.ImportModuleError"
    assert "no_such_package" in failed.message


def test_events_at_the_same_moment_get_processes_of_their_own(function, tmp_path) -> None:
    here, there = str(tmp_path / "here"), str(tmp_path / "there")
    events = [{"do": "meet", "own": a, "other": b} for a, b in ((here, there), (there, here))]
    with ThreadPoolExecutor(2) as pool:
        pids = {found.payload for found in pool.map(function.invoke, events)}
    assert len(pids) == 2


def test_what_is_too_large_is_refused_both_ways(function) -> None:
    with pytest.raises(ValueError, match="refuses"):
        function.invoke({"do": "x" * MAX_PAYLOAD_BYTES})
    failed = function.invoke({"do": "large", "size": MAX_PAYLOAD_BYTES})
    assert failed.payload["errorType"] == "Function.ResponseSizeTooLarge"
