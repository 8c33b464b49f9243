import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almahook.inbox.aws.message import Again, Kept, read_message, write_message
from almahook.testing.inbox_contract.given import new_event


@given(st.binary(max_size=200), st.text(max_size=50), st.floats(0, 1e11))
def test_an_event_is_read_as_it_was_written(body: bytes, text: str, at: float) -> None:
    event = new_event("1", body=body, subject=text, received_at=at)
    assert read_message(write_message(event)) == event


@given(st.text(max_size=50))
def test_a_message_is_of_characters_that_the_queue_takes(text: str) -> None:
    assert all(" " <= character <= "~" for character in write_message(new_event(subject=text)))


@pytest.mark.parametrize("said", [Kept("bucket", "spool/1"), Again(7)])
def test_what_refers_to_an_event_is_read_as_it_was_written(said: Kept | Again) -> None:
    assert read_message(write_message(said)) == said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        "[]",
        "7",
        "{}",
        '{"event": "secret"}',
        '{"event": {"body": "secret"}}',
        json.dumps({"event": {**json.loads(write_message(new_event()))["event"], "body": "s!"}}),
        json.dumps({"event": {**json.loads(write_message(new_event()))["event"], "time": 1}}),
        '{"kept": ["secret"]}',
        '{"again": {"seq": "secret"}}',
        '{"again": null}',
        '{"kept": "\ud800"}',
    ],
)
def test_another_message_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="no message") as told:
        read_message(text)
    assert "secret" not in str(told.value)
    assert told.value.__cause__ is None
