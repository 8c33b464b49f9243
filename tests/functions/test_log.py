import io
import json
import sys
from datetime import UTC, datetime, timedelta

import pytest

from almahook.app.functions.log import tell


def said(monkeypatch: pytest.MonkeyPatch, **fields: object) -> str:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    tell("warning", "request.refused", **fields)
    return out.getvalue()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"profile": "main", "code": "signature.mismatch", "status": 401},
        {"profile": 'a"b\\c\n\x00\x7fé📚\ud83d', "held_back": 0},
        {"reason": None, "is_kept": True, "wait_s": 1.5, "names": ["a", {"b": "c"}]},
        {"error": ValueError("x")},
    ],
)
def test_a_line_is_the_json_that_the_json_module_would_write(monkeypatch, fields) -> None:
    line = said(monkeypatch, **fields)
    at = json.loads(line)["at"]
    head = {
        "at": at,
        "level": "warning",
        "logger": "almahook.receiver",
        "event": "request.refused",
    }
    assert line == json.dumps({**head, **fields}, default=str) + "\n"


def test_each_line_has_its_own_time_to_the_millisecond(monkeypatch) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    for second in (0.9994, 1.0, 61.25):
        monkeypatch.setattr("time.time", lambda second=second: second)
        at = json.loads(said(monkeypatch))["at"]
        whole, part = divmod(int(second * 1000), 1000)
        expected = datetime.fromtimestamp(whole, UTC).replace(microsecond=part * 1000)
        assert at == expected.isoformat(timespec="milliseconds")
    monkeypatch.undo()
    at = datetime.fromisoformat(json.loads(said(monkeypatch))["at"])
    assert before <= at <= datetime.now(UTC)
